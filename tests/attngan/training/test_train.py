"""Runs on disk: resuming to the same bits, stopping, and every way in which a folder can be wrong."""

import json
import os
import resource
import shutil
import signal
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from refusals import refuses
from safetensors.torch import load_file
from tiny_runs import config, run, same_bits

from attngan.config import RunConfig
from attngan.data import ImageDataset
from attngan.data.sampler import Sampler
from attngan.generators import open_generator
from attngan.networks.image import ImageGenerator
from attngan.presets import preset
from attngan.tasks.image import ImageRun
from attngan.train import Outcome, build, train
from attngan.trainer import Trainer
from attngan.training.run_logger import RunLogger
from attngan.training.schedule import schedule
from attngan.training.state import CHECKPOINT, PREVIOUS, TrainingState


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, pictures):
    out = tmp_path_factory.mktemp("runs") / "undisturbed"
    assert run(config(pictures), pictures, out) == Outcome.FINISHED
    return out


def test_a_run_folder_holds_what_people_and_programs_look_for(undisturbed):
    lines = [json.loads(line) for line in (undisturbed / "metrics.jsonl").read_text().splitlines()]
    assert [line["images"] for line in lines] == sorted({line["images"] for line in lines})
    assert {"loss_d", "loss_g", "penalty", "gamma", "learning_rate"} <= lines[0].keys()
    grids = sorted(int(path.stem) for path in (undisturbed / "samples").glob("*.png"))
    assert grids == [16, 32, 48, 80, 160, 320]  # the first steps that reach 5, 10, 20 … of 320
    assert json.loads((undisturbed / "config.json").read_text())["class_names"] == ["round", "square"]
    assert not list(undisturbed.glob("*.part"))
    assert (undisturbed / "curves.png").stat().st_size > 10_000
    drawn = open_generator(str(undisturbed)).sample([0, 1, 2], [0, 1, 0])
    assert drawn.shape == (3, 16, 16, 3)


def test_training_moves_every_network(undisturbed):
    state = load_file(undisturbed / "checkpoint.safetensors")
    moved = [
        name
        for name in state
        if name.startswith("generator.") and not torch.equal(state[name], state["ema" + name[9:]])
    ]
    assert moved


@pytest.mark.parametrize(
    ("number", "outcome"), [(signal.SIGINT, Outcome.INTERRUPTED), (signal.SIGTERM, Outcome.TERMINATED)]
)
def test_stopping_by_a_signal_and_resuming_ends_in_the_same_bits(
    number, outcome, tmp_path, pictures, undisturbed, monkeypatch
):
    steps = []
    original = Trainer.step

    def interrupt(*args):
        steps.append(1)
        if len(steps) in (3, 10):
            os.kill(os.getpid(), number)
        return original(*args)

    monkeypatch.setattr(Trainer, "step", interrupt)
    out = tmp_path / "run"
    assert run(config(pictures), pictures, out) == outcome
    assert run(config(pictures), pictures, out) == outcome
    assert run(config(pictures), pictures, out) == Outcome.FINISHED
    assert len(steps) == 20
    assert same_bits(out, undisturbed)
    assert (out / "metrics.jsonl").read_text() == (undisturbed / "metrics.jsonl").read_text()


def test_another_seed_gives_another_run(tmp_path, pictures, undisturbed):
    run(config(pictures, seed=1), pictures, tmp_path / "run")
    assert not same_bits(tmp_path / "run", undisturbed)


def test_resuming_with_other_options_names_them(pictures, undisturbed):
    with refuses("--out: settings .training.ema_half_life: 200 → 100; training.seed: 0 → 5"):
        run(config(pictures, 400, ema_half_life=100, seed=5), pictures, undisturbed)


def damage(path, how):
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    contents = {
        "empty": b"",
        "short": content[:1000],
        "last byte": content[:-1],
        "one bit": flipped,
        "name of the checksum": content.replace(b"sha256", b"sha257", 1),
        "name of the rest": content.replace(b'"attngan"', b'"attngao"', 1),
    }
    assert contents[how] != content
    path.write_bytes(contents[how])


