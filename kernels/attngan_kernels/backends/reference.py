"""Attention written out. This file defines what is correct; every backend is tested against it in float64."""

from __future__ import annotations

import torch
from torch import Tensor

from attngan_kernels.arguments import accumulating_type


def weights(q: Tensor, k: Tensor, key_bias: Tensor | None, scale: float, is_causal: bool) -> Tensor:
    """softmax(scale·QKᵀ + bias) over the keys (Vaswani et al. 2017, eq. 1), [B, H, N_q, N_k] in q's dtype.

    Rows in which every key is masked are 0, with zero gradients.
    """
    return _weights(q, k, key_bias, scale, is_causal).to(q.dtype)


def _weights(q: Tensor, k: Tensor, key_bias: Tensor | None, scale: float, is_causal: bool) -> Tensor:
    """In the accumulating type: float64 for float64 inputs, else float32."""
    wide = accumulating_type(q)
    scores = torch.matmul(q.to(wide), k.to(wide).transpose(-2, -1)) * scale
    if key_bias is not None:
        scores = scores + key_bias[:, :, None, :]
    if is_causal:
        later = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
    if key_bias is None:
        return torch.softmax(scores, -1)
    dead = (scores == float("-inf")).all(-1, keepdim=True)
    return torch.softmax(scores.masked_fill(dead, 0.0), -1).masked_fill(dead, 0.0)


def attention(q: Tensor, k: Tensor, v: Tensor, key_bias: Tensor | None, scale: float, is_causal: bool) -> Tensor:
    """weights · V, [B, H, N_q, D_v] in v's dtype. Differentiable to any order; holds every N_q × N_k map.

    Half precisions are multiplied in float32 and rounded once, at the end: rounded weights alone cost 12 % of dq
    where one weight of a row is near 1.
    """
    P = _weights(q, k, key_bias, scale, is_causal)
    return torch.matmul(P, v.to(P.dtype)).to(v.dtype)


def about(q: Tensor, v: Tensor) -> str:
    return "attention written out, any order of derivative, O(N²) memory"
