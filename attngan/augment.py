"""Differentiable augmentation (Zhao et al. 2020; Karras et al. 2020): what D sees of real and fake pictures alike.

Every operation is linear or affine in the pictures and made of indexing and products, so it can be differentiated
any number of times (grid_sample can not); the trainer keeps it outside the penalty's path all the same.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from attngan.random import uniforms


def augment(pictures: Tensor, seeds: Tensor, names: tuple[str, ...], probability: float) -> Tensor:
    """Applies each named augmentation to each picture with this probability.

    pictures: float [B, C, H, W] in [−1, 1]; seeds: int64 [B], the whole randomness of each picture;
    names: keys of AUGMENTATIONS. Returns float [B, C, H, W].
    """
    if not names or probability <= 0:
        return pictures
    draws = uniforms(seeds, 4 * len(names)).to(pictures.dtype).view(len(seeds), len(names), 4)
    for index, name in enumerate(names):
        chance, amounts = draws[:, index, 0], draws[:, index, 1:]
        changed = AUGMENTATIONS[name](pictures, amounts)
        pictures = torch.where((chance < probability)[:, None, None, None], changed, pictures)
    return pictures


def flip(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Mirrors left and right in half of the cases."""
    return torch.where((amounts[:, 0] < 0.5)[:, None, None, None], pictures.flip(3), pictures)


def color(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Brightness ±0.5, saturation ×0 to ×2, contrast ×0.5 to ×1.5 (DiffAugment's ranges); alpha is left alone."""
    alpha = pictures[:, 3:]
    paint = pictures[:, :3]
    brightness, saturation, contrast = (amounts[:, i].view(-1, 1, 1, 1) for i in range(3))
    paint = paint + (brightness - 0.5)
    grey = paint.mean(1, keepdim=True)
    paint = torch.lerp(grey.expand_as(paint), paint, 2 * saturation)
    level = paint.mean((1, 2, 3), keepdim=True)
    paint = torch.lerp(level.expand_as(paint), paint, 0.5 + contrast)
    return torch.cat([paint, alpha], 1)


def rotate(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Turns by 0, 90, 180 or 270 degrees (ADA's "pixel blitting": Karras et al. 2020, appendix B)."""
    turns = (amounts[:, 0] * 4).long().view(-1, 1, 1, 1)
    upright = torch.where(turns % 2 == 1, pictures.transpose(2, 3).flip(2), pictures)
    return torch.where(turns >= 2, upright.flip((2, 3)), upright)


def scale(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Enlarges by ×0.7 to ×1.4 about the centre, log-uniform, bilinear; what comes in is the edge repeated.

    Made of two matrix products, one an axis: grid_sample would do the same and has no second derivative.
    """
    return _resample(pictures, 2.0 ** (amounts[:, 0] - 0.5), torch.zeros_like(amounts[:, :2]))


def warp(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Scales by ±10 % and shifts by up to 7.5 % of the side, bilinear: gentle enough for pictures that are compared."""
    return _resample(pictures, 1.1 ** (2 * amounts[:, 0] - 1), (2 * amounts[:, 1:3] - 1) * 0.075)


def translation(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Shifts by up to an eighth of the side; what comes in is the edge repeated."""
    shift = ((amounts[:, :2] * 2 - 1) * (pictures.shape[2] / 8)).round().long()
    return _take(_take(pictures, shift[:, 0], 2), shift[:, 1], 3)


def cutout(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Sets a square of half the side, centred anywhere, to 0 (mid-grey)."""
    height, width = pictures.shape[2:]
    rows = _inside(height, amounts[:, 0])[:, None, :, None]
    columns = _inside(width, amounts[:, 1])[:, None, None, :]
    return pictures * ~(rows & columns)


AUGMENTATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "flip": flip,
    "rotate": rotate,
    "translation": translation,
    "scale": scale,
    "color": color,
    "cutout": cutout,
    "warp": warp,
}


def _take(pictures: Tensor, shift: Tensor, dim: int) -> Tensor:
    """Moves each picture by its own whole number of pixels along one dimension."""
    size = pictures.shape[dim]
    index = (torch.arange(size, device=pictures.device) - shift[:, None]).clamp(0, size - 1)
    shape = [len(shift), 1, 1, 1]
    shape[dim] = size
    return pictures.gather(dim, index.view(shape).expand_as(pictures))


def _resample(pictures: Tensor, factor: Tensor, shifts: Tensor) -> Tensor:
    """Enlarges each picture by its factor [B], about the centre moved by shifts [B, 2], shares of the sides."""
    rows, columns = (
        _resampling(pictures.shape[dim], factor, shift * pictures.shape[dim]).unsqueeze(1)
        for dim, shift in zip((2, 3), shifts.unbind(1), strict=True)
    )
    return rows @ pictures @ columns.transpose(2, 3)


def _resampling(size: int, factor: Tensor, shift: Tensor) -> Tensor:
    """[B, size, size]: along one axis, by factors [B] and shifts [B] in pixels; every row a mean of two neighbours."""
    place = torch.arange(size, device=factor.device, dtype=factor.dtype)
    centre = (size - 1) / 2
    source = ((place - centre + shift[:, None]) / factor[:, None] + centre).clamp(0, size - 1)
    return (1 - (source[:, :, None] - place).abs()).clamp(min=0)


def _inside(size: int, centre: Tensor) -> Tensor:
    """bool [B, size]: positions within a quarter of the size from the centre (a share of the size)."""
    position = torch.arange(size, device=centre.device) + 0.5
    return (position - centre[:, None] * size).abs() <= size / 4
