"""`attngan-run` called, and what it wrote taken apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner, Result
from PIL import Image

from attngan_runtime.cli import main


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def tiles(path: Path, columns: int, rows: int | None = None, side: int = 8) -> np.ndarray:
    """The pictures [B, side, side] or [B, side, side, C] of a grid; of a table with labels if `rows` are given."""
    with Image.open(path) as image:
        pixels = np.asarray(image)
    pitch = side + 2 if rows is None else max(side, 14) + 2
    high = pixels.shape[0] if rows is None else rows * pitch - 2
    rows = (high + 2) // pitch
    pixels = pixels[pixels.shape[0] - high :, pixels.shape[1] - (columns * pitch - 2) :]
    assert pixels.shape[:2] == (rows * pitch - 2, columns * pitch - 2)
    start = (pitch - 2 - side) // 2
    return np.array([
        pixels[r * pitch + start :][:side, c * pitch + start :][:, :side] for r in range(rows) for c in range(columns)
    ])  # fmt: skip
