"""Generator and discriminator for pictures, unconditional or by class.

The residual blocks of `attngan.networks.blocks`, and attention at chosen resolutions.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attngan.attention import SelfAttention2d
from attngan.config import ImageNetworkConfig
from attngan.networks.blocks import SLOPE, Block, ModulatedBlock, stages_of, variance_scaled, widen_layer
from attngan.random import normals

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
            nn.Linear(joined, _STYLE), nn.LeakyReLU(SLOPE), nn.Linear(_STYLE, _STYLE), nn.LeakyReLU(SLOPE)
        )
        self.basis = nn.Parameter(torch.randn(1, config.widths[0], 4, 4))
        self.mixture = nn.Linear(_STYLE, config.widths[0])
        depth = len(config.widths) * config.blocks
        self.stages = nn.ModuleList(
            GeneratorStage(previous, width, config, depth, resolution)
            for previous, width, resolution in stages_of(config)
        )
        self.to_picture = nn.Conv2d(config.widths[-1], config.channels, 3, padding=1)
        for layer in (self.mapping[0], self.mapping[2], self.mixture, self.to_picture):
            variance_scaled(layer)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if self.embedding is not None:
            z = torch.cat([z, self.embedding(labels)], 1)
        style = self.mapping(z)
        x = self.basis * self.mixture(style)[:, :, None, None]
        for stage in self.stages:
            x = stage(x, style)
        return self.to_picture(F.leaky_relu(x, SLOPE))


class GeneratorStage(nn.Module):
    """All blocks at one resolution; every stage but the first begins by doubling it."""

    def __init__(self, width_in: int, width: int, config: ImageNetworkConfig, depth: int, resolution: int) -> None:
        super().__init__()
        self.upsample = resolution > 4
        self.widen = widen_layer(width_in, width)
        self.blocks = nn.ModuleList(ModulatedBlock(width, depth, _STYLE) for _ in range(config.blocks))
        self.attention = _attention(width, config, resolution)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        x = self.widen(x)
        if self.upsample:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        for block in self.blocks:
            x = block(x, style)
        return self.attention(x)


class ImageDiscriminator(nn.Module):
    """Pictures [B, C, H, W] in [−1, 1] and labels int64 [B] (None without classes) → logits [B].

    By class it adds the inner product with a class embedding (Miyato & Koyama 2018, projection, eq. 3).
    """

    def __init__(self, config: ImageNetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.from_picture = nn.Conv2d(config.channels, config.widths[-1], 3, padding=1)
        variance_scaled(self.from_picture)
        depth = len(config.widths) * config.blocks
        self.stages = nn.ModuleList(
            DiscriminatorStage(width, narrower, config, depth, resolution)
            for narrower, width, resolution in reversed(list(stages_of(config)))
        )
        self.pool = nn.Conv2d(config.widths[0], config.widths[0], 4, groups=config.widths[0])
        variance_scaled(self.pool)
        self.score = nn.Linear(config.widths[0], 1)
        self.embedding = nn.Embedding(config.classes, config.widths[0]) if config.classes else None

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.judge(self.features(pictures), labels)

    def features(self, pictures: Tensor) -> Tensor:
        """What is seen of the pictures, whatever they are said to be: [B, widths[0]]."""
        x = self.from_picture(pictures)
        for stage in self.stages:
            x = stage(x)
        return F.leaky_relu(self.pool(x).flatten(1), SLOPE)

    def judge(self, features: Tensor, labels: Tensor | None) -> Tensor:
        """Logits [B] of `features` under these labels."""
        features = features.to(self.score.weight.dtype)
        with torch.autocast(features.device.type, enabled=False):  # differences of logits need more than 8 bits
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
        self.widen = widen_layer(width, width_out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention(x)
        for block in self.blocks:
            x = block(x)
        return self.widen(F.avg_pool2d(x, 2) if self.downsample else x)


class DeployedImageGenerator(nn.Module):
    """What is sampled and exported: seeds in, pictures in [−1, 1] out.

    forward(seed int64 [B] in 0 … 2³²−1, labels int64 [B] or None, truncation float32 [B]) → float32 [B, C, H, W].
    truncation multiplies z: 1 changes nothing, smaller draws more typical pictures. (Brock et al. 2019, section 3.1,
    draw again what lies beyond a threshold.)
    """

    def __init__(self, generator: ImageGenerator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, seed: Tensor, labels: Tensor | None, truncation: Tensor) -> Tensor:
        return self.from_seed(seed, labels, truncation)

    def from_seed(self, seed: Tensor, labels: Tensor | None, truncation: Tensor) -> Tensor:
        """The same, under the name that every deployed generator has for it."""
        return self.from_z(normals(seed, self.generator.config.z_dim), labels, truncation)

    def from_z(self, z: Tensor, labels: Tensor | None, truncation: Tensor) -> Tensor:
        """The same from z float32 [B, z_dim] itself."""
        return self.generator(z * truncation[:, None], labels).clamp(-1, 1)


def _attention(width: int, config: ImageNetworkConfig, resolution: int) -> nn.Module:
    return SelfAttention2d(width, config.heads) if resolution in config.attention else nn.Identity()
