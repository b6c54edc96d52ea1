"""Pictures that are there more than once: told, held out together, and counted where they are nearly the same."""

import io
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tiny_words import captioned

from attngan.cli import main
from attngan.data import CaptionedDataset, ImageDataset, load_pictures
from attngan.data.captions import Captions
from attngan.data.copies import near_copies
from attngan.data.picture_checks import remarks
from attngan.run_split import recall_split

RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 256, (200, 16, 16, 3), np.uint8)


def coarse(count, side=64):
    """Pictures of a few large patches, as photographs have."""
    small = RANDOM.integers(0, 256, (count, 6, 6, 3), np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((side, side), Image.BICUBIC)) for one in small])


def saved(picture, quality):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def parted(pictures, count, seed, together=True):
    """Of the held-out pictures of a split, how many are training pictures; the split is one, whatever is held out."""
    training, unseen = pictures.split(count, seed) if together else pictures.split_apart(count, seed)
    assert sorted([*training, *unseen]) == list(range(len(pictures))) and len(unseen) <= count
    shown = {picture.tobytes() for picture in pictures.images[training]}
    return sum(picture.tobytes() in shown for picture in pictures.images[unseen])


def test_equal_pictures_are_found():
    pictures = ImageDataset(PICTURES[[0, 1, 0, 2, 1, 0]])
    assert pictures.first_of_equals.tolist() == [0, 1, 0, 3, 1, 0]
    assert pictures.copies == 3 and pictures.about == {"copies": 3} and "6 pictures, 3 different" in pictures.describe()
    assert ImageDataset(PICTURES).copies == 0 and ImageDataset(PICTURES).about == {}


def test_every_picture_twice_is_held_out_twice():
    pictures = ImageDataset(np.concatenate([PICTURES[:150], PICTURES[:150]]))
    assert parted(pictures, 30, 0, together=False) > 20
    assert parted(pictures, 30, 0) == 0 and len(pictures.split(30, 0)[1]) == 30


def test_without_copies_the_split_is_what_it_was():
    """These places were held out before there was anything about copies."""
    pictures = ImageDataset(PICTURES[:40], np.arange(40) % 3, ["a", "b", "c"])
    assert pictures.split(8, 5)[1].tolist() == [2, 8, 21, 23, 30, 31, 34, 39]


@given(st.lists(st.integers(0, 12), min_size=4, max_size=60), st.integers(0, 3), st.data(), st.integers(0, 99))
def test_no_held_out_picture_is_a_training_picture(which, classes, data, seed):
    labels = np.array([data.draw(st.integers(0, classes)) for _ in which]) if classes else None
    if labels is not None:
        labels = np.unique(labels, return_inverse=True)[1]
    names = [] if labels is None else [str(number) for number in range(labels.max() + 1)]
    pictures = ImageDataset(PICTURES[which], labels, names)
    count = data.draw(st.integers(0, pictures.most_held_out))
    assert parted(pictures, count, seed) == 0
    training, unseen = pictures.split(count, seed)
    assert len(training) and (labels is None or set(labels[training]) == set(labels))
    assert np.array_equal(pictures.split(len(unseen), seed)[1], unseen)  # the number that a config keeps


def test_classes_keep_their_shares_among_copies():
    twice = np.concatenate([PICTURES, PICTURES])
    pictures = ImageDataset(twice, np.tile(np.arange(200) % 4, 2), list("abcd"))
    held_out = pictures.take(pictures.split(40, 1)[1])
    assert np.bincount(held_out.classes).tolist() == [10, 10, 10, 10]
    assert not np.array_equal(pictures.split(40, 1)[1], pictures.split(40, 2)[1])


def flags(*concepts):
    images = PICTURES[[0, 0, 1, 1, 2, *range(5, 25)]]
    named = [*concepts, *(f"other {number}" for number in range(20))]
    return CaptionedDataset(images, captions=Captions([("a flag",)] * 25, [()] * 25, named))


def test_concepts_that_share_a_picture_are_held_out_together():
    pictures = flags("norway", "svalbard", "svalbard", "bouvet", "bouvet")
    apart = [parted(pictures, 8, seed, together=False) for seed in range(20)]
    assert any(apart) and not any(parted(pictures, 8, seed) for seed in range(20))
    five = [set(pictures.split(8, seed)[1]) & set(range(5)) for seed in range(20)]
    assert {len(some) for some in five} == {0, 5}


def test_concepts_without_copies_are_split_as_before():
    pictures = captioned()
    assert pictures.copies == 0
    for seed in range(3):
        assert np.array_equal(pictures.split(9, seed)[1], pictures.split_apart(9, seed)[1])


def restored(picture):
    """As a picture that was enlarged and made small again."""
    large = Image.fromarray(picture).resize((50, 50), Image.BICUBIC)
    return np.asarray(large.resize(picture.shape[:2], Image.LANCZOS))


@pytest.mark.parametrize(("side", "change"), [(16, restored), (64, lambda picture: saved(picture, 90))])
def test_near_copies_are_counted_and_others_are_not(side, change):
    images = coarse(300, side)
    again = np.stack([change(picture) for picture in images[:60]])
    assert not (again == images[:60]).all((1, 2, 3)).any()
    every = np.concatenate([images, again])
    found = near_copies(every, np.arange(360))
    assert found[:300].sum() == 0 and found[300:].sum() >= 55
    (line,) = remarks(ImageDataset(every))
    assert line.startswith(f"{found.sum()} near copies")
    assert remarks(ImageDataset(np.concatenate([images, images[:60]]))) == []  # the same pixels are no near copies


def write_twice(root):
    for index, picture in enumerate(PICTURES[:40]):
        for name in ("a", "b"):
            Image.fromarray(picture).save(root / f"{index}{name}.png")
    return root


def call(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_a_run_holds_copies_out_together_and_an_older_one_goes_on_as_it_began(tmp_path, monkeypatch):
    from attngan.checkpoint import load_config

    monkeypatch.setattr("attngan.tasks.image.open_validation", lambda *args: (None, ""))
    monkeypatch.setattr("attngan.tasks.image.measure_into", lambda *args: None)
    data = tmp_path / "data"
    data.mkdir()
    command = ("train", "--preset", "tiny", "--data", write_twice(data), "--holdout", 9, "--images", 16)
    run, older = tmp_path / "run", tmp_path / "older"
    result = call(*command, "--out", run)
    assert result.exit_code == 0, result.output
    assert "data: 80 pictures, 40 different; 8 held out" in result.output
    assert load_config(run).training.holdout == 8
    config = replace(load_config(run), training=replace(load_config(run).training, holdout=9))
    older.mkdir()
    (older / "config.json").write_text(config.to_json())
    (older / "data.json").write_bytes((run / "data.json").read_bytes())  # and no split, as runs had none at first
    result = call(*command, "--out", older)
    assert result.exit_code == 0 and "; 9 held out" in result.output, result.output
    pictures = load_pictures(data, resolution=16, channels=3)
    kept = recall_split(older, pictures, 0).held_out
    assert np.array_equal(kept, pictures.split_apart(9, 0)[1])
