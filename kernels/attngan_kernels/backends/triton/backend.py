"""Runs the Triton kernels: limits, tile sizes, grids and launches of the three derivative orders."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import torch
from torch import Tensor

from attngan_kernels.backends.triton import configs

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
CAPABILITY = (8, 0)
INDEXED = 2**31  # offsets within a head are 32-bit


class Launcher:
    """Runs kernels on the device at hand. `tooling.compile_offline` puts another in its place, which only compiles."""

    def card(self, x: Tensor) -> str:
        """The compute capability as the table of configurations spells it, "9.0"."""
        if interpreted():
            return configs.INTERPRETED
        major, minor = torch.cuda.get_device_capability(x.device)
        return f"{major}.{minor}"

    def run(self, kernel: Any, programs: int, x: Tensor, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        with torch.cuda.device(x.device) if x.is_cuda else contextlib.nullcontext():
            kernel[(programs,)](*arguments, **options)


launcher = Launcher()


def refusal(q: Tensor, k: Tensor, v: Tensor) -> str | None:
    """Why these inputs are not for Triton, or None."""
    if q.dtype not in DTYPES:
        return f"Triton's kernels take float32, float16 or bfloat16, not {str(q.dtype).removeprefix('torch.')}"
    for name, d, most in (("D_k", q.shape[3], configs.MAX_D_K), ("D_v", v.shape[3], configs.MAX_D_V)):
        if d > most:
            return f"{name} = {d} is more than the {most} that Triton's kernels take"
    for name, x in (("q", q), ("k", k), ("v", v)):
        if _span(x) >= INDEXED:
            return f"one head of {name} spans {_span(x)} elements, Triton's kernels index 2^31"
    if q.device.type == "cpu" and interpreted():
        return None
    if q.device.type != "cuda":
        return f"Triton's kernels run on CUDA (or, to test them, with TRITON_INTERPRET=1), not on {q.device.type}"
    if torch.version.hip is not None:
        return "Triton's kernels are for NVIDIA cards"
    if torch.cuda.get_device_capability(q.device) < CAPABILITY:
        return (
            f"{torch.cuda.get_device_name(q.device)} is older than compute capability {CAPABILITY[0]}.{CAPABILITY[1]}"
        )
    try:
        import triton  # noqa: F401
    except ImportError:
        return "triton is not installed: pip install triton"
    return None


def _span(x: Tensor) -> int:
    """Elements from the first of a head to its last, in memory."""
    return sum((n - 1) * stride for n, stride in zip(x.shape[2:], x.stride()[2:], strict=True))


def interpreted() -> bool:
    return os.environ.get("TRITON_INTERPRET", "0") == "1"


def about(q: Tensor, v: Tensor) -> str:
    return "O(N) memory in all three derivative orders, fused kernels without atomics"


def row_statistics_shape(q: Tensor) -> tuple[int, ...]:
    """Each row's top score (base 2) and 1/sum: [2, B, H, N_q]."""
    return (2, *q.shape[:3])


def forward(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, scale: float, is_causal: bool
) -> tuple[Tensor, Tensor]:
    """(O, row statistics)."""
    from attngan_kernels.backends.triton.forward import forward_kernel

    out = q.new_empty((*q.shape[:3], v.shape[3]))
    statistics = q.new_empty(row_statistics_shape(q), dtype=torch.float32)
    tensors = (*_strided(q, k, v, bias), _live_keys(bias), *_strided(out), *statistics)
    _launch(forward_kernel, "forward", tensors, q, k, v, scale, is_causal)
    return out, statistics


