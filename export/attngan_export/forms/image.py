"""A generator of pictures in the form in which it is exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from attngan.networks.image import DeployedImageGenerator
from attngan.random import normals
from attngan_export.forms.base import Entry, GeneratorForm, Noise, draw_seeds

# What users run; 0 leaves the biases and what is asked for alone.
_TRUNCATIONS = (1.0, 0.7, 0.0)


@dataclass(frozen=True)
class ImageForm(GeneratorForm):
    """module(noise, [class int64 [B],] truncation float32 [B]) → pictures float32 [B, C, H, W] in [−1, 1].

    noise: seed int64 [B], or z float32 [B, z_dim].
    """

    @property
    def module(self) -> nn.Module:
        return (_ByClass if self.config.classes else _Unconditional)(self.network, self.noise).eval()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.noise, *(["class"] if self.config.classes else []), "truncation")

    @property
    def parts(self) -> Entry:
        return self.picture_parts | {"classes": self.name_choices(self.config.classes)}

    @property
    def picture_parts(self) -> Entry:
        """Those of every generator of pictures."""
        config = self.config
        sides = {"height": config.resolution, "width": config.resolution}
        return {"name": "image", "channels": config.channels, "z_dim": config.z_dim, **sides}

    def name_choices(self, count: int) -> list[str]:
        """Names of so many choices, or their numbers."""
        return list(self.choice_names) or [str(number) for number in range(count)]

    def sample(self, batch: int, draw: int = 0) -> dict[str, Tensor]:
        index = torch.arange(batch)
        seeds = draw_seeds(index, draw)
        values = self.conditions(index, draw)
        values[self.noise] = seeds if self.noise == "seed" else normals(seeds, self.config.z_dim)
        values["truncation"] = torch.tensor(_TRUNCATIONS)[(index + draw) % len(_TRUNCATIONS)]
        return {name: values[name] for name in self.names}

    def conditions(self, index: Tensor, draw: int) -> dict[str, Tensor]:
        """What the pictures `index` int64 [B] of a sample are to show: all inputs but noise and truncation."""
        return {"class": (index + 3 * draw) % self.config.classes} if self.config.classes else {}

    def note(self, inputs: Mapping[str, Any]) -> str:
        return "z drawn from fixed seeds" if self.noise == "z" else ""


class _ByClass(nn.Module):
    def __init__(self, network: DeployedImageGenerator, noise: Noise) -> None:
        super().__init__()
        self.network = network
        self.draw = network.forward if noise == "seed" else network.from_z

    def forward(self, noise: Tensor, labels: Tensor, truncation: Tensor) -> Tensor:
        return self.draw(noise, labels, truncation)


class _Unconditional(_ByClass):
    def forward(self, noise: Tensor, truncation: Tensor) -> Tensor:  # type: ignore[override]
        return self.draw(noise, None, truncation)
