"""A number with its standard error, where samples of one group are no independent ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """What was measured."""

    value: float
    error: float  #: its standard error
    n: int  #: samples, or pairs of them, that it comes from


def jackknife(terms: np.ndarray, groups: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> Estimate | None:
    """A statistic of the sums of `terms` [N, m], which maps sums [..., m] to values [...], and its standard error.

    The error is by the jackknife that leaves out one group (int64 [N]) at a time, all of its samples together (Shao
    and Wu 1989). None if the statistic isn't finite, or if there are fewer than two groups.
    """
    _, numbers = np.unique(groups, return_inverse=True)
    count = int(numbers.max(initial=-1)) + 1
    if count < 2:
        return None
    sums = np.zeros((count, terms.shape[1]))
    np.add.at(sums, numbers, terms.astype(np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(sums.sum(0)))
        without = statistic(sums.sum(0) - sums)
        spread = without - without.mean()
    error = float(np.sqrt((count - 1) / count * (spread * spread).sum()))
    return Estimate(value, error, len(terms)) if np.isfinite(value) and np.isfinite(error) else None


def ratio(values: np.ndarray, others: np.ndarray, groups: np.ndarray) -> Estimate | None:
    """The sum of values [N] over the sum of others [N]."""
    return jackknife(np.stack([values, others], 1), groups, lambda sums: sums[..., 0] / sums[..., 1])


def mean(values: np.ndarray, groups: np.ndarray | None = None) -> Estimate | None:
    """The mean of values [N], each a group of its own if none are given."""
    return ratio(values, np.ones(len(values)), np.arange(len(values)) if groups is None else groups)
