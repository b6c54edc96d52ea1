"""aten's flash kernels for the CPU, forward and backward, for `blockwise` where they apply.

Against our own tiles, one core, d = 32: forward 1.3 times, backward 1.15 times as fast.
"""

from __future__ import annotations

import torch
from torch import Tensor

from attngan_kernels.backends.interface import Inputs, Saved

# Keys below which the backward kernel is slower in bfloat16 than in float32: five times at 12 keys, twice at 64,
# on one core with AMX.
_FEW_KEYS = 128


def applies(q: Tensor, v: Tensor) -> bool:
    """The kernels are for the CPU and need D_k = D_v."""
    return q.device.type == "cpu" and q.shape[3] == v.shape[3]


def forward(x: Inputs) -> Saved:
    """(O, L) with L = 0 in fully masked rows, as passes.forward writes it."""
    q, k, v = _with_unit_stride(x.q, x.k, x.v)
    out, logsumexp = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        q, k, v, 0.0, x.is_causal, attn_mask=_mask(x), scale=x.scale
    )
    return Saved(out.contiguous(), logsumexp.contiguous())


def backward(grad_out: Tensor, x: Inputs, saved: Saved) -> tuple[Tensor, Tensor, Tensor]:
    """(dQ, dK, dV); the kernel has no gradient for its mask."""
    dtype, out, mask = x.q.dtype, saved.out, _mask(x)
    grad_out, q, k, v = _with_unit_stride(grad_out, x.q, x.k, x.v)
    if dtype in (torch.bfloat16, torch.float16) and k.shape[2] < _FEW_KEYS:
        grad_out, q, k, v, out = (y.float() for y in (grad_out, q, k, v, out))
        mask = None if mask is None else mask.float()
    grads = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
        grad_out, q, k, v, out, saved.row_statistics, 0.0, x.is_causal, attn_mask=mask, scale=x.scale
    )
    g_q, g_k, g_v = (g.to(dtype).contiguous() for g in grads)
    return g_q, g_k, g_v


def _with_unit_stride(*tensors: Tensor) -> list[Tensor]:
    """The kernels take any strides but the last, which they silently read as 1."""
    return [x if x.stride(-1) == 1 else x.contiguous() for x in tensors]


def _mask(x: Inputs) -> Tensor | None:
    """The bias as a mask [B, H, N_q, N_k] of stride 0, which the kernel reads in place."""
    return None if x.bias is None else x.bias[:, :, None, :].expand(-1, -1, x.q.shape[2], -1)
