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


def tiles(path: Path, columns: int, side: int = 8) -> np.ndarray:
    """The pictures [B, side, side] or [B, side, side, C] of a grid."""
    with Image.open(path) as image:
        pixels = np.asarray(image)
    rows = (pixels.shape[0] + 2) // (side + 2)
    assert pixels.shape[:2] == (rows * (side + 2) - 2, columns * (side + 2) - 2)
    return np.array([
        pixels[r * (side + 2) :][:side, c * (side + 2) :][:, :side] for r in range(rows) for c in range(columns)
    ])  # fmt: skip
