"""Real samples in two parts: some stand beside generated ones, by the others both are measured."""

from __future__ import annotations

import numpy as np

from attngan.data import Dataset
from attngan.errors import AttnGANError
from attngan.metrics.kid import FEWEST_FOR_KID


def draw_halves(dataset: Dataset, samples: int, usual: int, kind: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Places of `samples` real samples, and of all others; in an order of chance, always the same.

    usual: how many are mostly asked for. kind: of the samples, such as `test `.
    Raises AttnGANError if there are fewer than 2 × samples, or if samples are too few.
    """
    count, noun = len(dataset), dataset.noun
    if samples < FEWEST_FOR_KID:
        raise AttnGANError(
            f"--samples {samples}", "too few for an error bar", f"use {FEWEST_FOR_KID} or more, {usual} by habit"
        )
    if count < 2 * samples:
        enough = f"use --samples {count // 2}, or" if count >= 2 * FEWEST_FOR_KID else "use"
        raise AttnGANError(
            "--data",
            f"{count:,} {kind}{noun}; real against real with --samples {samples} needs {2 * samples:,}",
            f"{enough} more {noun}",
        )
    order = np.random.default_rng(0).permutation(count)
    return order[:samples], order[samples:]
