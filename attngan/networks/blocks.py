"""What generators and discriminators of pictures are made of.

Plain 3×3 residual blocks without normalisation, the last convolution of each at zero, variance-scaled
initialisation (Huang et al. 2024, R3GAN, section 3; Zhang et al. 2019, Fixup).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attngan.config import ImageNetworkConfig, TextToImageConfig

SLOPE = 0.2  #: of every leaky ReLU


class ModulatedBlock(nn.Module):
    """x + conv(lrelu(scale(style)·conv(x) + shift(style))); style is float [B, style]."""

    def __init__(self, width: int, depth: int, style: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.modulation = nn.Linear(style, 2 * width)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        variance_scaled(self.first, gain=depth**-0.5)
        nn.init.zeros_(self.second.weight)
        nn.init.normal_(self.modulation.weight, std=0.5 / math.sqrt(style))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift = self.modulation(style)[:, :, None, None].chunk(2, 1)
        h = F.leaky_relu(self.first(x) * (1 + scale) + shift, SLOPE)
        return x + self.second(h)


class NormalisedBlock(nn.Module):
    """x + two of conv(lrelu(scale(style)·norm(·) + shift(style))), the norm over groups of channels.

    Adaptive group normalisation (Dhariwal & Nichol 2021, section 3); style is float [B, style].
    """

    def __init__(self, width: int, style: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.modulation = nn.Linear(style, 4 * width)
        self.groups = math.gcd(width, 8)
        variance_scaled(self.first)
        nn.init.zeros_(self.second.weight)
        nn.init.normal_(self.modulation.weight, std=0.5 / math.sqrt(style))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift, next_scale, next_shift = self.modulation(style)[:, :, None, None].chunk(4, 1)
        h = self.first(self._modulated(x, scale, shift))
        return x + self.second(self._modulated(h, next_scale, next_shift))

    def _modulated(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        # Not channels-last: in bfloat16 the norm's way back takes eight times as long there.
        return F.leaky_relu(F.group_norm(x.contiguous(), self.groups) * (1 + scale) + shift, SLOPE)


class Block(nn.Module):
    """x + conv(lrelu(conv(lrelu(x))))."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        variance_scaled(self.first, gain=depth**-0.5)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        h = F.leaky_relu(self.first(F.leaky_relu(x, SLOPE)), SLOPE)
        return x + self.second(h)


def stages_of(config: ImageNetworkConfig | TextToImageConfig) -> list[tuple[int, int, int]]:
    """(width of the stage below, width, resolution) from 4² up."""
    below = (config.widths[0], *config.widths)
    return [(below[i], width, 4 * 2**i) for i, width in enumerate(config.widths)]


def widen_layer(width_in: int, width_out: int) -> nn.Module:
    """A 1×1 convolution that keeps the variance; nothing if the width stays."""
    if width_in == width_out:
        return nn.Identity()
    layer = nn.Conv2d(width_in, width_out, 1)
    nn.init.normal_(layer.weight, std=width_in**-0.5)
    return layer


def variance_scaled(layer: nn.Module, gain: float = 1.0) -> None:
    """He initialisation (He et al. 2015, eq. 15) times `gain`; depth^-1/2 keeps two-layer branches stable (Fixup)."""
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    nn.init.kaiming_normal_(layer.weight, a=SLOPE)
    with torch.no_grad():
        layer.weight.mul_(gain)
