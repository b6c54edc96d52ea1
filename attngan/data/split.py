"""Samples that training never shows, against which overfitting is measured."""

from __future__ import annotations

import numpy as np

from attngan.data.captions import rank_names
from attngan.data.dataset import Dataset
from attngan.random import derive
from attngan.streams import Stream

_FEWEST, _MOST = 20, 1000  # of a tenth: an error bar needs the one, no figure here needs more than the other


def usual_holdout(dataset: Dataset) -> int:
    """How much a run holds out: a tenth, 20 to 1,000 samples, never above a fifth or `most_held_out`."""
    count = len(dataset)
    return min(max(count // 10, _FEWEST), _MOST, count // 5, dataset.most_held_out)


def describe_split(dataset: Dataset, held_out: int, seed: int) -> str:
    """What the data line ends in: how many samples are held out, or why none can be, if not by choice."""
    if held_out:
        return f"; {held_out:,} held out"
    wanted = usual_holdout(dataset)
    if not wanted:
        return "; none held out of so few"
    fits = len(dataset.split(wanted, seed)[1])
    return "" if fits else f"; none held out: no {dataset.group} with its copies fits into {wanted:,}"


def holdout_seed(seed: int) -> int:
    """Of the chance that decides which samples of a run with this seed are held out."""
    return int(derive(seed, Stream.HOLDOUT))


def whole_groups(groups: list[str], held_out: int, seed: int, styles: np.ndarray | None = None) -> np.ndarray:
    """bool [N]: the pictures of shuffled concepts, each taken if it still fits into the number.

    One concept stays, and with styles int64 [N] one of each style: a style that was never seen can't be drawn.
    """
    numbers = rank_names(groups)
    sizes = np.bincount(numbers)
    drawn_in = set(zip(numbers.tolist(), (np.zeros_like(numbers) if styles is None else styles).tolist(), strict=True))
    own: dict[int, set[int]] = {}
    for number, style in drawn_in:
        own.setdefault(number, set()).add(style)
    chosen, room, kept = np.zeros(len(sizes), bool), held_out, set[int]()
    for concept in np.random.default_rng(holdout_seed(seed)).permutation(len(sizes)).tolist():
        if not own[concept] <= kept:
            kept |= own[concept]
        elif sizes[concept] <= room:
            chosen[concept], room = True, room - sizes[concept]
    return chosen[numbers]


def join_groups(groups: list[str], first: np.ndarray) -> list[str]:
    """The groups of N samples, one where samples of several are equal: the first name of them in the alphabet.

    first: int64 [N], of each sample the place of the first one that equals it.
    """
    joined = {name: name for name in groups}

    def root(name: str) -> str:
        while joined[name] != name:
            joined[name] = name = joined[joined[name]]
        return name

    for place in np.flatnonzero(first != np.arange(len(first))).tolist():
        one, other = sorted((root(groups[place]), root(groups[first[place]])))
        joined[other] = one
    return [root(name) for name in groups]


def whole_copies(first: np.ndarray, held_out: int, seed: int, classes: np.ndarray | None = None) -> np.ndarray:
    """bool [N]: groups of equal samples, each taken if it fits into the number and leaves one of each class.

    first: int64 [N], of each sample the place of the first one that equals it. classes: int64 [N], which keep their
    shares: the shuffled groups of each are spread evenly over a list that is walked from its beginning.
    """
    labels = np.zeros(len(first), np.int64) if classes is None else classes
    order = np.random.default_rng(holdout_seed(seed)).permutation(len(first))
    order = order[first[order] == order]
    order = order[np.argsort(labels[order], kind="stable")]
    sizes = np.bincount(labels[order], minlength=labels.max() + 1)
    ranks = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    order = order[np.argsort((ranks + 0.5) / np.repeat(sizes, sizes), kind="stable")]
    members = _members(first)
    left, room, chosen = np.bincount(labels), held_out, np.zeros(len(first), bool)
    for place in order.tolist():
        group = members[place]
        taken = np.bincount(labels[group], minlength=len(left))
        if len(group) <= room and (left[taken > 0] > taken[taken > 0]).all():
            chosen[group], room, left = True, room - len(group), left - taken
        if not room:
            break
    return chosen


def _members(first: np.ndarray) -> dict[int, np.ndarray]:
    """The samples of each group, by the first of them."""
    order = np.argsort(first, kind="stable")
    starts = np.flatnonzero(np.diff(first[order], prepend=-1))
    return {int(first[group[0]]): group for group in np.split(order, starts[1:])}
