"""Generator and discriminator for pictures, unconditional or by class.

Plain 3×3 residual blocks without normalisation, the last convolution of each at zero, variance-scaled
initialisation (Huang et al. 2024, R3GAN, section 4; Zhang et al. 2019, Fixup), attention at chosen resolutions.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attngan.attention import SelfAttention2d
from attngan.config import ImageNetworkConfig
from attngan.random import normals

_SLOPE = 0.2
_STYLE = 128


class ImageGenerator(nn.Module):
    """z float [B, z_dim] and labels int64 [B] (None without classes) → pictures [B, C, H, W], about [−1, 1].

    Nothing limits the output during training; `DeployedImageGenerator` clamps it.
    """

    def __init__(self, config: ImageNetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.classes, config.z_dim) if config.classes else None
        joined = config.z_dim * (2 if config.classes else 1)
        self.mapping = nn.Sequential(
            nn.Linear(joined, _STYLE), nn.LeakyReLU(_SLOPE), nn.Linear(_STYLE, _STYLE), nn.LeakyReLU(_SLOPE)
        )
        self.basis = nn.Parameter(torch.randn(1, config.widths[0], 4, 4))
        self.mixture = nn.Linear(_STYLE, config.widths[0])
        depth = len(config.widths) * config.blocks
        self.stages = nn.ModuleList(
            GeneratorStage(previous, width, config, depth, resolution)
            for previous, width, resolution in _stages(config)
        )
        self.to_picture = nn.Conv2d(config.widths[-1], config.channels, 3, padding=1)
        for layer in (self.mapping[0], self.mapping[2], self.mixture, self.to_picture):
            _variance_scaled(layer)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if self.embedding is not None:
            z = torch.cat([z, self.embedding(labels)], 1)
        style = self.mapping(z)
        x = self.basis * self.mixture(style)[:, :, None, None]
        for stage in self.stages:
            x = stage(x, style)
        return self.to_picture(F.leaky_relu(x, _SLOPE))


class GeneratorStage(nn.Module):
    """All blocks at one resolution; every stage but the first begins by doubling it."""

    def __init__(self, width_in: int, width: int, config: ImageNetworkConfig, depth: int, resolution: int) -> None:
        super().__init__()
        self.upsample = resolution > 4
        self.widen = _widen(width_in, width)
        self.blocks = nn.ModuleList(ModulatedBlock(width, depth) for _ in range(config.blocks))
        self.attention = _attention(width, config, resolution)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        x = self.widen(x)
        if self.upsample:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        for block in self.blocks:
            x = block(x, style)
        return self.attention(x)


class ModulatedBlock(nn.Module):
    """x + conv(lrelu(scale(style)·conv(x) + shift(style)))."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.modulation = nn.Linear(_STYLE, 2 * width)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        _variance_scaled(self.first, gain=depth**-0.5)
        nn.init.zeros_(self.second.weight)
        nn.init.normal_(self.modulation.weight, std=0.5 / math.sqrt(_STYLE))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift = self.modulation(style)[:, :, None, None].chunk(2, 1)
        h = F.leaky_relu(self.first(x) * (1 + scale) + shift, _SLOPE)
        return x + self.second(h)


class ImageDiscriminator(nn.Module):
    """Pictures [B, C, H, W] in [−1, 1] and labels int64 [B] (None without classes) → logits [B].

    By class it adds the inner product with a class embedding (Miyato & Koyama 2018, projection, eq. 3).
    """

    def __init__(self, config: ImageNetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.from_picture = nn.Conv2d(config.channels, config.widths[-1], 3, padding=1)
        _variance_scaled(self.from_picture)
        depth = len(config.widths) * config.blocks
        self.stages = nn.ModuleList(
            DiscriminatorStage(width, narrower, config, depth, resolution)
            for narrower, width, resolution in reversed(list(_stages(config)))
        )
        self.pool = nn.Conv2d(config.widths[0], config.widths[0], 4, groups=config.widths[0])
        _variance_scaled(self.pool)
        self.score = nn.Linear(config.widths[0], 1)
        self.embedding = nn.Embedding(config.classes, config.widths[0]) if config.classes else None

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        x = self.from_picture(pictures)
        for stage in self.stages:
            x = stage(x)
        features = F.leaky_relu(self.pool(x).flatten(1), _SLOPE)
        logits = self.score(features).squeeze(1)
        if self.embedding is not None:
            match = (self.embedding(labels) * features).sum(1)
            logits = logits + match / math.sqrt(features.shape[1])
        return logits


class DiscriminatorStage(nn.Module):
    """All blocks at one resolution; every stage but the last ends by halving it."""

    def __init__(self, width: int, width_out: int, config: ImageNetworkConfig, depth: int, resolution: int) -> None:
        super().__init__()
        self.downsample = resolution > 4
        self.attention = _attention(width, config, resolution)
        self.blocks = nn.ModuleList(Block(width, depth) for _ in range(config.blocks))
        self.widen = _widen(width, width_out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention(x)
        for block in self.blocks:
            x = block(x)
        return self.widen(F.avg_pool2d(x, 2) if self.downsample else x)


class Block(nn.Module):
    """x + conv(lrelu(conv(lrelu(x))))."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        _variance_scaled(self.first, gain=depth**-0.5)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        h = F.leaky_relu(self.first(F.leaky_relu(x, _SLOPE)), _SLOPE)
        return x + self.second(h)


class DeployedImageGenerator(nn.Module):
    """What is sampled and exported: seeds in, pictures in [−1, 1] out.

    forward(seed int64 [B] in 0 … 2³²−1, labels int64 [B] or None, truncation float32 [B]) → float32 [B, C, H, W].
    truncation multiplies z: 1 changes nothing, smaller draws more typical pictures (Brock et al. 2019, section 3.1).
    """

    def __init__(self, generator: ImageGenerator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, seed: Tensor, labels: Tensor | None, truncation: Tensor) -> Tensor:
        return self.from_z(normals(seed, self.generator.config.z_dim), labels, truncation)

    def from_z(self, z: Tensor, labels: Tensor | None, truncation: Tensor) -> Tensor:
        """The same from z float32 [B, z_dim] itself."""
        return self.generator(z * truncation[:, None], labels).clamp(-1, 1)


def _stages(config: ImageNetworkConfig) -> list[tuple[int, int, int]]:
    """(width of the stage below, width, resolution) from 4² up."""
    below = (config.widths[0], *config.widths)
    return [(below[i], width, 4 * 2**i) for i, width in enumerate(config.widths)]


def _attention(width: int, config: ImageNetworkConfig, resolution: int) -> nn.Module:
    return SelfAttention2d(width, config.heads) if resolution in config.attention else nn.Identity()


def _widen(width_in: int, width_out: int) -> nn.Module:
    """A 1×1 convolution that keeps the variance; nothing if the width stays."""
    if width_in == width_out:
        return nn.Identity()
    layer = nn.Conv2d(width_in, width_out, 1)
    nn.init.normal_(layer.weight, std=width_in**-0.5)
    return layer


def _variance_scaled(layer: nn.Module, gain: float = 1.0) -> None:
    """He initialisation (He et al. 2015, eq. 10) times `gain`; depth^-1/2 keeps two-layer branches stable (Fixup)."""
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
    with torch.no_grad():
        layer.weight.mul_(gain)
