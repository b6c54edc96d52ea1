"""Pictures that training never shows, against which overfitting is measured."""

from __future__ import annotations

import numpy as np

from attngan.data import Pictures
from attngan.random import derive

_HOLDOUT = 4  # stream of randomness below the run's seed
_FEWEST, _MOST = 20, 1000  # of a tenth: an error bar needs the one, no figure here needs more than the other


def usual_holdout(count: int) -> int:
    """How many of `count` pictures a run holds out: a tenth, 20 to 1,000 of them, never more than a fifth."""
    return min(max(count // 10, _FEWEST), _MOST, count // 5)


def split(pictures: Pictures, held_out: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(places of the training pictures, places of the held-out ones), int64 and rising.

    The same for the same pictures, number and seed of the run. Classes keep their shares as nearly as whole numbers
    allow: every k-th picture of a shuffled list that is sorted by class.
    """
    order = np.random.default_rng(int(derive(seed, _HOLDOUT))).permutation(len(pictures))
    if pictures.labels is not None:
        order = order[np.argsort(pictures.labels[order], kind="stable")]
    places = (np.arange(held_out) + 0.5) * len(pictures) / max(held_out, 1)
    chosen = np.zeros(len(pictures), bool)
    chosen[order[places.astype(np.int64)]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def take(pictures: Pictures, places: np.ndarray) -> Pictures:
    """A copy of some of the pictures, in memory; what was skipped or ignored is not repeated."""
    labels = None if pictures.labels is None else pictures.labels[places]
    return Pictures(pictures.images[places], labels, pictures.class_names)
