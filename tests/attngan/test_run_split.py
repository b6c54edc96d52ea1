"""Samples that join, go, come back and are copies of others, on the side of a run where they belong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_words import captioned

from attngan.checkpoint import save_tensors
from attngan.data import Dataset, ImageDataset
from attngan.run_split import FILE, Split, are_its_data, has_split, known_places, recall_split, write_split


def pictures(count: int = 48, seed: int = 0) -> ImageDataset:
    """Noise in two classes."""
    images = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), np.uint8)
    return ImageDataset(images, np.arange(count) % 2, ["round", "square"])


def concepts() -> ImageDataset:
    """48 different captioned pictures, each a concept of its own."""
    there = captioned()
    images = np.random.default_rng(0).integers(0, 256, there.images.shape, np.uint8)
    return replace(there, images=images, captions=replace(there.captions, concepts=[f"{n:02}" for n in range(48)]))


def names(dataset: Dataset, places: Iterable[int]) -> set[int]:
    return {int(dataset.keys[place]) for place in places}


def start(folder: Path, dataset: Dataset, holdout: int = 12) -> Split:
    """What a start of a run does."""
    split = recall_split(folder, dataset, 0) if has_split(folder) else Split(*dataset.split(holdout, 0))
    dataset.fix_split(0, split.training, split.held_out)
    write_split(folder, dataset, len(split.held_out), 0)
    return split


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("make", [pictures, concepts])
def test_a_copy_under_what_is_said_of_a_trained_picture_is_held_out_with_the_original(make, first, tmp_path):
    """first: whether the copy's name sorts before the original's."""
    dataset = make()
    training, held_out = dataset.split(12, 0)
    original = held_out[0]
    trained = next(place for place in training if dataset.labels[place] != dataset.labels[original])
    start(tmp_path, dataset)
    place = 0 if first else 48
    more = dataset.take(np.insert(np.arange(48), place, trained))
    images = more.images.copy()
    images[place] = dataset.images[original]
    more = replace(more, images=images)
    split = recall_split(tmp_path, more, 0)
    assert not names(more, split.training) & names(more, split.held_out)
    assert names(more, split.held_out) == names(dataset, held_out) and len(split.held_out) == 13
    assert len(split.training) == 36
    for known, part in zip(known_places(tmp_path, more), (split.training, split.held_out), strict=True):
        assert np.array_equal(known, part)


def test_a_picture_of_a_concept_on_both_sides_is_held_out(tmp_path):
    """A copy of a held-out picture joins its concept to a trained one, of which another picture comes later."""
    dataset = concepts()
    training, held_out = dataset.split(12, 0)
    start(tmp_path, dataset)
    more = dataset.take(np.append(np.arange(48), [training[0]] * 2))
    images = more.images.copy()
    images[48], images[49] = dataset.images[held_out[0]], 255 - images[49]
    split = recall_split(tmp_path, replace(more, images=images), 0)
    assert set(split.held_out) == {*held_out, 48, 49}


def test_equal_pictures_are_told_apart_by_what_is_said_of_them(tmp_path):
    """As a run that kept no split at first could part them."""
    dataset = pictures()
    dataset = replace(dataset, images=np.append(dataset.images[:24], dataset.images[:24], 0))
    dataset = replace(dataset, classes=np.repeat([0, 1], 24))
    dataset.fix_split(0, np.arange(12, 48), np.arange(12))
    write_split(tmp_path, dataset, 12, 0)
    swapped = dataset.take(np.arange(48)[::-1])
    split = recall_split(tmp_path, swapped, 0)
    assert split.same and sorted(split.held_out) == [*range(36, 48)]


def test_samples_that_go_and_come_back_are_where_they_were(tmp_path):
    dataset = pictures()
    whole = start(tmp_path, dataset)
    away = np.append(whole.held_out[:6], whole.training[:12])
    fewer = dataset.take(np.setdiff1d(np.arange(48), away))
    split = start(tmp_path, fewer)
    assert (split.gone, split.back, len(split.held_out)) == (18, 0, 6)
    start(tmp_path, fewer.take(np.arange(len(fewer))[::-1]))  # another start without them
    back = start(tmp_path, dataset)
    assert (back.added, back.back, back.gone, back.same) == (0, 18, 0, False)
    assert names(dataset, back.held_out) == names(dataset, whole.held_out)
    assert names(dataset, back.training) == names(dataset, whole.training)


def test_the_share_is_that_of_the_first_samples_though_all_that_were_held_out_have_gone(tmp_path):
    dataset, others = pictures(), pictures(40, seed=1)
    whole = start(tmp_path, dataset)
    fewer = dataset.take(np.sort(whole.training))
    assert len(start(tmp_path, fewer).held_out) == 0
    more = fewer.take(np.append(np.arange(36), np.arange(40) % 36))
    more = replace(more, images=np.append(fewer.images, others.images, 0))
    assert len(start(tmp_path, more).held_out) == 10
    copies = more.take(np.append(np.arange(76), 0))
    images = np.append(more.images, dataset.images[whole.held_out[:1]], 0)
    assert 76 in recall_split(tmp_path, replace(copies, images=images), 0).held_out


def test_a_split_as_it_was_written_before_is_read(tmp_path):
    dataset = pictures()
    training, held_out = dataset.split(12, 0)
    order = torch.from_numpy(np.append(training, held_out))
    about = {"fingerprint": dataset.fingerprint, "content": dataset.content, "training": 36}
    save_tensors(tmp_path / FILE, {"keys": torch.from_numpy(dataset.keys), "order": order}, about)
    split = recall_split(tmp_path, dataset, 0)
    assert np.array_equal(split.training, training) and np.array_equal(split.held_out, held_out)
    fewer = dataset.take(np.setdiff1d(np.arange(48), held_out[:6]))
    assert names(fewer, start(tmp_path, fewer).held_out) == names(dataset, held_out[6:])
    assert names(dataset, start(tmp_path, dataset).held_out) == names(dataset, held_out)


@pytest.mark.parametrize(("joined", "gone", "its"), [(20, 0, True), (200, 0, True), (0, 40, True), (60, 40, False)])
def test_data_that_have_grown_are_still_those_of_the_run(joined, gone, its, tmp_path):
    dataset, others = pictures(), pictures(200, seed=1)
    whole = start(tmp_path, dataset)
    images = np.append(others.images[:joined], dataset.images[gone:], 0)
    now = ImageDataset(images, np.arange(len(images)) % 2, dataset.class_names)
    assert are_its_data(tmp_path, now) is its
    training, held_out = known_places(tmp_path, now)
    there = names(dataset, range(gone, 48))
    assert names(now, training) == names(dataset, whole.training) & there and len(training) + len(held_out) == 48 - gone
    assert names(now, held_out) == names(dataset, whole.held_out) & there
    assert not are_its_data(tmp_path, dataset.take(whole.held_out))  # on which it was not trained