@pytest.mark.parametrize("how", ["empty", "short", "last byte", "one bit", "name of the checksum", "name of the rest"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path, pictures, undisturbed, how, capsys):
    out = tmp_path / "run"
    shutil.copytree(undisturbed, out)
    assert (out / PREVIOUS).exists()
    damage(out / CHECKPOINT, how)
    assert run(config(pictures), pictures, out) == Outcome.FINISHED
    assert "damaged" in capsys.readouterr().err
    assert same_bits(out, undisturbed)
    build(config(pictures), torch.device("cpu")).load_from(out / PREVIOUS)  # the damaged one is gone for good
    (event,) = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    assert event["event"] == "damaged checkpoint" and "going on from the one before it" in event["detail"]


def test_two_damaged_checkpoints_are_one_clear_error(tmp_path, pictures, undisturbed):
    out = tmp_path / "run"
    shutil.copytree(undisturbed, out)
    damage(out / CHECKPOINT, "short")
    damage(out / PREVIOUS, "one bit")
    with refuses("checkpoint.previous.safetensors: damaged"):
        run(config(pictures), pictures, out)


def test_a_kill_between_the_two_renames_of_a_save_loses_nothing(tmp_path, pictures, undisturbed):
    out = tmp_path / "run"
    shutil.copytree(undisturbed, out)
    (out / CHECKPOINT).unlink()  # the old one has become the previous, the new one is not there yet
    assert run(config(pictures), pictures, out) == Outcome.FINISHED
    assert same_bits(out, undisturbed)


def test_a_checkpoint_of_another_architecture_names_the_fields(tmp_path, pictures, undisturbed):
    out = tmp_path / "run"
    shutil.copytree(undisturbed, out)
    other = config(pictures)
    other = replace(other, network=replace(other.network, widths=(8, 8, 16), z_dim=32))
    (out / "config.json").write_text(other.to_json())
    with refuses(r"checkpoint.safetensors: another architecture .*z_dim: 16 → 32.*widths: \[8, 8, 8\] → \[8, 8, 16\]"):
        run(other, pictures, out)
    with refuses("generator.safetensors: another architecture .*z_dim: 16 → 32"):
        open_generator(str(out))


@contextmanager
def full_disk(largest):
    """No file may grow beyond so many bytes: the same OSError on the same path as a disk without space."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize(
    ("largest", "file"), [(30_000, "160.png"), (120_000, "generator.safetensors"), (200_000, "checkpoint.safetensors")]
)
def test_a_disk_that_fills_up_stops_the_run_with_its_state_intact(
    largest, file, tmp_path, pictures, undisturbed, monkeypatch
):
    """The first file that is too large: a grid of 37 kB, a generator of 131, a checkpoint of 592."""
    out, steps, original = tmp_path / "run", [], Trainer.step

    with ExitStack() as stack:

        def step(*args):
            steps.append(1)
            if len(steps) == 8:
                stack.enter_context(full_disk(largest))
            return original(*args)

        monkeypatch.setattr(Trainer, "step", step)
        with refuses(f"{file}: could not be saved"):
            run(config(pictures), pictures, out)
    assert not list(out.glob("*.part"))
    monkeypatch.undo()
    assert open_generator(str(out)).sample([0], [0]).shape == (1, 16, 16, 3)
    assert run(config(pictures), pictures, out) == Outcome.FINISHED
    assert same_bits(out, undisturbed)


def test_a_disk_that_fills_up_with_metrics_stops_the_run_too(tmp_path, pictures, undisturbed, monkeypatch):
    out, metrics, original = tmp_path / "run", tmp_path / "run" / "metrics.jsonl", Trainer.step

    def step(*args):
        if metrics.exists() and not metrics.is_symlink():
            metrics.rename(tmp_path / "so far")
            metrics.symlink_to("/dev/full")
        return original(*args)

    monkeypatch.setattr(Trainer, "step", step)
    with refuses("metrics.jsonl: No space"):
        run(config(pictures), pictures, out)
    monkeypatch.undo()
    (tmp_path / "so far").rename(metrics)
    assert run(config(pictures), pictures, out) == Outcome.FINISHED
    assert same_bits(out, undisturbed)
    assert metrics.read_text() == (undisturbed / "metrics.jsonl").read_text()


def test_a_run_folder_that_vanishes_is_one_clear_error(tmp_path, pictures, monkeypatch):
    out, original = tmp_path / "run", Trainer.step

    def step(*args):
        shutil.rmtree(out, ignore_errors=True)
        return original(*args)

    monkeypatch.setattr(Trainer, "step", step)
    with refuses("metrics.jsonl: folder is gone"):
        run(config(pictures), pictures, out)


def test_two_writers_are_refused(tmp_path, pictures):
    import fcntl

    out = tmp_path / "run"
    out.mkdir()
    with open(out / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with refuses("--out: another attngan train"):
            run(config(pictures), pictures, out)


def test_weights_that_are_not_finite_never_reach_the_disk(tmp_path, pictures, monkeypatch):
    out = tmp_path / "run"
    run(config(pictures, 32), pictures, out)
    before = [(out / name).read_bytes() for name in ("checkpoint.safetensors", "generator.safetensors")]
    state = build(config(pictures, 32), torch.device("cpu"))
    state.load(out)
    with torch.no_grad():
        state.trainer.generator.basis[0, 0] = torch.nan
    with refuses("generator.basis: not finite after 32"):
        state.save(out, "")
    assert before == [(out / name).read_bytes() for name in ("checkpoint.safetensors", "generator.safetensors")]


def test_a_lost_generator_is_written_again_from_the_checkpoint(tmp_path, pictures, undisturbed):
    out = tmp_path / "run"
    shutil.copytree(undisturbed, out)
    (out / "generator.safetensors").unlink()
    assert run(config(pictures), pictures, out) == Outcome.FINISHED
    assert (out / "generator.safetensors").read_bytes() == (undisturbed / "generator.safetensors").read_bytes()


def test_equal_runs_write_equal_files(tmp_path, pictures, undisturbed):
    run(config(pictures), pictures, tmp_path / "again")
    for name in ("checkpoint.safetensors", "generator.safetensors", "metrics.jsonl", "config.json"):
        assert (tmp_path / "again" / name).read_bytes() == (undisturbed / name).read_bytes(), name


def test_the_order_shows_every_picture_once_an_epoch():
    order = Sampler(3, 10)
    epochs = order.indices(0, 30).reshape(3, 10)
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs.tolist())
    assert not np.array_equal(epochs[0], epochs[1])
    assert np.array_equal(Sampler(3, 10).indices(17, 6), order.indices(0, 30)[17:23])
    assert not np.array_equal(Sampler(4, 10).indices(0, 10), epochs[0])


def test_the_schedule_goes_from_first_to_last():
    plan = preset("fashion-32")[1]
    first, last = schedule(plan, 0), schedule(plan, plan.images)
    assert (first.learning_rate, last.learning_rate) == pytest.approx(plan.learning_rate)
    assert (first.gamma, last.gamma) == pytest.approx(plan.gamma)
    assert (first.beta2, last.beta2) == pytest.approx(plan.beta2)


@pytest.mark.parametrize(("classes", "columns"), [(0, 8), (2, 8), (3, 6), (10, 10), (40, 16)])
def test_grids_of_a_run_have_a_class_a_column(classes, columns, tmp_path):
    network, training = preset("tiny")
    network, names = replace(network, classes=classes), [str(number) for number in range(classes)]
    pictures = ImageDataset(np.zeros((2, 16, 16, 3), np.uint8), np.zeros(2, np.int64) if classes else None, names)
    run = ImageRun(RunConfig("tiny", network, training, tuple(names)), pictures, torch.device("cpu"))
    run.save_samples(ImageGenerator(network), RunLogger(tmp_path, tensorboard=False), 7)
    with Image.open(tmp_path / "samples" / "000000007.png") as picture:
        assert picture.size == (columns * 18 - 2, 8 * 18 - 2)


def test_saves_are_counted_in_steps_where_they_are_asked_for(tmp_path, pictures, monkeypatch):
    saved, original = [], TrainingState.save

    def save(state, *arguments, **options):
        saved.append(state.trainer.steps)
        original(state, *arguments, **options)

    monkeypatch.setattr(TrainingState, "save", save)
    train(config(pictures), pictures, tmp_path / "run", torch.device("cpu"), save_every=3)
    between = [later - earlier for earlier, later in pairwise(saved)]
    assert saved[0] == 0 and saved[-1] == 20 and max(between) <= 3
