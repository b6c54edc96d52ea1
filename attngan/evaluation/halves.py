"""Real samples in two parts: some stand beside generated ones, by the others both are measured."""

from __future__ import annotations

import numpy as np

from attngan.errors import AttnGANError
from attngan.metrics.kid import FEWEST_FOR_KID


def draw_halves(count: int, samples: int, usual: int, noun: str, kind: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Places of `samples` of `count` real samples, and of all others; in an order of chance, always the same.

    usual: how many are mostly asked for. noun, kind: what they are, such as test sentences.
    Raises AttnGANError if there are fewer than 2 × samples, or if samples are too few.
    """
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
