"""What is timed at the start of a run, on a clock that only steps move; and that the run is the same for it."""

from dataclasses import replace

import numpy as np
import pytest
import tiny_runs
import torch
from tiny_text import letters, sentences, text_config
from tiny_words import captioned, words_config

from attngan.data import TextDataset
from attngan.tasks import TASKS, text
from attngan.tasks.image import ImageValidation
from attngan.train import Outcome, build
from attngan.trainer import Trainer
from attngan.training.likelihood import Likelihood
from attngan.training.pace import Pace
from attngan.training.speed import fastest, time_run, with_kids
from attngan.training.word_matching import WordMatching

CPU = torch.device("cpu")


class Clock:
    """Seconds that pass where something is said to take them."""

    now = 0.0

    def __call__(self):
        return self.now

    def taking(self, patch, owner, name, seconds, result=None):
        """Calls of owner.name take seconds(*arguments), and do nothing or what they did."""
        original = getattr(owner, name)

        def call(*arguments):
            self.now += seconds(*arguments)
            return original(*arguments) if result is None else result(*arguments)

        patch.setattr(owner, name, call)


@pytest.fixture
def clock():
    return Clock()


def stepping(clock, patch, seconds):
    """A step against D takes seconds(its real samples, whether it has the penalty), and moves nothing."""

    def result(trainer, *_):
        trainer.steps += 1
        return {"loss_d": 1.0, "loss_g": 1.0, "real": 0.0, "fake": 0.0}

    clock.taking(
        patch, Trainer, "step",
        lambda trainer, real, noise, condition, settings, augment: seconds(
            real, trainer.steps % settings.penalty_every == 0
        ),
        result,
    )  # fmt: skip


def half():
    return torch.is_autocast_enabled("cpu")


def prepared(config, dataset, tokenizer=b""):
    return TASKS[config.task].prepare(config, dataset, CPU, tokenizer), build(config, CPU)


def test_a_run_is_timed_by_steps_with_the_penalty_and_without(pictures, clock, monkeypatch):
    """Of four steps one takes 0.5 s and three take 0.1: 0.8 s for 64 pictures."""
    stepping(clock, monkeypatch, lambda real, penalty: len(real) / 16 * (0.5 if penalty else 0.1))
    run, state = prepared(tiny_runs.config(pictures, 3200), pictures)
    pace, precision = time_run(run, state, [1], ["fp32"], clock)
    assert (pace.threads, precision) == (1, "fp32")
    assert (pace.per_second, pace.seconds) == pytest.approx((80, 40))
    assert pace.tried == pytest.approx({"1 threads, fp32": 80})
    assert pace.first_grid == 60 * 80
    assert clock.now < 3


def test_all_that_is_shown_counts_whether_by_phases_or_at_smaller_resolutions(clock, monkeypatch):
    """Words in 0.25 s for 32 pictures; then pictures at 8² for half of the run in a quarter of the time of 16²."""
    pictures = captioned()
    config, tokenizer = words_config(pictures, 640)
    clock.taking(monkeypatch, WordMatching, "learn", lambda *_: 0.25)
    stepping(clock, monkeypatch, lambda real, _: len(real) * real.shape[-1] ** 2 / 16**2 / 10)
    pace, _ = time_run(*prepared(config, pictures, tokenizer), [1], ["fp32"], clock)
    assert pace.seconds == pytest.approx(256 / 32 * 0.25 + 320 * 0.025 + 320 * 0.1)
    assert pace.per_second == pytest.approx(640 / (320 * 0.025 + 320 * 0.1))
    assert pace.first_grid == 60 * 40  # by the speed at which the run begins


def test_the_longest_part_decides(clock, monkeypatch):
    """Likelihood is faster by one thread, steps against D by two; there is more of likelihood."""
    dataset = TextDataset(sentences())
    config, tokenizer = text_config(dataset, 64)
    clock.taking(monkeypatch, Likelihood, "learn", lambda *_: float(torch.get_num_threads()))
    stepping(clock, monkeypatch, lambda *_: 0.4 / torch.get_num_threads())
    pace, _ = time_run(*prepared(config, dataset, tokenizer), [2, 1], ["fp32"], clock)
    assert pace.threads == 1
    assert pace.tried.keys() == {"2 threads, fp32", "1 threads, fp32"}
    assert pace.tried["1 threads, fp32"] == pytest.approx(64)


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({(2, "fp32"): 4, (2, "bf16"): 2, (1, "bf16"): 3}, (2, "bf16")),
        ({(2, "fp32"): 4, (2, "bf16"): 8, (1, "fp32"): 7}, (2, "fp32")),
        ({(2, "fp32"): 4, (2, "bf16"): 3.9, (1, "fp32"): 7}, (2, "fp32")),  # no gain beyond chance
        ({(2, "fp32"): 4, (2, "bf16"): 9, (1, "fp32"): 4.2}, (1, "fp32")),  # a second thread that is of no use
        ({(2, "fp32"): 40, (2, "bf16"): 36, (1, "bf16"): 4}, (1, "bf16")),  # beside a busy core
    ],
)
def test_bf16_and_threads_are_taken_where_they_are_faster(seconds, chosen, clock):
    way, tried = fastest([2, 1], ["fp32", "bf16"], lambda way: seconds[way], clock, 60)
    assert way == chosen and tried == seconds


