"""The picture side of the matching of words and pictures; needed only while the text encoder learns."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from attngan.config import TextToImageConfig
from attngan.networks.blocks import SLOPE, Block, variance_scaled

SIDE = 32  #: pictures are seen at this resolution
_WIDTHS = (32, 64, 128)


class RegionEncoder(nn.Module):
    """Pictures [B, C, 32, 32] → regions [B, 64, text_dim], an 8×8 grid by rows, and the whole [B, text_dim]."""

    def __init__(self, config: TextToImageConfig) -> None:
        super().__init__()
        first, second, third = _WIDTHS
        self.enter = nn.Conv2d(config.channels, first, 3, padding=1)
        self.halve = nn.Conv2d(first, second, 3, stride=2, padding=1)
        self.halve_again = nn.Conv2d(second, third, 3, stride=2, padding=1)
        self.block = Block(third, 1)
        self.region = nn.Conv2d(third, config.text_dim, 1)
        self.whole = nn.Linear(third, config.text_dim)
        for layer in (self.enter, self.halve, self.halve_again, self.region, self.whole):
            variance_scaled(layer)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        x = self.halve(F.leaky_relu(self.enter(pictures), SLOPE))
        x = self.halve_again(F.leaky_relu(x, SLOPE))
        x = F.leaky_relu(self.block(x), SLOPE)
        return self.region(x).flatten(2).transpose(1, 2), self.whole(x.mean((2, 3)))
