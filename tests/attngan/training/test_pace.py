"""When a run draws and measures, what it keeps of that, and that it goes on by it."""

import os
import signal
from dataclasses import replace

import pytest
import tiny_runs
import torch
from hypothesis import given
from hypothesis import strategies as st

from attngan.checkpoint import load_config, load_tensors
from attngan.run_folder import QUALITY, read_lines
from attngan.tasks.image import ImageValidation
from attngan.threads import torch_threads
from attngan.train import Outcome
from attngan.trainer import Trainer
from attngan.training.pace import FILE, KID_SHARE, Pace, kids_within


def moments(until, total):
    """Samples after which something is newly due."""
    return [seen for seen in range(1, total + 1) if until(seen, total) > until(seen - 1, total)]


@given(st.integers(1, 20), st.integers(200, 3000))
def test_kids_are_spread_from_a_tenth_of_the_run_to_its_end(kids, total):
    due = moments(Pace(kids=kids).kids_until, total)
    assert len(due) == kids and due[-1] == total and due[0] > total / 10
    gaps = [later - earlier for earlier, later in zip([total // 10, *due], due, strict=False)]
    assert max(gaps) - min(gaps) <= 2


def test_where_there_is_no_time_for_kids_none_is_due():
    assert Pace(kids=0).kids_until(1000, 1000) == 0


@pytest.mark.parametrize(
    ("first", "due"),
    [
        (3, [3, 6, 12, 24, 48, 96, 192, 384, 768, 1000]),
        (500, [15, 30, 60, 120, 240, 480, 960, 1000]),  # a 64th of the run comes sooner
        (0, [15, 30, 60, 120, 240, 480, 960, 1000]),
    ],
)
def test_grids_come_at_doubling_counts_and_at_the_end(first, due):
    assert moments(Pace(first_grid=first).grids_until, 1000) == due


@given(st.floats(0, 1e6), st.floats(0, 1e3), st.floats(1e-3, 1e3))
def test_kids_take_a_twentieth_of_the_run_at_most_and_there_are_as_many_as_fit(seconds, once, each):
    count = kids_within(seconds, once, each)
    assert 0 <= count <= 20
    assert count == 0 or once + count * each <= KID_SHARE * seconds * (1 + 1e-9)
    assert count == 20 or once + (count + 1) * each > KID_SHARE * seconds * (1 - 1e-9)


def test_what_is_written_is_read(tmp_path):
    pace = Pace(2, 7, 1000, 41.5, 3600.0, {"2 threads, fp32": 41.5})
    pace.write(tmp_path)
    assert Pace.read(tmp_path) == pace


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"threads": "2"}'])
def test_what_is_no_pace_is_none(content, tmp_path):
    if content is not None:
        (tmp_path / FILE).write_text(content)
    assert Pace.read(tmp_path) is None


def test_threads_are_given_back():
    before = torch.get_num_threads()
    for count, inside in ((3, 3), (0, before)):
        with torch_threads(count):
            assert torch.get_num_threads() == inside
        assert torch.get_num_threads() == before


def test_a_run_keeps_its_pace_when_it_goes_on(tmp_path, pictures, cheap_features, monkeypatch):
    """Three KIDs, and no more threads than it began with, stopped after each of them or not."""
    used, original = set(), Trainer.step
    monkeypatch.setattr(Trainer, "step", lambda *args: used.add(torch.get_num_threads()) or original(*args))
    pace, whole = Pace(threads=3, kids=3, first_grid=4), tmp_path / "whole"
    assert tiny_runs.run(tiny_runs.measured_config(pictures), pictures, whole, pace=pace) == Outcome.FINISHED
    assert [line["images"] for line in read_lines(whole / QUALITY)] == [128, 224, 320]
    assert Pace.read(whole) == pace

    measured, measure = [], ImageValidation.measure

    def stopped(self, generator, device, stop):
        measured.append(1)
        if len(measured) % 2:
            stop.append(15)
        return measure(self, generator, device, stop)

    monkeypatch.setattr(ImageValidation, "measure", stopped)
    out = tmp_path / "run"
    assert tiny_runs.run(tiny_runs.measured_config(pictures), pictures, out, pace=pace) != Outcome.FINISHED
    for _ in range(2):
        assert tiny_runs.run(tiny_runs.measured_config(pictures), pictures, out) != Outcome.FINISHED
    assert tiny_runs.run(tiny_runs.measured_config(pictures), pictures, out) == Outcome.FINISHED
    assert used == {3}
    assert tiny_runs.same_bits(out, whole)
    for name in (QUALITY, "generator.safetensors", FILE):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    assert {path.name for path in out.glob("samples/*")} == {path.name for path in whole.glob("samples/*")}


def test_a_run_too_short_for_kid_says_so_and_keeps_its_last_generator(tmp_path, pictures, cheap_features, capsys):
    out = tmp_path / "run"
    assert tiny_runs.run(tiny_runs.measured_config(pictures), pictures, out, pace=Pace(kids=0)) == Outcome.FINISHED
    assert "no KID while it trains" in capsys.readouterr().err
    assert not (out / QUALITY).exists()
    assert load_tensors(out / "generator.safetensors")[1]["images"] == 320


def test_a_signal_that_comes_before_the_first_grid_only_puts_it_off(tmp_path, pictures, monkeypatch):
    """In the step after which it is due, so that the run is saved without it."""
    original, config, out = Trainer.step, tiny_runs.config(pictures), tmp_path / "run"
    monkeypatch.setattr(Trainer, "step", lambda *args: os.kill(os.getpid(), signal.SIGTERM) or original(*args))
    assert tiny_runs.run(config, pictures, out) == Outcome.TERMINATED
    assert not (out / "samples").exists()
    monkeypatch.setattr(Trainer, "step", original)
    assert tiny_runs.run(config, pictures, out) == Outcome.FINISHED
    assert (out / "samples" / "000000016.png").exists()


@pytest.mark.parametrize("patience", [0, 10])
def test_a_run_that_stopped_early_goes_on_with_more_patience(patience, tmp_path, pictures, cheap_features, monkeypatch):
    """KIDs from 48 images on, each 16: the fourth is the third in a row that is worse, the tenth the best."""
    kids = iter([0.3, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.1, *[0.4] * 8])
    monkeypatch.setattr(ImageValidation, "measure", lambda *args: (next(kids), 0.01))
    config, out = tiny_runs.measured_config(pictures, patience=3), tmp_path / "run"
    assert tiny_runs.run(config, pictures, out) == Outcome.STOPPED_EARLY
    assert read_lines(out / QUALITY)[-1]["images"] == 96
    patient = replace(config, training=replace(config.training, patience=patience))
    assert tiny_runs.run(patient, pictures, out) == Outcome.FINISHED
    assert load_config(out).training.patience == patience
    assert load_tensors(out / "generator.safetensors")[1]["best"]["images"] == 192
    assert [line["images"] for line in read_lines(out / QUALITY)] == list(range(48, 321, 16))
    assert [line["event"] for line in read_lines(out / "events.jsonl")] == ["stopped early", "changed"]
