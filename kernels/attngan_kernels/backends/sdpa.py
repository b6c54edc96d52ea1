"""torch's own scaled_dot_product_attention: first order only, and what portable exports are written with.

A custom op in a TorchScript, .pt2 or portable ONNX file loads only where the op is registered; aten's SDPA loads
everywhere. Its fused kernels have no second derivative and raise when asked for one. Where torch falls back to
its math path (D_k ≠ D_v, a bias with gradient) the second derivative exists and is right, in O(N²) memory.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def attention(q: Tensor, k: Tensor, v: Tensor, key_bias: Tensor | None, scale: float, is_causal: bool) -> Tensor:
    """As `reference.attention`, to first order."""
    if key_bias is None:
        return F.scaled_dot_product_attention(q, k, v, is_causal=is_causal, scale=scale)
    mask = key_bias[:, :, None, :].expand(-1, -1, q.shape[2], -1)
    if is_causal:  # SDPA takes a mask or is_causal, not both
        later = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).triu(1)
        mask = mask.masked_fill(later, float("-inf"))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)


def about(q: Tensor, v: Tensor) -> str:
    return "torch's scaled_dot_product_attention, first-order derivatives only where torch has a fused kernel"
