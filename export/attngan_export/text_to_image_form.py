"""A generator of pictures from words in the form in which it is exported."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attngan.networks.text_to_image import DeployedTextToImageGenerator
from attngan.random import derive, normals
from attngan_export.form import Form, Noise
from attngan_runtime.tokenizers.word_level import UNKNOWN

_WORDS = 1000  # draws of words begin here, away from those of seeds


@dataclass(frozen=True)
class TextToImageForm(Form):
    """module(tokens int64 [B, L], mask int64 [B, L], noise, [style int64 [B],] truncation) → pictures, or with
    `attention` also where each word was looked at, float32 [B, L, h, w] in [0, 1].
    """

    network: DeployedTextToImageGenerator
    attention: bool = False

    @property
    def module(self) -> nn.Module:
        return (_InStyle if self.styles else _FromWords)(self.network, self.noise, self.attention).eval()

    @property
    def styles(self) -> int:
        """Styles to choose from; 0 where there is one at most."""
        styles = self.network.generator.config.styles
        return styles if styles > 1 else 0

    @property
    def z_dim(self) -> int:
        return self.network.generator.config.z_dim

    @property
    def names(self) -> tuple[str, ...]:
        return ("tokens", "mask", self.noise, *(("style",) if self.styles else ()), "truncation")

    @property
    def outputs(self) -> dict[str, float]:
        return super().outputs | ({"attention": 1.0} if self.attention else {})

    def asked(self, index: Tensor, draw: int) -> dict[str, Tensor]:
        """Prompts in turn: an unknown word and padding, no words at all, as many as there can be, and one fewer."""
        config = self.network.generator.config
        lengths = torch.tensor([max(1, config.length // 3), 0, config.length, max(1, config.length - 1)])
        kind, place = (index + draw) % len(lengths), torch.arange(config.length)[None]
        mask = place < lengths[kind][:, None]
        words = UNKNOWN + 1 + derive(_WORDS + draw, index[:, None], place) % (config.vocabulary - UNKNOWN - 1)
        words = torch.where((kind[:, None] == 0) & (place == 0), UNKNOWN, words)
        asked = {"tokens": torch.where(mask, words, 0), "mask": mask.long()}
        return asked | ({"style": (index + draw) % self.styles} if self.styles else {})


class _FromWords(nn.Module):
    def __init__(self, network: DeployedTextToImageGenerator, noise: Noise, attention: bool) -> None:
        super().__init__()
        self.network, self.noise = network, noise
        self.draw = network.with_attention if attention else network.from_z

    def forward(self, tokens: Tensor, mask: Tensor, noise: Tensor, truncation: Tensor) -> Tensor | tuple[Tensor, ...]:
        return self.painted(tokens, mask, noise, None, truncation)

    def painted(
        self, tokens: Tensor, mask: Tensor, noise: Tensor, style: Tensor | None, truncation: Tensor
    ) -> Tensor | tuple[Tensor, ...]:
        z = normals(noise, self.network.generator.config.z_dim) if self.noise == "seed" else noise
        return self.draw(tokens, mask, z, style, truncation)


class _InStyle(_FromWords):
    def forward(  # type: ignore[override]
        self, tokens: Tensor, mask: Tensor, noise: Tensor, style: Tensor, truncation: Tensor
    ) -> Tensor | tuple[Tensor, ...]:
        return self.painted(tokens, mask, noise, style, truncation)
