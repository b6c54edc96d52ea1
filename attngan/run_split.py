"""Which samples a run trains on and which it holds out, by what they are and not by what they are called.

split.safetensors keeps it. A sample that was held out stays so, and one that was trained on too, whatever joins or
goes, themselves among it; what joins is split as the first ones were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from attngan.checkpoint import load_about, load_tensors, save_tensors
from attngan.data import Dataset
from attngan.data.dataset import hash_samples
from attngan.errors import AttnGANError
from attngan.run_folder import read_object

FILE = "split.safetensors"


@dataclass(frozen=True)
class Split:
    """Places of a dataset's samples, int64, in the order in which a run began with them; what joined comes last."""

    training: np.ndarray
    held_out: np.ndarray
    added: int = 0  #: samples that the run did not know
    back: int = 0  #: those that had gone
    gone: int = 0  #: those that were there and are not now
    same: bool = True  #: whether samples and labels are those of before, in whatever order


@dataclass(frozen=True)
class _Known:
    """All samples that a run has seen, in the order of the dataset that it had last; those that had gone come last."""

    keys: np.ndarray  #: int64 [N], of Dataset
    labels: np.ndarray  #: int64 [N], a hash of each; zeros where an older attngan kept none
    training: np.ndarray  #: int64, places of those that were trained on, in the order of the run
    held_out: np.ndarray
    here: int  #: how many the dataset had
    share: float  #: of the first ones that was held out
    fingerprint: str  #: of that dataset
    content: str


def write_split(folder: Path, dataset: Dataset, holdout: int, seed: int) -> None:
    """Keeps how a run splits its data, and on which side those were that are gone; AttnGANError if the disk refuses."""
    training, held_out = dataset.split(holdout, seed)
    labels, here = _hash_labels(dataset), len(dataset)
    known = _Known(
        dataset.keys, labels, training, held_out, here, len(held_out) / here, dataset.fingerprint, dataset.content
    )
    if has_split(folder):
        known = _with_gone(known, _read(folder))
    order = np.concatenate([known.training, known.held_out])
    tensors = {"keys": known.keys, "labels": known.labels, "order": order}
    about = {
        "fingerprint": known.fingerprint, "content": known.content, "training": len(known.training), "here": here,
        "share": known.share,
    }  # fmt: skip
    save_tensors(folder / FILE, {name: torch.from_numpy(value) for name, value in tensors.items()}, about)


def has_split(folder: Path) -> bool:
    """Whether the run in a folder keeps its split; an older attngan kept none."""
    return (folder / FILE).exists()


def known_fingerprint(folder: Path) -> str:
    """Of the data that the run in a folder goes by; empty if nothing says so."""
    return str(load_about(folder / FILE).get("fingerprint") or read_object(folder / "data.json").get("fingerprint", ""))


def are_its_data(folder: Path, dataset: Dataset) -> bool:
    """Whether a run in a folder was trained on these: they are its samples and labels, in whatever order.

    Or at least most of them, or most of what it was trained on, is both.
    """
    about, fingerprint = load_about(folder / FILE), known_fingerprint(folder)
    if fingerprint and (fingerprint == dataset.fingerprint or about.get("content") == dataset.content):
        return True
    if not has_split(folder):
        return False
    known = _read(folder)
    shown, now = np.unique(known.keys[known.training]), np.unique(dataset.keys)
    return 2 * len(np.intersect1d(shown, now)) > min(len(shown), len(now))


