"""Kernel Inception Distance (Bińkowski et al. 2018, "Demystifying MMD GANs") with an error bar."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from attngan.data import Pictures
from attngan.errors import AttnGANError
from attngan.features import NAME, features

FEWEST = 10  # samples below which an error bar says nothing

#: draw(count, labels) → uint8 [count, H, W, C]; labels int64 [count], or None if the real pictures have none
Draw = Callable[[int, np.ndarray | None], np.ndarray]

_ROWS = 1024  # of the kernel matrix at a time: 16 MB at 2,000 samples, 400 MB at 50,000


@dataclass(frozen=True)
class Report:
    """How far generated pictures are from real ones, and real ones from one another."""

    kid: float  #: real against generated
    kid_error: float  #: its standard error
    real_kid: float  #: real against other real pictures: 0 but for chance
    real_kid_error: float  #: its standard error
    samples: int  #: pictures on each side of each comparison
    features: str = NAME  #: KID in other features can't be compared

    def as_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """A small table for the console."""
        return [
            f"{'KID':24} {'value':>8}   {'±':>6}",
            f"{'generated against real':24} {self.kid:8.4f}   {self.kid_error:6.4f}",
            f"{'real against real':24} {self.real_kid:8.4f}   {self.real_kid_error:6.4f}",
            f"{self.samples:,} pictures each, features: {self.features}; lower is better; "
            "not comparable with KID in Inception features",
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def evaluate(draw: Draw, pictures: Pictures, *, samples: int = 2000) -> Report:
    """KID of `samples` drawn pictures against as many real ones, beside real against other real ones.

    The classes that `draw` is asked for are those of the second set of real pictures, so that both comparisons have
    the same chance in them. The same arguments give the same report.
    Raises AttnGANError if there are fewer than 2 × samples real pictures, or if draw's have another shape.
    """
    if samples < FEWEST:
        raise AttnGANError(f"--samples {samples}: too few for an error bar; use {FEWEST} or more, 2000 by habit")
    if len(pictures) < 2 * samples:
        enough = f"use --samples {len(pictures) // 2}, or" if len(pictures) >= 2 * FEWEST else "use"
        raise AttnGANError(
            f"--data: {len(pictures):,} pictures; real against real with --samples {samples} needs {2 * samples:,}; "
            f"{enough} more pictures"
        )
    order = np.random.default_rng(0).permutation(len(pictures))
    first, second = np.sort(order[:samples]), np.sort(order[samples : 2 * samples])
    labels = None if pictures.labels is None else pictures.labels[second]
    drawn = draw(samples, labels)
    if drawn.shape != (samples, *pictures.images.shape[1:]):
        raise AttnGANError(
            f"generator: draws {drawn.shape[1:]} where --data was read as {pictures.images.shape[1:]} "
            "(height, width, channels); evaluate it against pictures of its own kind"
        )
    real, other = features(pictures.images[first]), features(pictures.images[second])
    return Report(*kid(real, features(drawn)), *kid(real, other), samples)


def kid(
    real_features: np.ndarray, fake_features: np.ndarray, *, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """(mean, standard error) of the unbiased squared MMD between two sets of features [N, d] of equal length N.

    Kernel (x·y/d + 1)³ and estimator after Bińkowski et al. 2018, equation 4; the mean is over `subsets` random
    subsets of min(subset_size, N // 2) pairs. The error is that of the whole set, from the spread over the subsets by
    the delete-d jackknife (Shao and Wu 1989): √(m / (N − m)) times their standard deviation, m being a subset's size;
    at N = 2,000 and m = 1,000 it is that deviation itself. Same arguments, same result.
    """
    count = len(real_features)
    if real_features.shape != fake_features.shape or real_features.ndim != 2:
        raise ValueError(f"features are {real_features.shape} and {fake_features.shape}; both must be [N, d]")
    size = min(subset_size, count // 2)
    if size < 2 or subsets < 2:
        raise ValueError(f"{count} features and {subsets} subsets: needs at least 4 and 2")
    generator = np.random.default_rng(seed)
    chosen_real, chosen_fake = _choose(generator, subsets, count, size), _choose(generator, subsets, count, size)
    real, fake = real_features.astype(np.float64), fake_features.astype(np.float64)
    within = size * (size - 1)
    distances = (
        _kernel_sums(real, real, chosen_real, chosen_real) / within
        + _kernel_sums(fake, fake, chosen_fake, chosen_fake) / within
        - 2 * _kernel_sums(real, fake, chosen_real, chosen_fake) / size**2
    )
    return float(distances.mean()), float(distances.std(ddof=1) * math.sqrt(size / (count - size)))


def _choose(generator: np.random.Generator, subsets: int, count: int, size: int) -> np.ndarray:
    """float64 [subsets, count]: 1 where a row belongs to a subset, `size` times in each."""
    chosen = np.zeros((subsets, count))
    for row in chosen:
        row[generator.permutation(count)[:size]] = 1.0
    return chosen


def _kernel_sums(x: np.ndarray, y: np.ndarray, in_x: np.ndarray, in_y: np.ndarray) -> np.ndarray:
    """float64 [subsets]: Σ k(x_i, y_j) over each subset's i and j, without i = j where x is y.

    Every kernel value is computed once, however many subsets it is in.
    """
    total = np.zeros(len(in_x))
    for start in range(0, len(x), _ROWS):
        rows = slice(start, start + _ROWS)
        kernel = (x[rows] @ y.T / x.shape[1] + 1.0) ** 3
        if x is y:
            kernel[np.arange(len(kernel)), start + np.arange(len(kernel))] = 0.0
        total += ((in_x[:, rows] @ kernel) * in_y).sum(1)
    return total
