"""What `attention` accepts, and its reduction to one form: dot-product scores plus one per-key bias."""

from __future__ import annotations

import torch
from torch import Tensor

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
SIMILARITIES = ("dot", "l2")


def check(q: Tensor, k: Tensor, v: Tensor, key_bias: Tensor | None, key_mask: Tensor | None) -> None:
    """Raises ValueError that names the argument at fault and both shapes, dtypes or devices."""
    for name, x in (("q", q), ("k", k), ("v", v)):
        if x.dim() != 4:
            raise ValueError(f"{name} must be 4-D [B, H, N, D], got shape {_shape(x)}")
        if x.dtype not in DTYPES:
            raise ValueError(f"{name} must be float64, float32, float16 or bfloat16, got {x.dtype}")
    _check_pair("k", k, q, dims=(0, 1, 3), what="batch, heads and D_k")
    _check_pair("v", v, k, dims=(0, 1, 2), what="batch, heads and N_k", other_name="k")
    if q.shape[3] == 0:
        raise ValueError(f"q and k need D_k of at least 1, got shapes {_shape(q)} and {_shape(k)}")
    if key_bias is not None:
        _check_per_key("key_bias", key_bias, k)
        if not key_bias.is_floating_point():
            raise ValueError(f"key_bias must be floating point, got {key_bias.dtype}; a bool mask is key_mask")
        if key_bias.dtype == torch.float64 and q.dtype != torch.float64:
            raise ValueError(f"key_bias is float64 but q is {q.dtype}: pass the bias in float32")
    if key_mask is not None:
        _check_per_key("key_mask", key_mask, k)
        if key_mask.dtype != torch.bool:
            raise ValueError(f"key_mask must be bool (True = attend), got {key_mask.dtype}")


def _check_pair(name: str, x: Tensor, other: Tensor, dims: tuple[int, ...], what: str, other_name: str = "q") -> None:
    if any(x.shape[d] != other.shape[d] for d in dims):
        raise ValueError(
            f"{name} and {other_name} must agree in {what}: {name} has shape {_shape(x)}, "
            f"{other_name} has shape {_shape(other)}"
        )
    if x.dtype != other.dtype:
        raise ValueError(f"{name} and {other_name} must have one dtype: {name} is {x.dtype}, {other_name} is {other.dtype}")
    if x.device != other.device:
        raise ValueError(
            f"{name} and {other_name} must be on one device: {name} is on {x.device}, {other_name} is on {other.device}"
        )


def _check_per_key(name: str, x: Tensor, k: Tensor) -> None:
    batch, heads, keys = k.shape[0], k.shape[1], k.shape[2]
    ok = x.dim() == 3 and x.shape[0] in (1, batch) and x.shape[1] in (1, heads) and x.shape[2] == keys
    if not ok:
        raise ValueError(f"{name} must have shape [B|1, H|1, N_k] for k of shape {_shape(k)}, got {_shape(x)}")
    if x.device != k.device:
        raise ValueError(f"{name} must be on k's device: {name} is on {x.device}, k is on {k.device}")


def _shape(x: Tensor) -> str:
    return str(list(x.shape))


def combined_bias(k: Tensor, key_bias: Tensor | None, key_mask: Tensor | None) -> Tensor | None:
    """Bias and mask as one [B, H, N_k] tensor in float32 (float64 for float64), −inf where a key is masked."""
    if key_bias is None and key_mask is None:
        return None
    accumulate = torch.float64 if k.dtype == torch.float64 else torch.float32
    if key_bias is not None:
        bias = key_bias.to(accumulate)
    else:
        bias = torch.zeros((1, 1, 1), dtype=accumulate, device=k.device)
    if key_mask is not None:
        bias = torch.where(key_mask, bias, float("-inf"))
    return bias.expand(k.shape[0], k.shape[1], k.shape[2])


def l2_as_dot(q: Tensor, k: Tensor, key_bias: Tensor | None, scale: float) -> tuple[Tensor, Tensor, Tensor, float]:
    """−scale·|q−k|² as 2·scale·q·k plus a per-key bias: |q|² is constant along a row and leaves the softmax.

    Both are first shifted by the mean key, which changes neither distances nor gradients: without the shift,
    q and k offset by 30 have float32 weights wrong by 6e-4, with it by 3e-7.
    """
    accumulate = torch.float64 if k.dtype == torch.float64 else torch.float32
    mean = k.detach().to(accumulate).mean(2, keepdim=True).to(k.dtype)
    q, k = q - mean, k - mean
    norms = k.to(accumulate).square().sum(-1) * -scale
    return q, k, norms if key_bias is None else norms + key_bias, 2.0 * scale
