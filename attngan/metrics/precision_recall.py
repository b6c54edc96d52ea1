"""Figures from balls around each picture that reach to its k-th nearest neighbour among its own kind.

Precision and recall: Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative
Models". Density and coverage: Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_BLOCK = 2**22  # distances at a time: 32 MB in float64


def precision_and_recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> tuple[float, float]:
    """(precision, recall) in 0 … 1 of features real [N, d] and fake [M, d]; equations 1 and 2 of the paper.

    Precision: the share of fakes inside the ball of any real picture. Recall: the share of real pictures inside the
    ball of any fake. k = 3 as in the paper. Raises ValueError if either set has k pictures or fewer.
    """
    in_real, in_fake = np.zeros(len(fake), bool), np.zeros(len(real), bool)
    real_radii, fake_radii = squared_radii(real, k), squared_radii(fake, k)
    for rows, distances in squared_distances(real, fake):
        in_real |= (distances <= real_radii[rows, None]).any(0)
        in_fake[rows] = (distances <= fake_radii).any(1)
    return float(in_real.mean()), float(in_fake.mean())


def density_and_coverage(real: np.ndarray, fake: np.ndarray, k: int = 5) -> tuple[float, float]:
    """(density, coverage) of features real [N, d] and fake [M, d]; as defined in section 3 of the paper.

    Density: the mean number of real balls that a fake lies in, over k; not bounded by 1. Coverage: the share of real
    pictures with a fake in their ball, 0 … 1. k = 5 as in the paper. Raises ValueError if there are k real pictures
    or fewer.
    """
    inside, covered = 0, np.zeros(len(real), bool)
    radii = squared_radii(real, k)
    for rows, distances in squared_distances(real, fake):
        within = distances <= radii[rows, None]
        inside += int(within.sum())
        covered[rows] = within.any(1)
    return inside / (k * len(fake)), float(covered.mean())


def squared_radii(features: np.ndarray, k: int) -> np.ndarray:
    """float64 [N]: squared distance of each picture to its k-th nearest other one of the set [N, d]."""
    if len(features) <= k:
        raise ValueError(f"{len(features)} features: the {k} nearest others of each need at least {k + 1}")
    radii = np.empty(len(features))
    for rows, distances in squared_distances(features, features):
        distances[np.arange(len(distances)), np.arange(rows.start, rows.stop)] = np.inf  # itself
        radii[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return radii


def squared_distances(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of rows of the Euclidean distances' squares between [N, d] and [M, d], and which rows they are.

    In float64, so that ‖x‖² + ‖y‖² − 2 x·y keeps nine digits of distances that are a thousandth of the norms.
    """
    y = y.astype(np.float64)
    y_norms = (y * y).sum(1)
    size = max(_BLOCK // max(len(y), 1), 1)
    for start in range(0, len(x), size):
        block = x[start : start + size].astype(np.float64)
        squares = (block * block).sum(1)[:, None] + y_norms - 2.0 * (block @ y.T)
        yield slice(start, start + len(block)), np.maximum(squares, 0.0, out=squares)