def known_places(folder: Path, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Places, int64, of the samples that the run in a folder, which `has_split`, was shown, and of those it held out.

    Copies of either are among them, and what it does not know among neither. AttnGANError if the file is damaged.
    """
    known = _read(folder)
    return _sides(known, _where(known, dataset.keys, _hash_labels(dataset)), dataset.keys)


def recall_split(folder: Path, dataset: Dataset, seed: int) -> Split:
    """The samples of a dataset as the run in a folder, which `has_split`, splits them.

    Of samples that join, a copy goes where what it equals is, one of a known group where that is, and of the others
    whole groups are held out in the share that was; held out wins.
    Raises AttnGANError if the file is damaged, or nothing is left to train on.
    """
    known = _read(folder)
    if known.fingerprint == dataset.fingerprint:
        return Split(known.training[known.training < known.here], known.held_out[known.held_out < known.here])
    moved = _where(known, dataset.keys, _hash_labels(dataset))
    sides = _sides(known, moved, dataset.keys)
    new = np.setdiff1d(np.arange(len(dataset)), np.concatenate(sides))
    hidden = _hide(dataset, new, sides, known.share, seed)
    training, held_out = np.append(sides[0], new[~hidden]), np.append(sides[1], new[hidden])
    if not len(training):
        raise AttnGANError("--data", f"nothing but what {folder} holds out", "add what it is to be trained on")
    back, gone = int((moved[known.here :] >= 0).sum()), int((moved[: known.here] < 0).sum())
    added = len(dataset) - int((moved >= 0).sum())
    return Split(training, held_out, added, back, gone, known.content == dataset.content)


def _read(folder: Path) -> _Known:
    path = folder / FILE
    tensors, about = load_tensors(path, "restore a copy, or use another --out", checked=True)
    keys, order = tensors["keys"].numpy(), tensors["order"].numpy()
    labels = tensors["labels"].numpy() if "labels" in tensors else np.zeros_like(keys)
    training, held_out = order[: about["training"]], order[about["training"] :]
    share = about.get("share", len(held_out) / len(keys))
    here = about.get("here", len(keys))
    return _Known(keys, labels, training, held_out, here, share, about["fingerprint"], about["content"])


def _with_gone(known: _Known, then: _Known) -> _Known:
    """What a run knows now, and of what it knew then that which is gone."""
    gone = np.flatnonzero(_where(then, known.keys, known.labels) < 0)
    places, hidden = known.here + np.arange(len(gone)), np.isin(gone, then.held_out)
    return replace(
        known, keys=np.append(known.keys, then.keys[gone]), labels=np.append(known.labels, then.labels[gone]),
        training=np.append(known.training, places[~hidden]), held_out=np.append(known.held_out, places[hidden]),
        share=then.share,
    )  # fmt: skip


def _hash_labels(dataset: Dataset) -> np.ndarray:
    return hash_samples(label.encode() for label in dataset.labels)


def _sides(known: _Known, moved: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places now of those trained on and of those held out, then of what equals them; held out wins."""
    others = np.setdiff1d(np.arange(len(keys)), moved)
    trained, hidden = (np.isin(keys[others], known.keys[part]) for part in (known.training, known.held_out))
    training, held_out = (moved[part] for part in (known.training, known.held_out))
    training = np.append(training[training >= 0], others[trained & ~hidden])
    return training, np.append(held_out[held_out >= 0], others[hidden])


def _where(known: _Known, keys: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """int64 [N]: the place now of each known sample, −1 if it has none.

    Of equal ones first those of one label find each other, then the rest, each time in their order.
    """
    found = np.full(len(known.keys), -1, np.int64)
    for then, now in (((known.keys, known.labels), (keys, labels)), ((known.keys,), (keys,))):
        left, free = np.flatnonzero(found < 0), np.setdiff1d(np.arange(len(keys)), found)
        if not len(left) or not len(free):
            break
        places = dict(zip(_told_apart(now, free), free.tolist(), strict=True))
        found[left] = [places.get(sample, -1) for sample in _told_apart(then, left)]
    return found


def _told_apart(columns: Sequence[np.ndarray], places: np.ndarray) -> list[tuple[int, ...]]:
    """The values of each place, and how many equal ones came before it."""
    seen, found = Counter[tuple[int, ...]](), []
    for values in zip(*(column[places].tolist() for column in columns), strict=True):
        found.append((*values, seen[values]))
        seen[values] += 1
    return found


def _hide(
    dataset: Dataset, new: np.ndarray, sides: tuple[np.ndarray, np.ndarray], share: float, seed: int
) -> np.ndarray:
    """bool: which of the samples at the places `new` are held out, beside places trained on and held out."""
    groups = dataset.groups
    trained, hidden = (np.isin(groups[new], groups[side]) for side in sides)
    free = ~trained & ~hidden
    if free.any():
        some = dataset.take(new[free])
        count = min(round(share * len(some)), some.most_held_out)
        if count > 0:
            hidden[free] = some.choose_held_out(count, seed)
    return hidden
