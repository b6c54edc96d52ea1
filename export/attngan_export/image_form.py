"""A generator of pictures in the form in which it is exported."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from attngan.networks.image import DeployedImageGenerator
from attngan_export.form import Form, Noise


@dataclass(frozen=True)
class ImageForm(Form):
    """module(noise, [class int64 [B],] truncation) → pictures."""

    network: DeployedImageGenerator

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

    def asked(self, index: Tensor, draw: int) -> dict[str, Tensor]:
        return {"class": (index + 3 * draw) % self.classes} if self.classes else {}


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
