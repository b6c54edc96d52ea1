"""Generator and discriminator of pictures from words.

One stage: the sentence modulates every block, and at chosen resolutions every place attends to the words (Xu et al.
2018, AttnGAN; Tao et al. 2022, DF-GAN). Pictures are sums over resolutions (Karras et al. 2020, StyleGAN2, section
4.1), so that training can begin small and double the resolution without a jump: what a new stage adds starts at zero.

A condition is what a picture is to show, int64 [B, 1 + L]: its style, then its words as tokens, 0 where there is none.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attngan.attention import WordAttention
from attngan.config import TextToImageConfig
from attngan.networks.blocks import (
    SLOPE,
    Block,
    ModulatedBlock,
    NormalisedBlock,
    stages_of,
    variance_scaled,
    widen_layer,
)
from attngan.networks.text_encoder import TextEncoder
from attngan.random import normals
from attngan_runtime.tokenizers.word_level import PADDING

_STYLE = 256  # values that modulate the blocks
STYLE_NAME = 32  #: values of the style that is asked for by name
_FEATURES = 256  # values that D sees of a picture


class TextToImageGenerator(nn.Module):
    """z float [B, z_dim] and condition int64 [B, 1 + L] → pictures [B, C, r, r], about [−1, 1].

    r is `resolution`, which training raises from config.base to config.resolution.
    Nothing limits the output during training; `DeployedTextToImageGenerator` clamps it.
    """

    def __init__(self, config: TextToImageConfig) -> None:
        super().__init__()
        self.config, self.resolution = config, config.resolution
        self.text = TextEncoder(config).requires_grad_(config.text == "learned")
        self.style = nn.Embedding(max(config.styles, 1), STYLE_NAME)
        self.mapping = nn.Sequential(
            nn.Linear(config.z_dim + config.text_dim + STYLE_NAME, _STYLE), nn.LeakyReLU(SLOPE),
            nn.Linear(_STYLE, _STYLE), nn.LeakyReLU(SLOPE),
        )  # fmt: skip
        # The 4² map: a learned one whose channels the style weighs or, among normalised blocks, a map of the style.
        self.basis = None if config.normalised else nn.Parameter(torch.randn(1, config.widths[0], 4, 4))
        self.mixture = nn.Linear(_STYLE, config.widths[0] * (16 if config.normalised else 1))
        self.stages = nn.ModuleList(TextStage(below, width, config, side) for below, width, side in stages_of(config))
        for layer in (self.mapping[0], self.mapping[2], self.mixture):
            variance_scaled(layer)

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        tokens = condition[:, 1:]
        return self.paint(z, tokens, tokens != PADDING, condition[:, 0])

    def paint(
        self, z: Tensor, tokens: Tensor, mask: Tensor, style: Tensor, attended: list[Tensor] | None = None
    ) -> Tensor:
        """The same from its parts: tokens int64 [B, L], mask bool [B, L] (True = a word), style int64 [B].

        attended: collects each attention layer's shares of the words, [B, L, H, W].
        """
        with torch.autocast(z.device.type, enabled=False):
            words, sentence = self.text(tokens, mask)
            modulation = self.mapping(torch.cat([z, sentence, self.style(style)], 1))
        x = self._layout(modulation)
        picture: Tensor | None = None
        for stage in self.stages:
            assert isinstance(stage, TextStage)
            if stage.resolution > self.resolution:
                break
            x = stage(x, modulation, words, mask, attended)
            picture = stage.add_to(picture, x)
        assert picture is not None
        return picture

    def _layout(self, modulation: Tensor) -> Tensor:
        """[B, widths[0], 4, 4], where drawing begins."""
        mixture: Tensor = self.mixture(modulation)
        if self.basis is None:
            return mixture.view(-1, self.config.widths[0], 4, 4)
        return self.basis * mixture[:, :, None, None]


class TextStage(nn.Module):
    """All blocks at one resolution, its word attention, and what it adds to the picture from config.base on."""

    def __init__(self, width_in: int, width: int, config: TextToImageConfig, resolution: int) -> None:
        super().__init__()
        self.resolution = resolution
        depth = len(config.widths) * config.blocks
        self.widen = widen_layer(width_in, width)
        self.blocks = nn.ModuleList(
            NormalisedBlock(width, _STYLE) if config.normalised else ModulatedBlock(width, depth, _STYLE)
            for _ in range(config.blocks)
        )
        attends = resolution in config.attention
        self.attention = WordAttention(width, config.text_dim, config.heads) if attends else None
        self.to_picture = None
        if resolution >= config.base:
            self.to_picture = nn.Conv2d(width, config.channels, 3, padding=1)
            variance_scaled(self.to_picture, gain=1.0 if resolution == config.base else 0.0)
            nn.init.zeros_(list(self.to_picture.parameters())[1])

    def forward(
        self, x: Tensor, modulation: Tensor, words: Tensor, mask: Tensor, attended: list[Tensor] | None
    ) -> Tensor:
        x = self.widen(x)
        if self.resolution > 4:
            x = _doubled(x)
        for block in self.blocks:
            x = block(x, modulation)
        if self.attention is None:
            return x
        if attended is not None:
            attended.append(self.attention.weights(x, words, mask))
        out: Tensor = self.attention(x, words, mask)
        return out

    def add_to(self, picture: Tensor | None, x: Tensor) -> Tensor | None:
        """The picture of the stages below, doubled, and what this one sees to add."""
        if self.to_picture is None:
            return None
        detail: Tensor = self.to_picture(F.leaky_relu(x, SLOPE)).to(self.to_picture.weight.dtype)
        return detail if picture is None else _doubled(picture) + detail


class TextToImageDiscriminator(nn.Module):
    """Pictures [B, C, r, r] in [−1, 1] and conditions int64 [B, 1 + L] → logits [B].

    r: config.base to config.resolution. A logit is a score of the picture and the inner product of its features with
    a projection of sentence and style (Miyato & Koyama 2018, eq. 3).
    """

    def __init__(self, config: TextToImageConfig) -> None:
        super().__init__()
        self.config = config
        self.text = TextEncoder(config).requires_grad_(config.text == "learned")
        self.style = nn.Embedding(max(config.styles, 1), STYLE_NAME)
        self.stages = nn.ModuleList(
            SeeingStage(width, narrower, config, side) for narrower, width, side in reversed(list(stages_of(config)))
        )
        self.pool = nn.Conv2d(config.widths[0], _FEATURES, 4)
        self.score = nn.Linear(_FEATURES, 1)
        self.expected = nn.Sequential(
            nn.Linear(config.text_dim + STYLE_NAME, _FEATURES), nn.LeakyReLU(SLOPE), nn.Linear(_FEATURES, _FEATURES)
        )
        for layer in (self.pool, self.expected[0], self.expected[2]):
            variance_scaled(layer)

    def forward(self, pictures: Tensor, condition: Tensor) -> Tensor:
        return self.judge(self.features(pictures), condition)

    def features(self, pictures: Tensor) -> Tensor:
        """What is seen of the pictures, whatever they are said to show: [B, 256]."""
        x: Tensor | None = None
        for stage in self.stages:
            assert isinstance(stage, SeeingStage)
            if stage.resolution > pictures.shape[-1] and x is None:
                continue
            x, pictures = stage(x, pictures)
        assert x is not None
        return F.leaky_relu(self.pool(x).flatten(1), SLOPE)

    def judge(self, features: Tensor, condition: Tensor) -> Tensor:
        """Logits [B] of `features` under these conditions."""
        tokens, features = condition[:, 1:], features.to(self.score.weight.dtype)
        with torch.autocast(features.device.type, enabled=False):  # differences of logits need more than 8 bits
            _, sentence = self.text(tokens, tokens != PADDING)
            expected = self.expected(torch.cat([sentence, self.style(condition[:, 0])], 1))
            return self.score(features).squeeze(1) + (expected * features).sum(1) / math.sqrt(_FEATURES)


class SeeingStage(nn.Module):
    """All blocks at one resolution; from config.base on it also sees the picture itself at its resolution."""

    def __init__(self, width: int, width_out: int, config: TextToImageConfig, resolution: int) -> None:
        super().__init__()
        self.resolution = resolution
        depth = len(config.widths) * config.blocks
        self.blocks = nn.ModuleList(Block(width, depth) for _ in range(config.blocks))
        self.from_picture = nn.Conv2d(config.channels, width, 3, padding=1) if resolution >= config.base else None
        if self.from_picture is not None:
            variance_scaled(self.from_picture)
        self.narrow: nn.Module = widen_layer(width, width_out)
        if resolution > config.base:
            self.narrow = nn.Conv2d(width, width_out, 1)
            for parameter in self.narrow.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor | None, picture: Tensor) -> tuple[Tensor, Tensor]:
        """x of the stage above, None at the picture's own resolution → x and the picture at half the resolution."""
        if self.from_picture is not None:
            seen = self.from_picture(picture)
            x = seen if x is None else x + seen
            picture = F.avg_pool2d(picture, 2)
        assert x is not None
        for block in self.blocks:
            x = block(x)
        return self.narrow(F.avg_pool2d(x, 2) if self.resolution > 4 else x), picture


