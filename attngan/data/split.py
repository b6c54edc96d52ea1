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