def backward(
    grad_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    bias: Tensor | None,
    out: Tensor,
    statistics: Tensor,
    scale: float,
    is_causal: bool,
    bias_grad: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(dQ, dK, dV, db); db is empty without bias_grad."""
    from attngan_kernels.backends.triton.backward import backward_keys_kernel, backward_rows_kernel

    g_q, g_k, g_v = (x.new_empty(x.shape) for x in (q, k, v))
    grad_bias = statistics.new_empty(k.shape[:3] if bias_grad else (0,))
    delta = statistics.new_empty(q.shape[:3])
    live = _live_keys(bias)
    read = (*_strided(grad_out, q, k, v, bias), live)
    grad_q, grad_k, grad_v = _strided(g_q, g_k, g_v)
    rows = (*read, *_strided(out), *statistics, delta, grad_q)
    _launch(backward_rows_kernel, "backward_rows", rows, q, k, v, scale, is_causal)
    keys = (*read, *statistics, delta, grad_k, grad_v, grad_bias if bias_grad else None)
    _launch(backward_keys_kernel, "backward_keys", keys, q, k, v, scale, is_causal)
    return g_q, g_k, g_v, grad_bias


def double_backward(
    A: Tensor,
    B: Tensor,
    C: Tensor,
    beta: Tensor | None,
    grad_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    bias: Tensor | None,
    out: Tensor,
    statistics: Tensor,
    scale: float,
    is_causal: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """(g_dO, g_Q, g_K, g_V, g_b); g_b is empty without β, since a bias without gradient has none."""
    from attngan_kernels.backends.triton.double_backward import pass_a_kernel, pass_b_kernel, pass_c_kernel

    g_out, g_q, g_k, g_v = (x.new_empty(x.shape) for x in (grad_out, q, k, v))
    grad_bias = statistics.new_empty((0,) if beta is None else k.shape[:3])
    rows = [statistics.new_empty(q.shape[:3]) for _ in range(3)]  # e, δ, ρ
    read = (*_strided(A, B, C, beta, grad_out, q, k, v, bias), _live_keys(bias))
    grad_dout, grad_q, grad_k, grad_v = _strided(g_out, g_q, g_k, g_v)
    direct = {"DIRECT": q.dtype != torch.float32}
    a = (*read, *_strided(out), *statistics, *rows, grad_dout)
    _launch(pass_a_kernel, "pass_a", a, q, k, v, scale, is_causal, **direct)
    b = (*read, *statistics, *rows, grad_q)
    _launch(pass_b_kernel, "pass_b", b, q, k, v, scale, is_causal)
    over_keys, g_b = (*read, *statistics, *rows), None if beta is None else grad_bias
    if configs.splits_pass_c(q.shape[3], v.shape[3], q.dtype):
        _launch(pass_c_kernel, "pass_c_k", (*over_keys, grad_k, None, g_b), q, k, v, scale, is_causal)
        _launch(pass_c_kernel, "pass_c_v", (*over_keys, None, grad_v, None), q, k, v, scale, is_causal)
    else:
        _launch(pass_c_kernel, "pass_c", (*over_keys, grad_k, grad_v, g_b), q, k, v, scale, is_causal)
    return g_out, g_q, g_k, g_v, grad_bias


def jvp(
    A: Tensor,
    B: Tensor,
    C: Tensor,
    beta: Tensor | None,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    bias: Tensor | None,
    scale: float,
    is_causal: bool,
) -> tuple[Tensor, Tensor]:
    """(O, its derivative along the tangents A, B, C, β of q, k, v, bias): pass A alone."""
    from attngan_kernels.backends.triton.double_backward import pass_a_kernel

    out, statistics = forward(q, k, v, bias, scale, is_causal)
    tangent = out.new_empty(out.shape)
    read = (*_strided(A, B, C, beta, None, q, k, v, bias), _live_keys(bias))
    tensors = (*read, *_strided(out), *statistics, None, None, None, *_strided(tangent))
    _launch(pass_a_kernel, "pass_a", tensors, q, k, v, scale, is_causal, DIRECT=False)
    return out, tangent


def _live_keys(bias: Tensor | None) -> Tensor | None:
    """[B·H, 2] first and last key that a mask leaves, so that padding isn't read."""
    if bias is None:
        return None
    from attngan_kernels.backends.triton.language import live_keys_kernel

    batch, heads, keys = bias.shape
    live = bias.new_empty((batch * heads, 2), dtype=torch.int32)
    launcher.run(live_keys_kernel, batch * heads, bias, (*_strided(bias), live, keys, heads), {"BLOCK": 1024})
    return live


def _launch(
    kernel: Any,
    name: str,
    tensors: tuple[Any, ...],
    q: Tensor,
    k: Tensor,
    v: Tensor,
    scale: float,
    is_causal: bool,
    **constants: bool,
) -> None:
    """One pass over all tiles of all heads."""
    batch, heads, n_q, d_k = q.shape
    n_k, d_v = v.shape[2:]
    config = configs.lookup(launcher.card(q), d_k, d_v, q.dtype, name)
    tiles = -(-n_k // config.block_k) if name in configs.OVER_KEYS else -(-n_q // config.block_q)
    options = {
        "D_K": d_k,
        "D_V": d_v,
        "BLOCK_DK": padded(d_k),
        "BLOCK_DV": padded(d_v),
        "BLOCK_Q": config.block_q,
        "BLOCK_K": config.block_k,
        "CHUNK": config.chunk,
        "CAUSAL": is_causal,
        "num_warps": config.warps,
        "num_stages": config.stages,
        **constants,
    }
    launcher.run(kernel, tiles * batch * heads, q, (*tensors, n_q, n_k, heads, scale), options)


def padded(d: int) -> int:
    """The next power of two, at least the 16 that a matrix product takes."""
    return max(16, 1 << (d - 1).bit_length())


def _strided(*tensors: Tensor | None) -> tuple[Any, ...]:
    """Each as (tensor, *strides), copied only if a head of it spans more than can be indexed.

    Dimensions of size 1 get stride 0: theirs mean nothing, but would be compiled in.
    """
    near = (x.contiguous() if x is not None and _span(x) >= INDEXED else x for x in tensors)
    return tuple(
        None if x is None else (x, *(0 if n == 1 else s for n, s in zip(x.shape, x.stride(), strict=True)))
        for x in near
    )
