"""The form in which a generator is exported: what goes in, under which names, and samples of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from attngan.networks.image import DeployedImageGenerator
from attngan.random import derive, normals
from attngan_runtime.sidecar import MAX_SEED

Noise = Literal["seed", "z"]

# What users run; 0 leaves the class and the biases alone.
_TRUNCATIONS = (1.0, 0.7, 0.0)


@dataclass(frozen=True)
class Form:
    """A generator as a module of tensors alone, beside the names of its inputs in their order.

    module(noise, [class int64 [B],] truncation float32 [B]) → float32 [B, C, H, W] in [−1, 1], where noise is
    seed int64 [B] or z float32 [B, z_dim].
    """

    network: DeployedImageGenerator
    noise: Noise

    @property
    def module(self) -> nn.Module:
        return (_ByClass if self.classes else _Unconditional)(self.network, self.noise).eval()

    @property
    def classes(self) -> int:
        return self.network.generator.config.classes

    @property
    def z_dim(self) -> int:
        return self.network.generator.config.z_dim

    @property
    def names(self) -> tuple[str, ...]:
        return (self.noise, "class", "truncation") if self.classes else (self.noise, "truncation")

    def sample(self, batch: int, draw: int = 0) -> dict[str, Tensor]:
        """Inputs of `batch` pictures; another `draw` gives other seeds, classes and truncations.

        Draw 0 begins with the two outermost seeds, 0 and 2³²−1.
        """
        index = torch.arange(batch)
        seeds = derive(draw, index)
        if draw == 0:
            edges = torch.tensor([0, MAX_SEED])[:batch]
            seeds[: len(edges)] = edges
        values: dict[str, Tensor] = {self.noise: seeds if self.noise == "seed" else normals(seeds, self.z_dim)}
        if self.classes:
            values["class"] = (index + 3 * draw) % self.classes
        truncations = torch.tensor(_TRUNCATIONS)
        return values | {"truncation": truncations[(index + draw) % len(_TRUNCATIONS)]}


class _ByClass(nn.Module):
    def __init__(self, network: DeployedImageGenerator, noise: Noise) -> None:
        super().__init__()
        self.network = network
        self.draw = network.forward if noise == "seed" else network.from_z

    def forward(self, noise: Tensor, labels: Tensor, truncation: Tensor) -> Tensor:
        return self.draw(noise, labels, truncation)


class _Unconditional(nn.Module):
    def __init__(self, network: DeployedImageGenerator, noise: Noise) -> None:
        super().__init__()
        self.network = network
        self.draw = network.forward if noise == "seed" else network.from_z

    def forward(self, noise: Tensor, truncation: Tensor) -> Tensor:
        return self.draw(noise, None, truncation)
