"""Words as vectors: a small transformer over the project's attention, with a mask for padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attngan.attention import MultiHeadAttention
from attngan.config import TextToImageConfig


class TextEncoder(nn.Module):
    """tokens int64 [B, L], mask bool [B, L] (True = a word) → words [B, L, text_dim] and sentence [B, text_dim].

    L: config.length at most. Pre-normalised layers (Xiong et al. 2020). Words of padding are 0; the sentence is the
    mean of its words, so that one without words is 0 too.
    """

    def __init__(self, config: TextToImageConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.vocabulary, config.text_dim)
        self.position = nn.Parameter(torch.zeros(config.length, config.text_dim))
        self.layers = nn.ModuleList(TextLayer(config.text_dim, config.text_heads) for _ in range(config.text_layers))
        self.norm = nn.LayerNorm(config.text_dim)
        nn.init.normal_(self.embedding.weight, std=0.5)
        nn.init.normal_(self.position, std=0.1)

    def forward(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        x = self.embedding(tokens) + self.position[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, mask)
        present = mask.to(x.dtype)[:, :, None]
        words = self.norm(x) * present
        return words, words.sum(1) / present.sum(1).clamp_min(1.0)


class TextLayer(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)) (Xiong et al. 2020, figure 1b)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = MultiHeadAttention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [B, L, width], mask bool [B, L] → [B, L, width]."""
        h = self.before_attention(x)
        x = x + self.attention(h, h, h, key_padding_mask=~mask)[0]
        return x + self.mlp(self.before_mlp(x))
