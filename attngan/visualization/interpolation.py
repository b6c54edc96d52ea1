"""Pictures between pictures: the noise goes from seed to seed on great circles, as a grid or as a looping animation.

Normals of many dimensions lie near a sphere, and the straight line between two of them leaves it (White 2016,
"Sampling generative networks", section 2.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from attngan.errors import AttnGANError
from attngan.generators.base import BATCH
from attngan.generators.image import TorchImageGenerator
from attngan.random import normals
from attngan.visualization.animation import write_animation
from attngan.visualization.tiles import enlarge, legible_side
from attngan_runtime.generators.grid import check_sheet_size, grid
from attngan_runtime.generators.pixels import to_uint8

_WIDEST = 16_383  # pixels of a WebP; H.264 takes one more, GIF four times as many
_LARGEST_ANIMATION = 178_956_970  # pixels of all frames, which are in memory together: half a gigabyte of RGB


def great_circle(start: Tensor, end: Tensor, shares: Tensor) -> Tensor:
    """Points [S, D] at `shares` [S] of the way from `start` [D] to `end` [D].

    The direction turns at constant speed (Shoemake 1985, slerp), the length goes evenly from the one to the other.
    """
    first, last, shares = start.double(), end.double(), shares.double()[:, None]
    lengths = first.norm(), last.norm()
    first, last = first / lengths[0].clamp_min(1e-12), last / lengths[1].clamp_min(1e-12)
    angle = torch.acos((first @ last).clamp(-1, 1))
    if torch.sin(angle) < 1e-6:  # the same seed twice
        direction = first + shares * (last - first)
    else:
        direction = (torch.sin((1 - shares) * angle) * first + torch.sin(shares * angle) * last) / torch.sin(angle)
    return (direction * torch.lerp(lengths[0], lengths[1], shares)).float()


def interpolation_grid(
    generator: TorchImageGenerator, seeds: list[int], classes: list[int], steps: int, truncation: float
) -> tuple[np.ndarray, int]:
    """uint8 [B, H, W, C] and its columns: by class a row for each pair of seeds in turn, both ends included.

    classes: empty for an unconditional generator. Raises AttnGANError if the sheet would be too large.
    """
    side, columns = generator.resolution, steps + 1
    rows = (len(seeds) - 1) * max(len(classes), 1)
    check_sheet_size(columns, side, side, columns, f"--interpolate {steps}")
    check_sheet_size(rows * columns, side, side, columns)
    z = _path(generator, seeds, torch.arange(columns) / steps).unflatten(0, (-1, columns))
    labels: Sequence[int | None] = classes or (None,)
    return np.concatenate([_draw(generator, row, label, truncation) for label in labels for row in z]), columns


def write_loop(
    generator: TorchImageGenerator, seeds: list[int], classes: list[int], steps: int, truncation: float, path: Path
) -> int:
    """Writes an animation through all seeds and back to the first, the classes side by side; returns its frames.

    It slows down at every seed, so that it has no corners, and shows small pictures enlarged.
    Raises AttnGANError if there are too many frames, or the file can't be written.
    """
    side = generator.resolution
    shown = legible_side(side)
    _check_animation(len(seeds) * steps, max(len(classes), 1), shown)
    shares = 0.5 - 0.5 * torch.cos(torch.pi * torch.arange(steps) / steps)
    z = _path(generator, [*seeds, seeds[0]], shares)
    labels: Sequence[int | None] = classes or (None,)
    strips = np.stack([_draw(generator, z, label, truncation) for label in labels], 1)
    frames = [grid(enlarge(strip, shown), len(strip)) for strip in strips]
    # Squares of equal pixels take less room without loss than with it: 500 kB where quality 90 takes 870.
    write_animation(frames, path, lossless=shown > side)
    return len(frames)


def _path(generator: TorchImageGenerator, seeds: list[int], shares: Tensor) -> Tensor:
    """z [pairs · S, D]: at `shares` [S] of the way between consecutive seeds."""
    ends = normals(torch.tensor(seeds, dtype=torch.int64), generator.config.network.z_dim)
    return torch.cat([great_circle(a, b, shares) for a, b in pairwise(ends)])


@torch.no_grad()
def _draw(generator: TorchImageGenerator, z: Tensor, label: int | None, truncation: float) -> np.ndarray:
    """uint8 [B, H, W, C] from z [B, D], all of one class."""
    pictures = []
    for part in z.split(BATCH):
        labels, scale = None if label is None else torch.full((len(part),), label), torch.full((len(part),), truncation)
        pictures.append(generator.network.from_z(part, labels, scale))  # type: ignore[operator]
    return to_uint8(torch.cat(pictures).numpy())


def _check_animation(frames: int, columns: int, side: int) -> None:
    if columns * (side + 2) > _WIDEST:
        raise AttnGANError(
            "--classes",
            f"{columns} pictures of {side} pixels side by side are wider than an animation's {_WIDEST:,}",
            "name fewer",
        )
    if frames * columns * side**2 > _LARGEST_ANIMATION:
        raise AttnGANError(
            "--interpolate",
            f"{frames:,} frames of {columns} pictures of {side}² pixels are more than {_LARGEST_ANIMATION:,} pixels",
            "ask for fewer seeds, classes or steps",
        )
