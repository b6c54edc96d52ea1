"""A generator of pictures from words in the form in which it is exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from attngan.networks.text_to_image import DeployedTextToImageGenerator
from attngan.random import derive, normals
from attngan_export.forms.base import Entry, Noise
from attngan_export.forms.image import ImageForm
from attngan_runtime.tokenizers.word_level import UNKNOWN

_WORDS = 1000  # draws of words begin here, away from those of seeds


@dataclass(frozen=True)
class TextToImageForm(ImageForm):
    """module(tokens int64 [B, L], mask int64 [B, L], noise, [style int64 [B],] truncation) → pictures, or with
    `attention` also where each word was looked at, float32 [B, L, h, w] in [0, 1].
    """

    @property
    def module(self) -> nn.Module:
        return (_InStyle if "style" in self.names else _FromWords)(self.network, self.noise, self.attention).eval()

    @property
    def attends(self) -> bool:
        return bool(self.config.attention)

    @property
    def names(self) -> tuple[str, ...]:
        return ("tokens", "mask", self.noise, *(["style"] if self.config.styles > 1 else []), "truncation")

    @property
    def parts(self) -> Entry:
        config, side = self.config, max(self.config.attention, default=0)
        words = {"words": config.length, "vocabulary": config.vocabulary, "map_height": side, "map_width": side}
        return self.picture_parts | words | {"styles": self.name_choices(config.styles)}

    def conditions(self, index: Tensor, draw: int) -> dict[str, Tensor]:
        """Prompts in turn: an unknown word and padding, no words at all, as many as there can be, and one fewer."""
        config = self.config
        lengths = torch.tensor([max(1, config.length // 3), 0, config.length, max(1, config.length - 1)])
        kind, place = (index + draw) % len(lengths), torch.arange(config.length)[None]
        mask = place < lengths[kind][:, None]
        words = UNKNOWN + 1 + derive(_WORDS + draw, index[:, None], place) % (config.vocabulary - UNKNOWN - 1)
        words = torch.where((kind[:, None] == 0) & (place == 0), UNKNOWN, words)
        prompts = {"tokens": torch.where(mask, words, 0), "mask": mask.long()}
        return prompts | ({"style": (index + draw) % config.styles} if config.styles > 1 else {})

    def note(self, inputs: Mapping[str, Any]) -> str:
        prompts = f"prompts of {', '.join(map(str, inputs['mask'].sum(1).tolist()))} words"
        return "; ".join(filter(None, (prompts, super().note(inputs))))


class _FromWords(nn.Module):
    def __init__(self, network: DeployedTextToImageGenerator, noise: Noise, attention: bool) -> None:
        super().__init__()
        self.network, self.noise = network, noise
        self.draw = network.with_attention if attention else network.from_z

    def forward(self, tokens: Tensor, mask: Tensor, noise: Tensor, truncation: Tensor) -> Tensor | tuple[Tensor, ...]:
        return self.draw(tokens, mask, self.z_of(noise), None, truncation)

    def z_of(self, noise: Tensor) -> Tensor:
        return normals(noise, self.network.generator.config.z_dim) if self.noise == "seed" else noise


class _InStyle(_FromWords):
    def forward(  # type: ignore[override]
        self, tokens: Tensor, mask: Tensor, noise: Tensor, style: Tensor, truncation: Tensor
    ) -> Tensor | tuple[Tensor, ...]:
        return self.draw(tokens, mask, self.z_of(noise), style, truncation)
