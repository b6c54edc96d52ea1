"""Which samples a run trains on and which it holds out, by what they are and not by what they are called.

split.safetensors keeps it. A sample that was held out stays so, and one that was trained on too, whatever joins or
goes; what joins is split as the rest was.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from attngan.checkpoint import load_about, load_tensors, save_tensors
from attngan.data import Dataset
from attngan.errors import AttnGANError
from attngan.run_folder import read_object

FILE = "split.safetensors"


@dataclass(frozen=True)
class Split:
    """Places of a dataset's samples, int64, in the order in which a run began with them; what joined comes last."""

    training: np.ndarray
    held_out: np.ndarray
    added: int = 0  #: samples that the run did not know
    gone: int = 0  #: those that it knew and that are not there
    same: bool = True  #: whether samples and labels are those of before, in whatever order


def write_split(folder: Path, dataset: Dataset, holdout: int, seed: int) -> None:
    """Keeps how a run splits its data; AttnGANError if the disk refuses."""
    training, held_out = dataset.split(holdout, seed)
    tensors = {"keys": torch.from_numpy(dataset.keys), "order": torch.from_numpy(np.concatenate([training, held_out]))}
    about = {"fingerprint": dataset.fingerprint, "content": dataset.content, "training": len(training)}
    save_tensors(folder / FILE, tensors, about)


def has_split(folder: Path) -> bool:
    """Whether the run in a folder keeps its split; an older attngan kept none."""
    return (folder / FILE).exists()


def known_fingerprint(folder: Path) -> str:
    """Of the data that the run in a folder goes by; empty if nothing says so."""
    return str(load_about(folder / FILE).get("fingerprint") or read_object(folder / "data.json").get("fingerprint", ""))


def are_its_data(folder: Path, dataset: Dataset) -> bool:
    """Whether these are the samples and labels of the run in a folder, in whatever order."""
    about, known = load_about(folder / FILE), known_fingerprint(folder)
    return bool(known) and (known == dataset.fingerprint or about.get("content") == dataset.content)


def recall_split(folder: Path, dataset: Dataset, seed: int) -> Split:
    """The samples of a dataset as the run in a folder, which `has_split`, splits them.

    Of samples that join, whole groups are held out in the share that was; a group that is known goes where it was.
    Raises AttnGANError if the file is damaged, or nothing is left to train on.
    """
    path = folder / FILE
    tensors, about = load_tensors(path, "restore a copy, or use another --out", checked=True)
    then, order = tensors["keys"].numpy(), tensors["order"].numpy()
    places = order[: about["training"]], order[about["training"] :]
    if about["fingerprint"] == dataset.fingerprint:
        return Split(*places)
    now = dataset.keys
    moved = _where(then, now)
    training, held_out = (moved[part][moved[part] >= 0] for part in places)
    joined = np.setdiff1d(np.arange(len(now)), moved)
    more = _split_joined(dataset, joined, (training, held_out), len(places[1]) / len(then), seed)
    training, held_out = np.concatenate([training, more[0]]), np.concatenate([held_out, more[1]])
    if not len(training):
        raise AttnGANError("--data", f"nothing but what {folder} holds out", "add what it is to be trained on")
    same = about["content"] == dataset.content
    return Split(training, held_out, len(joined), int((moved < 0).sum()), same)


def _where(then: np.ndarray, now: np.ndarray) -> np.ndarray:
    """int64 [N]: the place now of each sample of then, −1 if it has none; equal ones in their order."""
    places = {key: place for place, key in enumerate(_told_apart(now))}
    return np.array([places.get(key, -1) for key in _told_apart(then)], np.int64)


def _told_apart(keys: np.ndarray) -> list[tuple[int, int]]:
    """Each key, and how many equal ones came before it."""
    seen, found = Counter[int](), []
    for key in keys.tolist():
        found.append((key, seen[key]))
        seen[key] += 1
    return found


def _split_joined(
    dataset: Dataset, joined: np.ndarray, known: tuple[np.ndarray, np.ndarray], share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """(places to train on, places to hold out) of the samples at the places `joined`; share: to hold out."""
    groups = dataset.groups
    trained, held_out = (np.isin(groups[joined], groups[part]) for part in known)
    held_out &= ~trained
    new = ~trained & ~held_out
    if new.any():
        some = dataset.take(joined[new])
        count = min(round(share * len(some)), some.most_held_out)
        if count > 0:
            held_out[new] = some.choose_held_out(count, seed)
    return joined[~held_out], joined[held_out]