def test_threads_are_halved_while_that_costs_nothing(clock):
    seconds = {(8, "fp32"): 5.0, (4, "fp32"): 3.0, (2, "fp32"): 3.1, (1, "fp32"): 6.0}
    way, tried = fastest([8, 4, 2, 1], ["fp32"], seconds.__getitem__, clock, 60)
    assert way == (2, "fp32") and tried == seconds
    way, tried = fastest([8, 4, 2, 1], ["fp32"], lambda way: 8 / way[0], clock, 60)
    assert way == (8, "fp32") and len(tried) == 2


def test_a_run_is_timed_by_the_threads_and_in_the_precision_that_it_may_take(pictures, clock, monkeypatch):
    """Two threads in bf16 take an eighth of the time of one in fp32."""
    before = torch.get_num_threads()
    stepping(clock, monkeypatch, lambda real, _: len(real) / 16 / torch.get_num_threads() / (4 if half() else 1))
    run, state = prepared(tiny_runs.config(pictures, 16_000), pictures)
    pace, precision = time_run(run, state, [2, 1], ["fp32", "bf16"], clock)
    assert (pace.threads, precision, pace.per_second) == (2, "bf16", pytest.approx(128))
    assert pace.tried == pytest.approx({"2 threads, fp32": 32, "2 threads, bf16": 128, "1 threads, bf16": 64})
    assert (run.plan.precision, run.plan.batch, run.batches.plan) == ("fp32", 16, run.plan)
    assert torch.get_num_threads() == before


def test_steps_that_take_minutes_are_timed_with_few_samples_and_no_other_way_is_tried(pictures, clock, monkeypatch):
    """A step of 16 pictures takes 80 s, with the penalty 200: three steps of 2 pictures are enough."""
    shown = []
    stepping(clock, monkeypatch, lambda real, penalty: shown.append(len(real)) or len(real) * (12.5 if penalty else 5))
    run, state = prepared(tiny_runs.config(pictures, 1_000_000), pictures)
    pace, _ = time_run(run, state, [2, 1], ["fp32", "bf16"], clock)
    assert shown == [2, 2, 2] and clock.now == 45
    assert len(pace.tried) == 1
    assert pace.per_second == pytest.approx(1 / (0.25 * 12.5 + 0.75 * 5))


def test_kids_are_as_many_as_there_is_time_for(pictures, clock, monkeypatch):
    """12 real pictures at 0.1 s, then 40 drawn ones at 0.1 s and a distance of 1 s a measurement."""
    monkeypatch.setattr("attngan.tasks.image.features", tiny_runs.mean_colours)
    run, state = prepared(tiny_runs.config(pictures, holdout=12, kid_samples=40), pictures)
    clock.taking(monkeypatch, ImageValidation, "real_features", lambda self, part: 0.1 * len(self.images[part]))
    clock.taking(monkeypatch, ImageValidation, "made_features", lambda self, deployed, seeds: 0.1 * len(seeds))
    clock.taking(monkeypatch, ImageValidation, "distance", lambda self, real, made: 1.0 if len(made) == 40 else 99.0)
    for seconds, kids in ((0.05 * 6, 0), (6.1 / 0.05, 0), (6.3 / 0.05, 1), (16.3 / 0.05, 3), (1e6, 20)):
        assert with_kids(Pace(threads=1, seconds=seconds), run, state, clock).kids == kids


def test_where_no_kid_is_measured_none_is_timed(pictures):
    run, state = prepared(tiny_runs.config(pictures), pictures)
    pace = Pace(threads=1, seconds=1e-3)
    assert with_kids(pace, run, state) == pace


@pytest.mark.parametrize("task", ["image", "text-to-image", "text"])
def test_a_run_ends_in_the_same_bits_whether_it_was_timed_or_not(task, tmp_path, pictures, monkeypatch):
    """With the same dataset, run and chance, and networks of its own."""
    monkeypatch.setattr(text, "embeddings", letters)
    monkeypatch.setattr("attngan.tasks.image.features", tiny_runs.mean_colours)
    monkeypatch.setattr("attngan.tasks.image.measure_into", lambda *_: None)
    if task == "image":
        config, dataset, tokenizer = tiny_runs.config(pictures, 64, holdout=12, kid_samples=20), pictures, b""
    elif task == "text":
        dataset = TextDataset(sentences())
        config, tokenizer = text_config(dataset, 32)
    else:
        dataset = captioned()
        config, tokenizer = words_config(dataset, 64)
    pace = Pace(threads=1, kids=2)
    runs = [tmp_path / "plain", tmp_path / "timed"]
    for out in runs:
        if out.name == "timed":
            run, state = prepared(config, dataset, tokenizer)
            chance = torch.get_rng_state()
            found, _ = time_run(run, state, [2, 1], ["fp32", "bf16"])
            assert found.per_second > 0 and np.isfinite(found.seconds)
            with_kids(found, run, state)
            assert torch.equal(torch.get_rng_state(), chance)
        assert tiny_runs.run(config, dataset, out, tokenizer=tokenizer, pace=pace) == Outcome.FINISHED
    assert tiny_runs.same_bits(*runs)
    assert runs[0].joinpath("metrics.jsonl").read_bytes() == runs[1].joinpath("metrics.jsonl").read_bytes()


def test_what_has_no_first_phase_has_none_timed(clock, monkeypatch):
    pictures = captioned()
    config, tokenizer = words_config(pictures, 640)
    config = replace(config, training=replace(config.training, matching_images=0, grow=()))
    stepping(clock, monkeypatch, lambda real, _: len(real) / 10)
    assert time_run(*prepared(config, pictures, tokenizer), [1], ["fp32"], clock)[0].seconds == pytest.approx(64)
