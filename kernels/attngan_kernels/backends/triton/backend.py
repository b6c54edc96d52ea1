"""Runs the Triton kernels: limits, tile sizes, grids and launches of the three derivative orders."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import torch
from torch import Tensor

from attngan_kernels.backends.interface import Directions, Inputs, Saved
from attngan_kernels.backends.triton import configs

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
CAPABILITY = (8, 0)
MAX_SPAN = 2**31  # offsets within a head are 32-bit


class Launcher:
    """Runs kernels on the device at hand. `tooling.compile_offline` puts another in its place, which only compiles."""

    def card(self, x: Tensor) -> str:
        """The compute capability as the table of configurations spells it, "9.0"."""
        if is_interpreting():
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
        if _span(x) >= MAX_SPAN:
            return f"one head of {name} spans {_span(x)} elements, Triton's kernels index 2^31"
    if q.device.type == "cpu" and is_interpreting():
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


def is_interpreting() -> bool:
    return os.environ.get("TRITON_INTERPRET", "0") == "1"


def about(q: Tensor, v: Tensor) -> str:
    return "O(N) memory in all three derivative orders, fused kernels without atomics"


def row_statistics_shape(q: Tensor) -> tuple[int, ...]:
    """Each row's top score (base 2) and 1/sum: [2, B, H, N_q]."""
    return (2, *q.shape[:3])


def forward(x: Inputs) -> Saved:
    from attngan_kernels.backends.triton.forward import forward_kernel

    out = x.q.new_empty((*x.q.shape[:3], x.v.shape[3]))
    statistics = x.q.new_empty(row_statistics_shape(x.q), dtype=torch.float32)
    tensors = (*_with_strides(*x.tensors), _live_keys(x.bias), *_with_strides(out), *statistics)
    _launch(forward_kernel, "forward", tensors, x)
    return Saved(out, statistics)


def backward(grad_out: Tensor, x: Inputs, saved: Saved, bias_grad: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    from attngan_kernels.backends.triton.backward import backward_keys_kernel, backward_rows_kernel

    out, statistics = saved
    g_q, g_k, g_v = (y.new_empty(y.shape) for y in (x.q, x.k, x.v))
    grad_bias = statistics.new_empty(x.k.shape[:3] if bias_grad else (0,))
    delta = statistics.new_empty(x.q.shape[:3])
    read = (*_with_strides(grad_out, *x.tensors), _live_keys(x.bias))
    grad_q, grad_k, grad_v = _with_strides(g_q, g_k, g_v)
    _launch(backward_rows_kernel, "backward_rows", (*read, *_with_strides(out), *statistics, delta, grad_q), x)
    keys = (*read, *statistics, delta, grad_k, grad_v, grad_bias if bias_grad else None)
    _launch(backward_keys_kernel, "backward_keys", keys, x)
    return g_q, g_k, g_v, grad_bias


def double_backward(
    along: Directions, grad_out: Tensor, x: Inputs, saved: Saved
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    from attngan_kernels.backends.triton.double_backward import pass_a_kernel, pass_b_kernel, pass_c_kernel

    out, statistics = saved
    g_out, g_q, g_k, g_v = (y.new_empty(y.shape) for y in (grad_out, x.q, x.k, x.v))
    grad_bias = statistics.new_empty((0,) if along.beta is None else x.k.shape[:3])
    rows = [statistics.new_empty(x.q.shape[:3]) for _ in range(3)]  # e, δ, ρ
    read = (*_with_strides(*along, grad_out, *x.tensors), _live_keys(x.bias))
    grad_dout, grad_q, grad_k, grad_v = _with_strides(g_out, g_q, g_k, g_v)
    pass_a = (*read, *_with_strides(out), *statistics, *rows, grad_dout)
    _launch(pass_a_kernel, "pass_a", pass_a, x, DIRECT=x.q.dtype != torch.float32)
    read = (*read, *statistics, *rows)
    _launch(pass_b_kernel, "pass_b", (*read, grad_q), x)
    g_b = None if along.beta is None else grad_bias
    if configs.splits_pass_c(x.q.shape[3], x.v.shape[3], x.q.dtype):
        _launch(pass_c_kernel, "pass_c_k", (*read, grad_k, None, g_b), x)
        _launch(pass_c_kernel, "pass_c_v", (*read, None, grad_v, None), x)
    else:
        _launch(pass_c_kernel, "pass_c", (*read, grad_k, grad_v, g_b), x)
    return g_out, g_q, g_k, g_v, grad_bias


def jvp(along: Directions, x: Inputs) -> tuple[Tensor, Tensor]:
    """Pass A alone."""
    from attngan_kernels.backends.triton.double_backward import pass_a_kernel

    out, statistics = forward(x)
    tangent = out.new_empty(out.shape)
    read = (*_with_strides(*along, None, *x.tensors), _live_keys(x.bias))
    tensors = (*read, *_with_strides(out), *statistics, None, None, None, *_with_strides(tangent))
    _launch(pass_a_kernel, "pass_a", tensors, x, DIRECT=False)
    return out, tangent


def _live_keys(bias: Tensor | None) -> Tensor | None:
    """[B·H, 2] first and last key that a mask leaves, so that padding isn't read."""
    if bias is None:
        return None
    from attngan_kernels.backends.triton.language import live_keys_kernel

    batch, heads, keys = bias.shape
    live = bias.new_empty((batch * heads, 2), dtype=torch.int32)
    launcher.run(live_keys_kernel, batch * heads, bias, (*_with_strides(bias), live, keys, heads), {"BLOCK": 1024})
    return live


def _launch(kernel: Any, name: str, tensors: tuple[Any, ...], x: Inputs, **constants: bool) -> None:
    """One pass over all tiles of all heads."""
    batch, heads, n_q, d_k = x.q.shape
    n_k, d_v = x.v.shape[2:]
    config = configs.lookup(launcher.card(x.q), d_k, d_v, x.q.dtype, name)
    tiles = -(-n_k // config.block_k) if name in configs.OVER_KEYS else -(-n_q // config.block_q)
    options = {
        "D_K": d_k,
        "D_V": d_v,
        "BLOCK_DK": padded_width(d_k),
        "BLOCK_DV": padded_width(d_v),
        "BLOCK_Q": config.block_q,
        "BLOCK_K": config.block_k,
        "CHUNK": config.chunk,
        "CAUSAL": x.is_causal,
        "num_warps": config.warps,
        "num_stages": config.stages,
        **constants,
    }
    launcher.run(kernel, tiles * batch * heads, x.q, (*tensors, n_q, n_k, heads, x.scale), options)


def padded_width(d: int) -> int:
    """The next power of two, at least the 16 that a matrix product takes."""
    return max(16, 1 << (d - 1).bit_length())


def _with_strides(*tensors: Tensor | None) -> tuple[Any, ...]:
    """Each as (tensor, *strides), copied only if a head of it spans more than can be indexed.

    Dimensions of size 1 get stride 0: theirs mean nothing, but would be compiled in.
    """
    near = (x.contiguous() if x is not None and _span(x) >= MAX_SPAN else x for x in tensors)
    return tuple(
        None if x is None else (x, *(0 if n == 1 else s for n, s in zip(x.shape, x.stride(), strict=True)))
        for x in near
    )
