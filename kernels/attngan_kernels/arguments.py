"""What `attention` accepts, and its reduction to one form: dot-product scores plus one per-key bias."""

from __future__ import annotations

import math

import torch
from torch import Tensor

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
SIMILARITIES = ("dot", "l2")


def autocast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Under autocast, what torch does to SDPA's inputs: everything but float64 goes to the autocast dtype."""
    kind = tensors[0].device.type
    # Asked only of devices that may have none: torch 2.11 can't trace the question, so nothing would export.
    available = kind in ("cpu", "cuda") or torch.amp.is_autocast_available(kind)
    if not available or not torch.is_autocast_enabled(kind):
        return tensors
    dtype = torch.get_autocast_dtype(kind)
    return tuple(x if x.dtype == torch.float64 else x.to(dtype) for x in tensors)


def check(q: Tensor, k: Tensor, v: Tensor | None, key_bias: Tensor | None, key_mask: Tensor | None) -> None:
    """Raises ValueError that names the argument at fault and both shapes, dtypes or devices."""
    for name, x in (("q", q), ("k", k), ("v", v)):
        if x is not None and x.dim() != 4:
            raise ValueError(f"{name} must be 4-D [B, H, N, D], got shape {_shape(x)}")
        if x is not None and x.dtype not in DTYPES:
            raise ValueError(f"{name} must be float64, float32, float16 or bfloat16, got {x.dtype}")
    tracing = torch.jit.is_tracing()  # sizes are then tensors, and comparing them would be baked into the trace
    if not tracing and q.shape[3] == 0:
        raise ValueError(f"q must have D_k of at least 1, got shape {_shape(q)}")
    _check_pair("k", k, "q", q, () if tracing else (0, 1, 3), "batch, heads and D_k")
    if v is not None:
        _check_pair("v", v, "k", k, () if tracing else (0, 1, 2), "batch, heads and N_k")
    for name, x in (("key_bias", key_bias), ("key_mask", key_mask)):
        if x is not None and not tracing:
            _check_per_key(name, x, k)
    if key_bias is not None and not key_bias.is_floating_point():
        raise ValueError(f"key_bias must be floating point, got {key_bias.dtype}; a bool mask goes into key_mask")
    if key_bias is not None and key_bias.dtype == torch.float64 and q.dtype != torch.float64:
        raise ValueError(f"key_bias is float64 but q is {q.dtype}: pass the bias in float32")
    if key_mask is not None and key_mask.dtype != torch.bool:
        raise ValueError(f"key_mask must be bool (True = attend), got {key_mask.dtype}")


def check_tangents(primals: tuple[Tensor, ...], tangents: tuple[Tensor, ...]) -> None:
    """Raises ValueError unless both are q, k, v and maybe key_bias of the same shapes, dtypes and devices."""
    if len(primals) not in (3, 4) or len(tangents) != len(primals):
        raise ValueError(
            "primals and tangents must both be (q, k, v) or (q, k, v, key_bias),"
            f" got {len(primals)} and {len(tangents)} tensors"
        )
    for name, x, t in zip(("q", "k", "v", "key_bias"), primals, tangents, strict=False):
        if (x.shape, x.dtype, x.device) != (t.shape, t.dtype, t.device):
            raise ValueError(
                f"the tangent of {name} must be like it: {name} is {_shape(x)} {x.dtype} on {x.device},"
                f" its tangent {_shape(t)} {t.dtype} on {t.device}"
            )


def _check_pair(name: str, x: Tensor, other: str, y: Tensor, dims: tuple[int, ...], what: str) -> None:
    if any(x.shape[d] != y.shape[d] for d in dims):
        raise ValueError(f"{name} and {other} must agree in {what}: {name} is {_shape(x)}, {other} is {_shape(y)}")
    if x.dtype != y.dtype:
        raise ValueError(f"{name} and {other} must have one dtype: {name} is {x.dtype}, {other} is {y.dtype}")
    if x.device != y.device:
        raise ValueError(f"{name} and {other} must be on one device: {name} is on {x.device}, {other} on {y.device}")


