"""Discriminators of what a frozen network sees (Sauer et al. 2021, Projected GANs): of words, and of classes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from attngan.attention import WordAttention
from attngan.config import ImageNetworkConfig, TextToImageConfig
from attngan.networks.blocks import SLOPE
from attngan.networks.latent_codes import LatentCodes
from attngan.networks.perception import WIDTHS
from attngan.networks.text_encoder import TextEncoder
from attngan.networks.text_to_image import STYLE_NAME
from attngan_runtime.tokenizers.word_level import PADDING

_MIXED = (24, 32, 64, 96, 128)  # channels of each mixed map
_STRIDED = (3, 2, 1, 0, 0)  # convolutions that halve it before it is judged, at 36 places at most: each attends
_HEAD = 128  # channels in which a head judges
_HEADS = 2  # of its attention
_CLASS = 32  # values of a class


class Expected(NamedTuple):
    """What pictures are said to show."""

    whole: Tensor | None  #: [B, values]
    words: Tensor | None = None  #: [B, L, text_dim]
    mask: Tensor | None = None  #: bool [B, L]


class ProjectedDiscriminator(nn.Module, ABC):
    """Maps of `attngan.networks.perception.Perception` and conditions → logits [B, P] of each head.

    One head a map; P are its places, so that a head says where something is wrong.
    """

    def __init__(self, values: int, text_dim: int = 0) -> None:
        """values: of what is expected of a whole picture. text_dim: of the words to attend to. Both 0 for none."""
        super().__init__()
        self.mixing = Mixing()
        self.heads = nn.ModuleList(
            Head(width, strided, values, text_dim) for width, strided in zip(_MIXED, _STRIDED, strict=True)
        )

    @abstractmethod
    def read(self, condition: Tensor | None) -> Expected:
        """What conditions, a row a picture, say."""

    def forward(self, maps: list[Tensor], condition: Tensor | None = None) -> list[Tensor]:
        return self.judge(self.features(maps), condition)

    def features(self, maps: list[Tensor]) -> list[Tensor]:
        """What each head sees, whatever the pictures are said to show: [B, 128, h, w]."""
        return [head.see(x) for head, x in zip(self._heads(), self.mixing(maps), strict=True)]

    def judge(self, features: list[Tensor], condition: Tensor | None) -> list[Tensor]:
        """Logits [B, P] of each head's `features` under these conditions."""
        with torch.autocast(features[0].device.type, enabled=False):
            expected = self.read(condition)
        return [head.judge(x, expected) for head, x in zip(self._heads(), features, strict=True)]

    def _heads(self) -> Iterator[Head]:
        for head in self.heads:
            assert isinstance(head, Head)
            yield head


class ProjectedWordDiscriminator(ProjectedDiscriminator):
    """Conditions are int64 [B, 1 + L]: a style, then words as tokens, to which every place attends."""

    def __init__(self, config: TextToImageConfig) -> None:
        super().__init__(config.text_dim + STYLE_NAME, config.text_dim if config.attentive_heads else 0)
        self.config = config
        self.text = TextEncoder(config).requires_grad_(config.text == "learned")
        self.style = nn.Embedding(max(config.styles, 1), STYLE_NAME)

    def read(self, condition: Tensor | None) -> Expected:
        assert condition is not None
        tokens = condition[:, 1:]
        mask = tokens != PADDING
        words, sentence = self.text(tokens, mask)
        return Expected(torch.cat([sentence, self.style(condition[:, 0])], 1), words, mask)


class ProjectedClassDiscriminator(ProjectedDiscriminator):
    """Conditions are classes int64 [B], or None without classes.

    It keeps the latent codes of training pictures too, so that they go where it goes.
    """

    def __init__(self, config: ImageNetworkConfig) -> None:
        super().__init__(_CLASS if config.classes else 0)
        self.config = config
        self.embedding = nn.Embedding(config.classes, _CLASS) if config.classes else None
        self.codes = LatentCodes(config.codes) if config.codes else None

    def read(self, condition: Tensor | None) -> Expected:
        return Expected(None if self.embedding is None else self.embedding(condition))


class Mixing(nn.Module):
    """Fixed random 1×1 convolutions across channels and, from the coarsest map down, across scales.

    So the heads see what they could otherwise leave aside (Sauer et al. 2021, section 3.2).
    """

    def __init__(self) -> None:
        super().__init__()
        for place, (width, mixed) in enumerate(zip(WIDTHS, _MIXED, strict=True)):
            self.register_buffer(f"across{place}", torch.randn(mixed, width, 1, 1) / math.sqrt(width))
            if place:
                finer = _MIXED[place - 1]
                self.register_buffer(f"down{place}", torch.randn(finer, mixed, 1, 1) / math.sqrt(mixed))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        mixed: list[Tensor] = []
        for place in reversed(range(len(maps))):
            x = F.conv2d(maps[place], self.get_buffer(f"across{place}"))
            if mixed:
                below = F.conv2d(mixed[0], self.get_buffer(f"down{place + 1}"))
                below = F.interpolate(below, x.shape[2:], mode="bilinear", align_corners=False)
                x = (x + below) * math.sqrt(0.5)
            mixed.insert(0, x)
        return mixed


class Head(nn.Module):
    """`see`: a mixed map [B, C, h, w] → [B, 128, h', w']; `judge`: with what is expected of it → logits [B, P]."""

    def __init__(self, width: int, strided: int, values: int, text_dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for left in reversed(range(strided)):
            out = _HEAD // 2**left
            layers += [spectral_norm(nn.Conv2d(width, out, 4, 2, 1)), nn.GroupNorm(8, out), nn.LeakyReLU(SLOPE)]
            width = out
        layers += [spectral_norm(nn.Conv2d(width, _HEAD, 3, padding=1)), nn.GroupNorm(8, _HEAD), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers)
        self.attention = WordAttention(_HEAD, text_dim, _HEADS) if text_dim else None
        self.last = nn.Conv2d(_HEAD, _HEAD, 1)
        self.score = nn.Linear(_HEAD, 1)
        self.expected = (
            nn.Sequential(nn.Linear(values, _HEAD), nn.LeakyReLU(SLOPE), nn.Linear(_HEAD, _HEAD)) if values else None
        )

    def see(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out

    def judge(self, x: Tensor, expected: Expected) -> Tensor:
        if self.attention is not None:
            x = self.attention(x, expected.words, expected.mask)
        x = F.leaky_relu(self.last(x), SLOPE).flatten(2).transpose(1, 2)
        with torch.autocast(x.device.type, enabled=False):  # differences of logits need more than 8 bits
            x = x.to(self.score.weight.dtype)
            logits: Tensor = self.score(x).squeeze(2)
            if self.expected is not None:
                logits = logits + (x @ self.expected(expected.whole)[:, :, None]).squeeze(2) / math.sqrt(_HEAD)
        return logits
