"""A discriminator of what a frozen network sees (Sauer et al. 2021, Projected GANs), whose heads attend to words."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from attngan.attention import WordAttention
from attngan.config import TextToImageConfig
from attngan.networks.blocks import SLOPE
from attngan.networks.perception import WIDTHS
from attngan.networks.text_encoder import TextEncoder
from attngan.networks.text_to_image import STYLE_NAME
from attngan_runtime.tokenizers.word_level import PADDING

_MIXED = (24, 32, 64, 96, 128)  # channels of each mixed map
_STRIDED = (2, 1, 0, 0, 0)  # convolutions that halve it before it is judged
_HEAD = 128  # channels in which a head judges
_HEADS = 2  # of its attention


class ProjectedDiscriminator(nn.Module):
    """Maps of `attngan.networks.perception.Perception` and conditions int64 [B, 1 + L] → logits [B, P] of each head.

    One head a map; P are its places, so that a head says where something is wrong.
    """

    sees_features = True

    def __init__(self, config: TextToImageConfig) -> None:
        super().__init__()
        self.config = config
        self.text = TextEncoder(config).requires_grad_(config.text == "learned")
        self.style = nn.Embedding(max(config.styles, 1), STYLE_NAME)
        self.mixing = Mixing()
        self.heads = nn.ModuleList(
            Head(width, strided, config) for width, strided in zip(_MIXED, _STRIDED, strict=True)
        )

    def forward(self, maps: list[Tensor], condition: Tensor) -> list[Tensor]:
        return self.judge(self.features(maps), condition)

    def features(self, maps: list[Tensor]) -> list[Tensor]:
        """What each head sees, whatever the pictures are said to show: [B, 128, h, w]."""
        return [head.see(x) for head, x in zip(self._heads(), self.mixing(maps), strict=True)]

    def judge(self, features: list[Tensor], condition: Tensor) -> list[Tensor]:
        """Logits [B, P] of each head's `features` under these conditions."""
        tokens = condition[:, 1:]
        mask = tokens != PADDING
        with torch.autocast(features[0].device.type, enabled=False):
            words, sentence = self.text(tokens, mask)
            expected = torch.cat([sentence, self.style(condition[:, 0])], 1)
        return [head.judge(x, expected, words, mask) for head, x in zip(self._heads(), features, strict=True)]

    def _heads(self) -> Iterator[Head]:
        for head in self.heads:
            assert isinstance(head, Head)
            yield head


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

    def __init__(self, width: int, strided: int, config: TextToImageConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for left in reversed(range(strided)):
            out = _HEAD // 2**left
            layers += [spectral_norm(nn.Conv2d(width, out, 4, 2, 1)), nn.GroupNorm(8, out), nn.LeakyReLU(SLOPE)]
            width = out
        layers += [spectral_norm(nn.Conv2d(width, _HEAD, 3, padding=1)), nn.GroupNorm(8, _HEAD), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers)
        self.attention = WordAttention(_HEAD, config.text_dim, _HEADS) if config.attentive_heads else None
        self.last = nn.Conv2d(_HEAD, _HEAD, 1)
        self.score = nn.Linear(_HEAD, 1)
        self.expected = nn.Sequential(
            nn.Linear(config.text_dim + STYLE_NAME, _HEAD), nn.LeakyReLU(SLOPE), nn.Linear(_HEAD, _HEAD)
        )

    def see(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out

    def judge(self, x: Tensor, expected: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        if self.attention is not None:
            x = self.attention(x, words, mask)
        x = F.leaky_relu(self.last(x), SLOPE).flatten(2).transpose(1, 2)
        with torch.autocast(x.device.type, enabled=False):  # differences of logits need more than 8 bits
            x = x.to(self.score.weight.dtype)
            match = x @ self.expected(expected)[:, :, None] / math.sqrt(_HEAD)
            logits: Tensor = (self.score(x) + match).squeeze(2)
        return logits
