"""Adaptive augmentation follows its heuristic, stays in its range, and is not forgotten."""

import dataclasses
import json

import pytest
import tiny_runs
from hypothesis import given
from hypothesis import strategies as st

from attngan.checkpoint import load_tensors
from attngan.config import ImageTraining
from attngan.training.adaptive import MOST, AdaptiveAugmentation
from attngan.training.batches import Batches

PLAN = ImageTraining(10_000, overfitting_target=0.5)


def adapted(real, held_out, generated, times=100, plan=PLAN):
    augmentation = AdaptiveAugmentation()
    for _ in range(times):
        augmentation.update(real, held_out, generated, 128, plan)
    return augmentation


@pytest.mark.parametrize(
    ("held_out", "overfitting"), [(1.0, 0.0), (0.0, 0.5), (-1.0, 1.0)], ids=["as training", "between", "as generated"]
)
def test_the_heuristic_is_the_papers(held_out, overfitting):
    """r_v of Karras et al. 2020, equation 1, for constant logits: 1 for training, −1 for generated pictures."""
    assert adapted(1.0, held_out, -1.0).overfitting == pytest.approx(overfitting)


def test_where_d_tells_nothing_apart_the_ratio_is_not_one_of_noise():
    assert adapted(0.02, 0.0, 0.01, 1000).overfitting == pytest.approx(0.04, rel=0.01)
    assert adapted(0.0, -0.1, 1.0, 1000).overfitting == pytest.approx(0.2, rel=0.01)


def test_it_does_not_depend_on_where_the_logits_lie():
    """A relativistic D is free to move all of its logits."""
    assert adapted(11.0, 10.2, 9.0).overfitting == pytest.approx(adapted(1.0, 0.2, -1.0).overfitting)


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(-5, 5), st.integers(1, 200))
def test_the_probability_stays_in_its_range(real, held_out, generated, times):
    assert 0 <= adapted(real, held_out, generated, times).probability <= MOST


def test_it_rises_above_the_target_and_falls_below():
    assert adapted(1.0, -0.9, -1.0).probability == MOST
    assert adapted(1.0, 0.9, -1.0).probability == 0
    rising = adapted(1.0, -0.9, -1.0, times=3)
    rising.update(1.0, 5.0, -1.0, 2000, PLAN)
    assert rising.probability == 0


def test_a_logit_that_is_not_finite_is_left_out():
    augmentation = adapted(1.0, 0.0, -1.0)
    augmentation.update(float("inf"), 0.0, -1.0, 128, PLAN)
    assert augmentation.overfitting == pytest.approx(0.5)


def test_it_crosses_its_range_in_a_fifth_of_the_run_or_half_a_million_images():
    for images, span in ((10_000, 2000), (50_000_000, 500_000)):
        augmentation = AdaptiveAugmentation(0.1, held_out_gap=1.9, generated_gap=2.0)
        augmentation.update(1.0, -0.9, -1.0, 128, dataclasses.replace(PLAN, images=images))
        assert augmentation.probability == pytest.approx(0.1 + 128 / span)


def test_a_run_adapts_says_so_and_remembers_it(tmp_path, pictures, monkeypatch):
    """D is made to look as if it knew its set by heart; the next start goes on from the same probability."""
    used = []
    original = Batches.step

    def step(self, number, seen, salt, probability):
        used.append(probability)
        return original(self, number, seen, salt, probability)

    monkeypatch.setattr(Batches, "step", step)
    monkeypatch.setattr(AdaptiveAugmentation, "overfitting", 0.9)
    monkeypatch.setattr("attngan.tasks.image.open_validation", lambda *args: (None, ""))
    monkeypatch.setattr("attngan.tasks.image.measure_into", lambda *args: None)
    plan = tiny_runs.config(pictures, 320, holdout=8, overfitting_target=0.5)
    out = tmp_path / "run"
    tiny_runs.run(plan, pictures, out)
    assert used[0] == 0 and used[-1] == MOST
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["augment_probability"] == MOST
    assert lines[-1]["overfitting"] == 0.9 and "held_out" in lines[-1]
    about = load_tensors(out / "checkpoint.safetensors")[1]
    assert about["progress"]["augmentation"]["probability"] == MOST
