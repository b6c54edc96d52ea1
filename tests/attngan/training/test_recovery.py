"""Steps that are not finite: skipped, rolled back from, given up on, and never on disk."""

import json
import os
import signal

import pytest
import tiny_runs
import torch
from refusals import refuses
from safetensors.torch import load_file
from torch import nn

from attngan.checkpoint import load_tensors
from attngan.losses import OBJECTIVES, Objective
from attngan.train import Outcome, build
from attngan.trainer import Settings, Trainer
from attngan.training.batches import Batches


def events(out):
    path = out / "events.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def breaking(monkeypatch, when, factor=float("nan")):
    """Makes D's loss that of a broken step wherever `when(number of the D step)`; returns the calls."""
    relativistic, calls = OBJECTIVES["relativistic"], []

    def discriminator(real, fake):
        calls.append(1)
        loss = relativistic.discriminator(real, fake)
        return loss * factor if when(len(calls)) else loss

    broken = Objective(discriminator, relativistic.generator, needs_real=True)
    monkeypatch.setitem(OBJECTIVES, "relativistic", broken)
    return calls


class Line(nn.Module):
    """D(x) = w·mean(x), G(z) = w·z as a picture of 2×2."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(()))

    def forward(self, x, labels=None):
        return self.w * x.mean((1, 2, 3)) if x.dim() == 4 else self.w * x[:, :1, None, None].expand(-1, 1, 2, 2)


@pytest.mark.parametrize("role", ["discriminator", "generator"])
@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_a_step_that_is_not_finite_moves_nothing_after_it(role, kind):
    def bad(loss):  # the square root has no slope at 0, so that the loss is finite and its gradient is not
        return loss * float("nan") if kind == "loss" else loss + (loss - loss).sqrt()

    good = OBJECTIVES["relativistic"]
    sides = {"discriminator": good.discriminator, "generator": good.generator}
    sides[role] = lambda real, fake, side=sides[role]: bad(side(real, fake))
    trainer = Trainer(Line(), Line(), Objective(**sides, needs_real=True))
    real, z = torch.randn(4, 1, 2, 2), (torch.randn(4, 2), torch.randn(4, 2))
    figures = trainer.step(real, z, settings=Settings(learning_rate=0.1))
    assert figures["skipped"] == 1
    assert trainer.generator.w.item() == 1
    assert (trainer.discriminator.w.item() == 1) == (role == "discriminator")
    assert trainer.steps == 1

    trainer.objective = good
    assert "skipped" not in trainer.step(real, z, settings=Settings(learning_rate=0.1))
    assert trainer.generator.w.item() != 1


def test_a_single_bad_step_is_skipped_and_recorded(tmp_path, pictures, monkeypatch):
    calls = breaking(monkeypatch, lambda number: number == 7)
    out = tmp_path / "run"
    assert tiny_runs.run(tiny_runs.config(pictures), pictures, out) == Outcome.FINISHED
    assert len(calls) == 20
    assert events(out) == [{"images": 112, "event": "skipped step", "detail": "loss_d not finite"}]
    assert all(tensor.isfinite().all() for tensor in load_file(out / "generator.safetensors").values())


def test_repeated_failure_rolls_back_with_other_batches_and_half_the_rate(tmp_path, pictures, monkeypatch, capsys):
    """Steps 11 to 20 fail; a grid was drawn and saved after 160 images, which is the last good checkpoint."""
    breaking(monkeypatch, lambda number: 10 < number <= 20)
    seeds, original = [], Batches.step

    def step(self, *args):
        result = original(self, *args)
        seeds.append((args[1], float(result.noise[0][0, 0])))
        return result

    monkeypatch.setattr(Batches, "step", step)
    out = tmp_path / "run"
    assert tiny_runs.run(tiny_runs.config(pictures), pictures, out) == Outcome.FINISHED
    *skips, event = events(out)
    assert [line["event"] for line in skips] == ["skipped step"] * 9
    assert event["images"] == 320 and event["event"] == "rollback"
    assert event["detail"] == "loss_d not finite in 10 steps: back to 160, learning rate × 0.5, other batches"
    assert "back to 160" in capsys.readouterr().err
    before, after = (dict(half) for half in (seeds[:20], seeds[20:]))
    assert set(after) == set(range(160, 320, 16))
    assert all(before[place] != after[place] for place in after)

    whole = tmp_path / "whole"
    monkeypatch.undo()
    tiny_runs.run(tiny_runs.config(pictures), pictures, whole)
    rates = [
        [json.loads(line)["learning_rate"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for folder in (out, whole)
    ]
    assert len(rates[0]) == len(rates[1])
    assert rates[0][-1] == pytest.approx(rates[1][-1] / 2) and rates[0][0] == rates[1][0]
    progress = load_tensors(out / "checkpoint.safetensors")[1]["progress"]
    assert (progress["learning_rate_scale"], progress["salt"]) == (0.5, 1)


def test_a_checkpoint_that_is_itself_the_cause_is_left_for_the_one_before(tmp_path, pictures, monkeypatch):
    """After the rollback to 160 the steps fail again: the second goes to 144, four steps after the grid of 80."""
    breaking(monkeypatch, lambda number: 10 < number <= 30)
    out = tmp_path / "run"
    assert tiny_runs.run(tiny_runs.config(pictures), pictures, out, save_every=4) == Outcome.FINISHED
    first, second = (line["detail"] for line in events(out) if line["event"] == "rollback")
    assert "back to 160, learning rate × 0.5" in first and "back to 144, learning rate × 0.25" in second


def test_what_fails_for_ever_is_given_up_on_with_a_good_checkpoint(tmp_path, pictures, monkeypatch):
    breaking(monkeypatch, lambda number: number > 5)
    out = tmp_path / "run"
    with refuses("run: loss_d not finite .* 5 rollbacks"):
        tiny_runs.run(tiny_runs.config(pictures), pictures, out)
    state = build(tiny_runs.config(pictures), torch.device("cpu"))
    state.load(out)
    assert state.progress.images <= 80
    assert all(tensor.isfinite().all() for tensor in load_file(out / "checkpoint.safetensors").values())


def test_a_learning_rate_beyond_hope_ends_in_one_error(tmp_path, pictures):
    with refuses("run: not finite"):
        tiny_runs.run(tiny_runs.config(pictures, learning_rate=(1e9, 1e9)), pictures, tmp_path / "run")


def test_weights_that_become_infinite_roll_back_whenever_they_are_saved(tmp_path, pictures, monkeypatch):
    """A timed save falls on the broken step here."""
    original, steps = Trainer.step, []

    def step(self, *args):
        figures = original(self, *args)
        steps.append(1)
        if len(steps) == 12:
            with torch.no_grad():
                self.generator.basis[0, 0] = torch.inf
        return figures

    monkeypatch.setattr(Trainer, "step", step)
    monkeypatch.setattr("attngan.training.phase.SaveTimer.seconds", 0.0)
    out = tmp_path / "run"
    assert tiny_runs.run(tiny_runs.config(pictures), pictures, out) == Outcome.FINISHED
    (event,) = events(out)
    assert event["event"] == "rollback" and "generator.basis not finite: back to 176" in event["detail"]
    assert all(tensor.isfinite().all() for tensor in load_file(out / "checkpoint.safetensors").values())


def test_a_rollback_keeps_the_best_generator_even_if_it_is_further(tmp_path, pictures, monkeypatch):
    kids = iter([0.5] * 7 + [0.1] + [0.4] * 20)
    monkeypatch.setattr("attngan.tasks.image.features", tiny_runs.mean_colours)
    monkeypatch.setattr("attngan.tasks.image.measure_into", lambda *args: None)
    monkeypatch.setattr("attngan.tasks.image.ImageValidation.measure", lambda *args: (next(kids), 0.01))
    breaking(monkeypatch, lambda number: 10 < number <= 30)
    out = tmp_path / "run"
    plan = tiny_runs.config(pictures, holdout=12, kid_samples=40)
    assert tiny_runs.run(plan, pictures, out) == Outcome.FINISHED
    assert load_tensors(out / "generator.safetensors")[1]["best"] == {"images": 160, "kid": 0.1, "kid_error": 0.01}


def test_a_run_that_goes_on_after_a_rollback_remembers_it(tmp_path, pictures, monkeypatch):
    breaking(monkeypatch, lambda number: 10 < number <= 20)
    whole = tmp_path / "whole"
    tiny_runs.run(tiny_runs.config(pictures), pictures, whole)

    monkeypatch.undo()
    calls = breaking(monkeypatch, lambda number: 10 < number <= 20)
    original = Trainer.step

    def stop_late(self, *args):
        if len(calls) == 24:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, *args)

    monkeypatch.setattr(Trainer, "step", stop_late)
    out = tmp_path / "run"
    assert tiny_runs.run(tiny_runs.config(pictures), pictures, out) == Outcome.TERMINATED
    assert tiny_runs.run(tiny_runs.config(pictures), pictures, out) == Outcome.FINISHED
    assert tiny_runs.same_bits(out, whole)
    assert (out / "metrics.jsonl").read_text() == (whole / "metrics.jsonl").read_text()
