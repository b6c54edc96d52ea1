"""Held-out pictures: the same for the same run, by class, and never shown to the networks."""

import numpy as np
import pytest
import tiny_runs
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from refusals import refuses

from attngan.cli import main
from attngan.data import ImageDataset
from attngan.data.split import describe_split, usual_holdout
from attngan.trainer import Trainer


def numbered(count, classes=0):
    """Pictures that differ, with as many of one class as of another."""
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 16, 16, 3), np.uint8)
    labels = np.arange(count) % classes if classes else None
    return ImageDataset(images, labels, [str(index) for index in range(classes)])


@given(st.integers(1, 200), st.data(), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_every_picture_is_on_one_side_and_every_class_is_trained_on(count, data, classes, seed):
    pictures = numbered(count, classes)
    held_out = data.draw(st.integers(0, pictures.most_held_out))
    training, unseen = pictures.split(held_out, seed)
    assert len(unseen) == held_out
    assert sorted([*training, *unseen]) == list(range(count))
    assert np.array_equal(unseen, numbered(count, classes).split(held_out, seed)[1])
    if classes:
        assert set(pictures.classes[training]) == set(pictures.classes)


def test_classes_keep_their_shares_and_seeds_choose():
    pictures = numbered(200, 4)
    first, second = (pictures.take(pictures.split(40, seed)[1]) for seed in (0, 1))
    assert np.bincount(first.classes).tolist() == [10, 10, 10, 10]
    assert not np.array_equal(first.images, second.images)


@pytest.mark.parametrize(("count", "expected"), [(3, 0), (10, 2), (60, 12), (100, 20), (255, 25)])
def test_the_usual_number(count, expected):
    assert usual_holdout(numbered(count)) == expected


def test_the_usual_number_has_an_upper_end_and_spares_the_only_picture_of_a_class():
    many = ImageDataset(np.broadcast_to(np.zeros((1, 1, 1, 1), np.uint8), (60_000, 1, 1, 1)))
    assert usual_holdout(many) == 1000
    assert usual_holdout(numbered(30, 30)) == 0


def test_the_data_line_says_why_none_is_held_out(tmp_path):
    for number in range(150):  # of 5 pictures
        noise = np.random.default_rng(number % 5).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{number}.png")
    options = ["--data", str(tmp_path), "--out", str(tmp_path.parent / "run"), "--preset", "tiny", "--dry-run"]
    result = CliRunner().invoke(main, ["train", *options])
    assert result.exit_code == 0, result.output
    assert "5 different; none held out: no picture with its copies fits into 20\n" in result.output
    copies = ImageDataset(np.repeat(np.arange(5, dtype=np.uint8), 30)[:, None, None, None])
    assert describe_split(copies, 0, 0).startswith("; none held out: no picture")
    assert describe_split(numbered(3), 0, 0) == "; none held out of so few"
    assert describe_split(numbered(60), 0, 0) == ""  # as it was asked for
    assert describe_split(numbered(60), 12, 0) == "; 12 held out"


def test_held_out_pictures_are_never_trained_on(tmp_path, monkeypatch):
    pictures, shown, measured = numbered(60), set(), set()
    original, logit = Trainer.step, Trainer.mean_logit

    def step(self, real, *args):
        shown.update(((real[:, 0, 0, 0] + 1) * 127.5).round().int().tolist())
        return original(self, real, *args)

    def mean_logit(self, real, *args):
        measured.update(((real[:, 0, 0, 0] + 1) * 127.5).round().int().tolist())
        return logit(self, real, *args)

    monkeypatch.setattr(Trainer, "step", step)
    monkeypatch.setattr(Trainer, "mean_logit", mean_logit)
    monkeypatch.setattr("attngan.tasks.image.open_validation", lambda *args: (None, ""))
    monkeypatch.setattr("attngan.tasks.image.measure_into", lambda *args: None)
    plan = tiny_runs.config(pictures, 320, holdout=12, overfitting_target=0.5)
    tiny_runs.run(plan, pictures, tmp_path / "run")
    training, unseen = pictures.split(12, 0)
    assert shown == set(training.tolist())
    assert measured == set(unseen.tolist())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"overfitting_target": 0.5}, "--holdout 0: adaptive augmentation"),
        ({"holdout": 60}, "--holdout 60: leaves none of 60 pictures"),
    ],
)
def test_what_contradicts_itself_is_refused_before_anything_is_written(changes, message, tmp_path):
    pictures = numbered(60)
    with refuses(message):
        tiny_runs.run(tiny_runs.config(pictures, **changes), pictures, tmp_path / "run")
    assert not (tmp_path / "run").exists()