class DeployedTextToImageGenerator(nn.Module):
    """What is sampled and exported: words and seeds in, pictures in [−1, 1] out, always of the full resolution.

    forward(tokens int64 [B, L], mask [B, L] of 1 and 0 (1 = a word), seed int64 [B] in 0 … 2³²−1, style int64 [B] or
    None, truncation float32 [B]) → float32 [B, C, H, W]; four channels are colour premultiplied by alpha, then alpha.
    truncation multiplies z: 1 changes nothing, smaller draws more typical pictures.
    """

    def __init__(self, generator: TextToImageGenerator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, tokens: Tensor, mask: Tensor, seed: Tensor, style: Tensor | None, truncation: Tensor) -> Tensor:
        return self.from_z(tokens, mask, normals(seed, self.generator.config.z_dim), style, truncation)

    def from_z(self, tokens: Tensor, mask: Tensor, z: Tensor, style: Tensor | None, truncation: Tensor) -> Tensor:
        """The same from z float32 [B, z_dim] itself."""
        return self._paint(tokens, mask, z, style, truncation, None)

    def from_seed(self, seed: Tensor, condition: Tensor | None, truncation: Tensor) -> Tensor:
        """The same from a condition int64 [B, 1 + L], under the name that every deployed generator has for it."""
        assert condition is not None
        tokens = condition[:, 1:]
        return self(tokens, (tokens != PADDING).long(), seed, condition[:, 0], truncation)

    def with_attention(
        self, tokens: Tensor, mask: Tensor, z: Tensor, style: Tensor | None, truncation: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Pictures from z, and where each word was looked at: float32 [B, L, r, r], r the finest attention's side.

        At every place the shares of the words, which sum to 1, or 0 without words; mean over heads and layers.
        """
        attended: list[Tensor] = []
        picture = self._paint(tokens, mask, z, style, truncation, attended)
        side = max(self.generator.config.attention)
        maps = [_resized(weights, side) for weights in attended]
        return picture, torch.stack(maps).mean(0)

    def _paint(
        self, tokens: Tensor, mask: Tensor, z: Tensor, style: Tensor | None, truncation: Tensor,
        attended: list[Tensor] | None,
    ) -> Tensor:  # fmt: skip
        if style is None:
            style = torch.zeros_like(tokens[:, 0])
        picture = self.generator.paint(z * truncation[:, None], tokens, mask > 0, style, attended)
        while picture.shape[-1] < self.generator.config.resolution:  # as the stages above do before they have learnt
            picture = _doubled(picture)
        return picture.clamp(-1, 1)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _resized(x: Tensor, side: int) -> Tensor:
    return x if x.shape[-1] == side else F.interpolate(x, (side, side), mode="bilinear", align_corners=False)
