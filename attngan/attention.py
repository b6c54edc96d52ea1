"""Attention layers over `attngan_kernels.attention`; every one can be differentiated twice."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attngan_kernels import attention, attention_weights

Similarity = Literal["dot", "cosine", "l2"]


class MultiHeadAttention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017, eq. 1 and section 3.2.2) in torch's conventions, batch first.

    Parameters have the names and shapes of `torch.nn.MultiheadAttention(batch_first=True)`, so that with
    similarity "dot" a state dict goes from one to the other. Weights come on request alone (need_weights=False), and
    masks are per key: there is no attn_mask.

    similarity: "dot" scales scores by head_dim^-1/2; "l2" is −|q−k|²·head_dim^-1/2; "cosine" normalises q and k
        and multiplies by a learned temperature per head between 0 and 4 (after Liu et al. 2022, Swin V2, section
        3.2), which bounds the logits under penalties. It also keeps exports equal: rounding errors of features come
        out multiplied by it, and at a temperature of 13 one picture in twenty of a trained 32² generator differed
        between PyTorch and ONNX Runtime by over 1e-5 of its range; at 4, none of 600.
    """

    max_temperature = 4.0

    def __init__(self, embed_dim: int, num_heads: int, *, bias: bool = True, similarity: Similarity = "dot") -> None:
        super().__init__()
        if embed_dim % num_heads:
            raise ValueError(f"embed_dim {embed_dim} is not a multiple of num_heads {num_heads}")
        self.num_heads, self.head_dim = num_heads, embed_dim // num_heads
        self.similarity: Similarity = similarity
        self.backend = "auto"
        self.in_proj_weight = nn.Parameter(torch.empty(3 * embed_dim, embed_dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * embed_dim)) if bias else None
        self.out_proj = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.temperature_logit = nn.Parameter(torch.ones(num_heads)) if similarity == "cosine" else None
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = False,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """query [B, N_q, E], key and value [B, N_k, E] → output [B, N_q, E] and the weights if asked for.

        key_padding_mask: bool [B, N_k], True = leave this key out (torch's meaning, the opposite of the kernel's).
        weights: [B, N_q, N_k], or [B, heads, N_q, N_k] with average_attn_weights=False.
        """
        q, k, v = (self.project(x, i) for i, x in enumerate((query, key, value)))
        q, k, scale, similarity = self._score(q, k)
        mask = None if key_padding_mask is None else ~key_padding_mask[:, None, :]
        out = self._merge(q, k, v, mask, is_causal, scale, similarity)
        if not need_weights:
            return out, None
        weights = attention_weights(q, k, key_mask=mask, is_causal=is_causal, scale=scale, similarity=similarity)
        return out, weights.mean(1) if average_attn_weights else weights

    def project(self, x: Tensor, part: int) -> Tensor:
        """x [B, N, E] by the query (0), key (1) or value (2) third of in_proj: [B, heads, N, head_dim]."""
        rows = slice(part * x.shape[-1], (part + 1) * x.shape[-1])
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        return F.linear(x, self.in_proj_weight[rows], bias).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, key_mask: Tensor) -> Tensor:
        """Queries [B, heads, N_q, D], keys and values [B, heads, N_k, D] that `project` made, maybe long before →
        [B, N_q, E]. key_mask: bool [B or 1, 1, N_k], True = attend; a row without any key gives the output bias.
        """
        q, k, scale, similarity = self._score(q, k)
        return self._merge(q, k, v, key_mask, False, scale, similarity)

    def _score(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor, float, Literal["dot", "l2"]]:
        """Queries and keys as the kernel takes them, its scale, and its similarity."""
        if self.temperature_logit is None:
            return q, k, self.head_dim**-0.5, "l2" if self.similarity == "l2" else "dot"
        temperature = self.max_temperature * self.temperature_logit.sigmoid()
        return _unit(q) * temperature.to(q.dtype)[:, None, None], _unit(k), 1.0, "dot"

    def _merge(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, is_causal: bool, scale: float,
        similarity: Literal["dot", "l2"],
    ) -> Tensor:  # fmt: skip
        out = attention(
            q, k, v, key_mask=mask, is_causal=is_causal, scale=scale, similarity=similarity, backend=self.backend
        )  # fmt: skip
        return self.out_proj(out.transpose(1, 2).flatten(2))


class SelfAttention2d(nn.Module):
    """x + attention over all positions of a feature map (Zhang et al. 2019, SAGAN, eq. 1 to 3).

    The output projection starts at zero, so that training begins with convolutions alone, as SAGAN's gain γ does.
    Scores are cosine similarities: attention by dot products of unbounded features is not Lipschitz (Kim et al. 2021,
    "The Lipschitz constant of self-attention", section 3.1).
    """

    def __init__(self, channels: int, heads: int, similarity: Similarity = "cosine") -> None:
        super().__init__()
        self.attention = MultiHeadAttention(channels, heads, similarity=similarity)
        nn.init.zeros_(self.attention.out_proj.weight)
        nn.init.zeros_(self.attention.out_proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] → the same shape."""
        sequence = x.flatten(2).transpose(1, 2)
        out, _ = self.attention(sequence, sequence, sequence)
        return x + out.transpose(1, 2).unflatten(2, x.shape[2:])

    def weights(self, x: Tensor) -> Tensor:
        """Attention weights [B, heads, H·W, H·W] of a feature map, for looking at."""
        sequence = x.flatten(2).transpose(1, 2)
        _, weights = self.attention(sequence, sequence, sequence, need_weights=True, average_attn_weights=False)
        return weights


class WordAttention(nn.Module):
    """x + what every place of a feature map takes from the words that it attends to (Xu et al. 2018, AttnGAN, eq. 2).

    The output projection starts at zero, so that training begins without words. Scores are cosine similarities for
    the reasons that `SelfAttention2d` and `MultiHeadAttention` give.
    """

    def __init__(self, channels: int, text_dim: int, heads: int) -> None:
        super().__init__()
        self.words = nn.Linear(text_dim, channels)
        self.attention = MultiHeadAttention(channels, heads, similarity="cosine")
        nn.init.zeros_(self.attention.out_proj.weight)
        nn.init.zeros_(self.attention.out_proj.bias)

    def forward(self, x: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        """x [B, C, H, W], words [B, L, text_dim], mask bool [B, L], True = a word → [B, C, H, W].

        Without any word in its row a picture stays as it is.
        """
        out, _ = self._attend(x, words, mask, False)
        # A row without words takes nothing from them, and not the output projection's bias either.
        out = out * mask.any(1)[:, None, None].to(out.dtype)
        return x + out.transpose(1, 2).unflatten(2, x.shape[2:])

    def weights(self, x: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        """Shares of the words at every place, mean over heads: [B, L, H, W]; they sum to 1, or to 0 without words."""
        _, weights = self._attend(x, words, mask, True)
        assert weights is not None
        return weights.transpose(1, 2).unflatten(2, x.shape[2:])

    def _attend(self, x: Tensor, words: Tensor, mask: Tensor, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        places, keys = x.flatten(2).transpose(1, 2), self.words(words)
        return self.attention(places, keys, keys, key_padding_mask=~mask, need_weights=need_weights)


def set_attention_backend(network: nn.Module, backend: str) -> None:
    """Makes every attention layer inside `network` use this backend of `attngan_kernels.attention`."""
    for module in network.modules():
        if isinstance(module, MultiHeadAttention):
            module.backend = backend


def _unit(x: Tensor) -> Tensor:
    """x / |x| along the last dimension; smooth at 0, where |x| alone has no second derivative."""
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-6)
