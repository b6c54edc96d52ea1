"""Attention in O(N) memory in plain torch operations: aten's flash kernels where they apply, else our own tiles."""

from __future__ import annotations

from torch import Tensor

from attngan_kernels.backends.blockwise import aten_flash, passes
from attngan_kernels.backends.interface import Directions, Inputs, Saved


def about(q: Tensor, v: Tensor) -> str:
    orders = "O(N) memory in all three derivative orders"
    if aten_flash.applies(q, v):
        return f"{orders}; forward and backward by aten's flash kernels, double backward over tiles of rows"
    why = "D_k ≠ D_v" if q.device.type == "cpu" else f"aten's flash kernels are not for {q.device.type}"
    return f"{orders}, over tiles of rows ({why})"


def row_statistics_shape(q: Tensor) -> tuple[int, ...]:
    """Each row's logsumexp, [B, H, N_q]."""
    return tuple(q.shape[:3])


def forward(x: Inputs) -> Saved:
    if aten_flash.applies(x.q, x.v):
        return aten_flash.forward(x)
    out, logsumexp = passes.forward(x)
    return Saved(_as_output(out, x), logsumexp.view(x.q.shape[:3]))


def backward(grad_out: Tensor, x: Inputs, saved: Saved, bias_grad: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    if aten_flash.applies(x.q, x.v) and not bias_grad:
        return *aten_flash.backward(grad_out, x, saved), saved.row_statistics.new_empty(0)
    *flat, grad_bias = passes.backward(grad_out, x, saved.row_statistics)
    g_q, g_k, g_v = _unflatten(flat, (x.q, x.k, x.v))
    return g_q, g_k, g_v, grad_bias.view(x.k.shape[:3]) if bias_grad else grad_bias.new_empty(0)


def double_backward(
    along: Directions, grad_out: Tensor, x: Inputs, saved: Saved
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    *flat, grad_bias = passes.double_backward(along, grad_out, x, saved.row_statistics)
    g_out, g_q, g_k, g_v = _unflatten(flat, (grad_out, x.q, x.k, x.v))
    return g_out, g_q, g_k, g_v, grad_bias.new_empty(0) if along.beta is None else grad_bias.view(x.k.shape[:3])


def jvp(along: Directions, x: Inputs) -> tuple[Tensor, Tensor]:
    out, tangent = passes.jvp(along, x)
    return _as_output(out, x), _as_output(tangent, x)


def _as_output(flat: Tensor, x: Inputs) -> Tensor:
    """[B·H, N_q, D_v] → [B, H, N_q, D_v] in the inputs' dtype."""
    return flat.to(x.q.dtype).view(*x.q.shape[:3], x.v.shape[3])


def _unflatten(flat: list[Tensor], like: tuple[Tensor, ...]) -> list[Tensor]:
    """[B·H, N, D] in the accumulating type → [B, H, N, D] in the inputs' dtype."""
    return [x.to(y.dtype).view(y.shape) for x, y in zip(flat, like, strict=True)]
