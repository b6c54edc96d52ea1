"""Figures that copies of training pictures raise, each with its error and what it is without copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from attngan.metrics.estimate import Estimate
from attngan.metrics.precision_recall import squared_distances

FEWEST_FOR_TAIL = 20  # held-out pictures of which the closest 5 % is at least one

_TAIL = 0.05
_COPIED = 0.1  # of the median distance, below which pictures are one, saved anew; new ones have 0.55 to 0.7 at the tail
_RESAMPLES = 1000  # of bootstrap and permutation: the error is then itself good to 2 %


@dataclass(frozen=True)
class Share(Estimate):
    """A share of the generated pictures, 0 … 1."""

    without_copies: float  #: what it is if generated pictures are as held-out ones are


@dataclass(frozen=True)
class Closeness:
    """How near generated pictures are to training pictures by one kind of distance, compared with held-out ones.

    Every distance is that of a picture to its nearest training picture.
    """

    closer_than_median: Share  #: generated pictures closer than the median held-out one
    #: closer than the closest 5 % of held-out ones; None below FEWEST_FOR_TAIL of them, and where those look as
    #: training pictures do
    closer_than_tail: Share | None
    nearest_is_training: Share | None  #: whose nearest picture is no held-out one; None where that wasn't compared
    distance: float  #: median over generated pictures
    held_out_distance: float  #: median over held-out pictures
    held_out_tail: float | None  #: below it lie the closest 5 % of held-out pictures; None as closer_than_tail

    def as_dict(self) -> dict[str, Any]:
        """The figures, ready for JSON: a share is `name`, `name_error` and `name_without_copies`; null where None."""
        figures: dict[str, Any] = {}
        parts = {"": "value", "_error": "error", "_without_copies": "without_copies"}
        for name, value in vars(self).items():
            if name.startswith(("closer", "nearest")):
                figures |= {name + part: getattr(value, field, None) for part, field in parts.items()}
            else:
                figures[name] = value
        return figures


def closeness(generated: np.ndarray, held_out: np.ndarray, nearest_is_training: Share | None) -> Closeness:
    """The figures of distances to the nearest training picture, of generated [N] and held-out [M] pictures."""
    tail, median = np.quantile(held_out, [_TAIL, 0.5]).tolist()
    enough = len(held_out) >= FEWEST_FOR_TAIL and tail > _COPIED * median
    return Closeness(
        share_closer(generated, held_out, 0.5),
        share_closer(generated, held_out, _TAIL) if enough else None,
        nearest_is_training,
        float(np.median(generated)),
        median,
        tail if enough else None,
    )


def share_closer(generated: np.ndarray, held_out: np.ndarray, quantile: float) -> Share:
    """The share of distances `generated` [N] below a quantile of the distances `held_out` [M].

    The error is by bootstrap of both sets (Efron 1979), since the quantile has chance in it too.
    """
    random = np.random.default_rng(0)
    limits = np.quantile(held_out[random.integers(len(held_out), size=(_RESAMPLES, len(held_out)))], quantile, axis=1)
    resampled = generated[random.integers(len(generated), size=(_RESAMPLES, len(generated)))]
    error = np.std((resampled < limits[:, None]).mean(1), ddof=1)
    share = float(np.mean(generated < np.quantile(held_out, quantile)))
    return Share(share, float(error), len(generated), quantile)


def share_nearest_to_training(
    generated: np.ndarray, held_out: np.ndarray, places: np.ndarray, distances: np.ndarray, training: int
) -> Share:
    """The share of generated pictures [N, d] that have a training picture nearer than every held-out one [M, d].

    places, distances: [N], Euclidean, of each generated picture's nearest among the `training` pictures. Without
    copies all training and held-out pictures are alike, so that the share is training / (training + M), and its error
    is the spread when it is drawn by lot which of them are the training pictures.
    """
    found = np.concatenate([squares for _, squares in squared_distances(generated, held_out)])
    nearer = distances < np.sqrt(found.min(1))
    nearest = np.where(nearer, places, training + found.argmin(1))
    total = training + len(held_out)
    times = np.bincount(nearest, minlength=total) / len(generated)
    random = np.random.default_rng(0)
    lots = [times[random.permutation(total)[:training]].sum() for _ in range(_RESAMPLES)]
    return Share(float(np.mean(nearer)), float(np.std(lots, ddof=1)), len(generated), training / total)
