"""KID on the way: the best generator is the one kept, a collapse stops the run, a signal stops the measuring."""

import json
import os
import shutil
import signal

import pytest
import tiny_runs
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from attngan.checkpoint import load_tensors
from attngan.config import RunConfig
from attngan.errors import AttnGANError
from attngan.run_folder import read_lines
from attngan.tasks.image import ImageRun, ImageValidation
from attngan.train import Outcome, build
from attngan.training.state import CHECKPOINT, Progress
from attngan.training.validation import judge


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def with_kids(monkeypatch, kids):
    """KIDs ± 0.01 in this order, from 48 of 320 images on, after each step of 16."""
    left = iter(kids)
    monkeypatch.setattr(ImageValidation, "measure", lambda *args: (next(left), 0.01))


def test_the_generator_kept_is_the_one_with_the_lowest_kid(tmp_path, pictures, cheap_features, monkeypatch):
    with_kids(monkeypatch, [0.9, 0.5, 0.3, 0.4, 0.2, 0.6, *[0.7] * 14])
    out = tmp_path / "run"
    assert tiny_runs.run(tiny_runs.measured_config(pictures), pictures, out) == Outcome.FINISHED
    quality = lines(out / "quality.jsonl")
    assert [line["images"] for line in quality if line["best"]] == [48, 64, 80, 112]
    assert load_tensors(out / "generator.safetensors")[1]["images"] == 112
    assert {"000000112.png", "000000096.png"} & {path.name for path in (out / "samples").iterdir()} == {"000000112.png"}
    kept, last = load_file(out / "generator.safetensors"), load_file(out / "checkpoint.safetensors")
    assert any((kept[name] != last[f"ema.{name}"]).any() for name in kept)


def test_a_finished_run_is_searched_for_copies_until_there_is_an_answer(
    tmp_path, pictures, cheap_features, monkeypatch
):
    looked, out = [], tmp_path / "run"
    monkeypatch.setattr("attngan.tasks.image.measure_into", lambda *args: looked.append(args))
    for _ in range(2):
        tiny_runs.run(tiny_runs.measured_config(pictures), pictures, out)
    for generator, training, held_out, folder in looked:
        assert (generator.name, len(training), len(held_out), folder) == ("run", 36, 12, out)
    (out / "memorisation.json").write_text("{}")
    tiny_runs.run(tiny_runs.measured_config(pictures), pictures, out)
    assert len(looked) == 2


def test_a_new_best_generator_drops_what_was_found_about_the_one_before(tmp_path, pictures):
    state = build(tiny_runs.measured_config(pictures), torch.device("cpu"))
    (tmp_path / "memorisation.json").write_text("{}")
    state.save_generator(tmp_path)
    assert not (tmp_path / "memorisation.json").exists()


def test_a_collapse_stops_the_run_and_the_same_command_does_not_go_on(tmp_path, pictures, cheap_features, monkeypatch):
    with_kids(monkeypatch, [0.5, 0.3, 0.31, 0.4, 0.4, 0.4, 0.2])
    out = tmp_path / "run"
    assert tiny_runs.run(tiny_runs.measured_config(pictures, patience=3), pictures, out) == Outcome.STOPPED_EARLY
    assert lines(out / "quality.jsonl")[-1]["images"] == 128
    (event,) = lines(out / "events.jsonl")
    assert event == {
        "images": 128,
        "event": "stopped early",
        "detail": "KID collapsed; the generator of 64 images is kept",
    }
    before = (out / "checkpoint.safetensors").read_bytes()
    assert tiny_runs.run(tiny_runs.measured_config(pictures, patience=3), pictures, out) == Outcome.STOPPED_EARLY
    assert (out / "checkpoint.safetensors").read_bytes() == before


