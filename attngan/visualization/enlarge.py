"""Small pictures made large enough to look at."""

from __future__ import annotations

import math

import numpy as np

LEGIBLE = 160  # pixels a side; a caption of 24 letters fits above


def enlarged(pictures: np.ndarray, side: int) -> np.ndarray:
    """[…, H, W, C] → each pixel a square of side/W pixels (nearest neighbour); `side` is a multiple of H = W."""
    times = side // pictures.shape[-2]
    return pictures.repeat(times, axis=-3).repeat(times, axis=-2)


def legible_side(side: int) -> int:
    """The smallest multiple of `side` that is at least LEGIBLE pixels."""
    return side * math.ceil(LEGIBLE / side)
