"""A number with its standard error, where pictures of one concept are no independent ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """What was measured."""

    value: float
    error: float  #: its standard error
    n: int  #: pictures, or pairs of them, that it comes from


def jackknifed(
    terms: np.ndarray, concepts: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]
) -> Estimate | None:
    """A statistic of the sums of `terms` [N, m], which maps sums [..., m] to values [...], and its standard error.

    The error is by the jackknife that leaves out one concept (int64 [N]) at a time, all of its pictures together
    (Shao and Wu 1989). None if the statistic isn't finite, or if there are fewer than two concepts.
    """
    _, numbers = np.unique(concepts, return_inverse=True)
    groups = int(numbers.max(initial=-1)) + 1
    if groups < 2:
        return None
    sums = np.zeros((groups, terms.shape[1]))
    np.add.at(sums, numbers, terms.astype(np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(sums.sum(0)))
        without = statistic(sums.sum(0) - sums)
        spread = without - without.mean()
    error = float(np.sqrt((groups - 1) / groups * (spread * spread).sum()))
    return Estimate(value, error, len(terms)) if np.isfinite(value) and np.isfinite(error) else None


def mean(values: np.ndarray, concepts: np.ndarray) -> Estimate | None:
    """The mean of values [N]."""
    terms = np.stack([values.astype(np.float64), np.ones(len(values))], 1)
    return jackknifed(terms, concepts, lambda sums: sums[..., 0] / sums[..., 1])