@pytest.mark.parametrize(("call", "measured"), [(3, 0), (37, 17)])
def test_a_signal_while_measuring_puts_it_off(call, measured, tmp_path, pictures, cheap_features, monkeypatch):
    """In the first measurement and in the last: one call a start, one for the real pictures, two a measurement."""
    whole = tmp_path / "whole"
    tiny_runs.run(tiny_runs.measured_config(pictures), pictures, whole)
    calls = []

    def interrupted(images):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGTERM)
        return tiny_runs.mean_colours(images)

    monkeypatch.setattr("attngan.tasks.image.features", interrupted)
    out = tmp_path / "run"
    assert tiny_runs.run(tiny_runs.measured_config(pictures), pictures, out) == Outcome.TERMINATED
    assert len(calls) == call, "measured on after the signal"
    assert len(read_lines(out / "quality.jsonl")) == measured
    assert tiny_runs.run(tiny_runs.measured_config(pictures), pictures, out) == Outcome.FINISHED
    for name in ("quality.jsonl", "metrics.jsonl", "generator.safetensors"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    assert tiny_runs.same_bits(out, whole)


@pytest.mark.parametrize("how", ["lost", "damaged"])
def test_a_generator_that_is_lost_or_damaged_forgets_which_was_best(
    how, tmp_path, pictures, cheap_features, monkeypatch
):
    """The last step is taken again: its generator, though worse than the lost one, is the best there is."""
    with_kids(monkeypatch, [0.1, *[0.5] * 20])
    out = tmp_path / "run"
    tiny_runs.run(tiny_runs.measured_config(pictures), pictures, out)
    path = out / "generator.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    if how == "lost":
        path.unlink()
    (out / CHECKPOINT).unlink()
    assert tiny_runs.run(tiny_runs.measured_config(pictures), pictures, out) == Outcome.FINISHED
    assert load_tensors(path)[1]["images"] == 320


def test_a_kill_after_the_best_was_written_ends_as_without_it(tmp_path, pictures, cheap_features, monkeypatch):
    """generator.safetensors and a line of quality.jsonl are further than the checkpoint then."""
    whole, out = tmp_path / "whole", tmp_path / "run"
    tiny_runs.run(tiny_runs.measured_config(pictures), pictures, whole)
    shutil.copytree(whole, out)
    (out / CHECKPOINT).unlink()
    tiny_runs.run(tiny_runs.measured_config(pictures), pictures, out)
    for name in ("quality.jsonl", "generator.safetensors"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name


def test_without_the_extractor_a_measured_best_stays(tmp_path, pictures, cheap_features, monkeypatch, capsys):
    with_kids(monkeypatch, [0.1, *[0.5] * 20])
    out = tmp_path / "run"
    tiny_runs.run(tiny_runs.measured_config(pictures), pictures, out)
    (out / CHECKPOINT).unlink()
    monkeypatch.setattr("attngan.tasks.image.features", missing)
    tiny_runs.run(tiny_runs.measured_config(pictures), pictures, out)
    assert load_tensors(out / "generator.safetensors")[1]["best"]["images"] == 48
    assert "of its generators that of 48 images stays" in capsys.readouterr().err


def missing(images):
    raise AttnGANError("onnxruntime", "not installed", 'pip install "attngan[metrics,cpu]"')


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=30))
def test_the_best_is_the_lowest(kids):
    progress = Progress()
    for index, kid in enumerate(kids):
        progress.images = index
        assert judge(progress, kid, 0.01, 0) == (kid == min(kids[: index + 1]))
    assert progress.best["kid"] == min(kids)
    assert not progress.stopped_early


@pytest.mark.parametrize(
    ("kids", "stopped"),
    [
        ([0.1, 0.2, 0.2, 0.2], True),
        ([0.1, 0.2, 0.2, 0.11], False),  # within both errors of the best
        ([0.1, 0.2, 0.11, 0.2, 0.2], False),  # not in a row
        ([0.1, 0.2, 0.2, 0.05], False),
        ([0.1, 0.11, 0.11, 0.11, 0.11, 0.11], False),  # no longer better is not collapsed
    ],
)
def test_only_collapses_in_a_row_stop_a_run(kids, stopped):
    progress = Progress()
    for kid in kids:
        judge(progress, kid, 0.01, 3)
    assert progress.stopped_early == stopped


def test_kid_is_measured_on_the_held_out_pictures_with_their_classes(pictures, cheap_features):
    validation, _ = ImageRun(tiny_runs.measured_config(pictures), pictures, torch.device("cpu")).open_validation()
    assert sorted(validation.conditions.bincount().tolist()) == [20, 20]
    assert validation.held_out == 12


@pytest.mark.parametrize(("saw", "seen_by"), [(False, "efficientnet"), (True, "open_nsfw")])
def test_a_generator_is_chosen_by_features_that_its_training_did_not_see(saw, seen_by, pictures, monkeypatch):
    looked = []
    for module, name in (("efficientnet", "features"), ("open_nsfw", "open_nsfw.features")):
        see = lambda images, module=module: (looked.append(module), tiny_runs.mean_colours(images))[1]  # noqa: E731
        monkeypatch.setattr(f"attngan.tasks.image.{name}", see)
    monkeypatch.setattr(RunConfig, "saw_efficientnet", saw)
    config, device = tiny_runs.measured_config(pictures), torch.device("cpu")
    validation, _ = ImageRun(config, pictures, device).open_validation()
    assert validation.measure(build(config, device).ema.network, device, [])
    assert set(looked) == {seen_by} and len(looked) == 4  # at the start, held-out pictures, and twice drawn ones


def test_without_the_extractor_the_run_goes_on_and_says_what_it_lacks(tmp_path, pictures, monkeypatch, capsys):
    monkeypatch.setattr("attngan.tasks.image.measure_into", lambda *args: None)
    monkeypatch.setattr("attngan.tasks.image.features", missing)
    out = tmp_path / "run"
    assert tiny_runs.run(tiny_runs.measured_config(pictures), pictures, out) == Outcome.FINISHED
    assert "no KID while it trains" in capsys.readouterr().err
    assert not (out / "quality.jsonl").exists()
    assert load_tensors(out / "generator.safetensors")[1]["images"] == 320


def test_few_held_out_pictures_are_counted(pictures):
    few = ImageRun(tiny_runs.measured_config(pictures, holdout=3), pictures, torch.device("cpu"))
    validation, reason = few.open_validation()
    assert validation is None and "3 held-out pictures are too few for KID (10 are needed)" in reason