def _check_per_key(name: str, x: Tensor, k: Tensor) -> None:
    batch, heads, keys = k.shape[0], k.shape[1], k.shape[2]
    fits = x.dim() == 3 and x.shape[2] == keys and x.shape[0] in (1, batch) and x.shape[1] in (1, heads)
    if not fits:
        raise ValueError(f"{name} must have shape [B|1, H|1, N_k] for k of shape {_shape(k)}, got shape {_shape(x)}")
    if x.device != k.device:
        raise ValueError(f"{name} must be on k's device: {name} is on {x.device}, k on {k.device}")


def _shape(x: Tensor) -> str:
    return str(list(x.shape))


def check_score(scale: float | None, similarity: str) -> None:
    """Raises ValueError on an unknown similarity or a scale that is no finite number."""
    if similarity not in SIMILARITIES:
        raise ValueError(f"similarity must be one of {', '.join(map(repr, SIMILARITIES))}, got {similarity!r}")
    if isinstance(scale, Tensor):
        raise ValueError("scale must be a number, got a tensor, whose gradient would be lost: multiply q by it instead")
    if scale is not None and not math.isfinite(scale):
        raise ValueError(f"scale must be finite, got {scale}")


def dot_scale(q: Tensor, scale: float | None, similarity: str) -> float:
    """What q·k is multiplied by: the scale, D_k^−½ by default, and twice that for L2. Same errors as check_score."""
    check_score(scale, similarity)
    number = int(q.shape[3]) ** -0.5 if scale is None else float(scale)
    return 2.0 * number if similarity == "l2" else number


def as_dot_product(
    q: Tensor,
    k: Tensor,
    key_bias: Tensor | None,
    key_mask: Tensor | None,
    is_causal: bool,
    scale: float | None,
    similarity: str,
) -> tuple[Tensor, Tensor, Tensor | None, float]:
    """(q, k, bias, scale) with scores = scale·q·k + bias, the bias [B, H, N_k] and −inf where masked, scale ≥ 0."""
    number = dot_scale(q, scale, similarity)
    bias = None if key_bias is None else key_bias.to(accumulating_type(k))
    if key_mask is not None:
        if bias is None:
            bias = torch.zeros((), dtype=accumulating_type(k), device=k.device)
        bias = torch.where(key_mask, bias, float("-inf"))
    if similarity == "l2":
        q, k, norms = _l2_as_dot(q, k, bias, is_causal, number / 2.0)
        bias = norms if bias is None else norms + bias
    if number < 0:  # Triton's forward takes each row's largest product for the largest score
        q, number = -q, -number
    return q, k, None if bias is None else bias.expand(k.shape[0], k.shape[1], k.shape[2]), number


def _l2_as_dot(
    q: Tensor, k: Tensor, bias: Tensor | None, is_causal: bool, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """−scale·|q−k|² as 2·scale·q·k plus the per-key bias −scale·|k|²: |q|² is constant along a row of the softmax.

    Both are first shifted by a point amid the keys, which changes neither distances nor gradients: without the shift,
    q and k offset by 30 had float32 weights wrong by 6e-4, with it by 3e-7.
    """
    if bias is not None:  # masked keys may hold anything; as zeros they neither overflow nor move the shift
        k = k.masked_fill((bias == float("-inf"))[..., None], 0.0)
    shift = _amid_seen_keys(k.detach(), bias, is_causal)
    q, k = q - shift, k - shift
    return q, k, k.to(accumulating_type(k)).square().sum(3) * -scale


def _amid_seen_keys(k: Tensor, bias: Tensor | None, is_causal: bool) -> Tensor:
    """A point [B, H, 1, D_k] that depends on no key which some row can't see, so that none moves that row's result.

    The mean of the keys to which the bias leaves a weight. If causal, the first key that isn't masked: every row
    that sees any key sees that one, and the row at its place sees no other.
    """
    wide = k.to(accumulating_type(k))
    if bias is None:
        return (wide[:, :, :1].sum(2, keepdim=True) if is_causal else wide.mean(2, keepdim=True)).to(k.dtype)
    counted = bias > float("-inf") if is_causal else bias.detach().softmax(-1) > 0
    if is_causal:
        counted = counted & (counted.long().cumsum(-1) == 1)
    total = torch.where(counted[..., None], wide, 0.0).sum(2, keepdim=True)
    return (total / counted.sum(-1)[..., None, None].clamp(min=1)).to(k.dtype)


def accumulating_type(x: Tensor) -> torch.dtype:
    """The type of scores and biases: float64 for float64, else float32."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32
