"""Attention in O(N) memory in plain torch operations: aten's flash kernels where they apply, else our own tiles."""

from __future__ import annotations

from torch import Tensor

from attngan_kernels.backends.blockwise import aten_flash, passes


def about(q: Tensor, v: Tensor) -> str:
    orders = "O(N) memory in all three derivative orders"
    if aten_flash.applies(q, v):
        return f"{orders}; forward and backward by aten's flash kernels, double backward over tiles of rows"
    why = "D_k ≠ D_v" if q.device.type == "cpu" else f"aten's flash kernels are not for {q.device.type}"
    return f"{orders}, over tiles of rows ({why})"


def row_statistics_shape(q: Tensor) -> tuple[int, ...]:
    """Each row's logsumexp, [B, H, N_q]."""
    return tuple(q.shape[:3])


def forward(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, scale: float, is_causal: bool
) -> tuple[Tensor, Tensor]:
    """(O, logsumexp)."""
    if aten_flash.applies(q, v):
        return aten_flash.forward(q, k, v, bias, scale, is_causal)
    out, logsumexp = passes.forward(q, k, v, bias, scale, is_causal)
    return out.to(q.dtype).view(*q.shape[:3], v.shape[3]), logsumexp.view(q.shape[:3])


def backward(
    grad_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    bias: Tensor | None,
    out: Tensor,
    logsumexp: Tensor,
    scale: float,
    is_causal: bool,
    bias_grad: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(dQ, dK, dV, db); db is empty without bias_grad."""
    if aten_flash.applies(q, v) and not bias_grad:
        grads = aten_flash.backward(grad_out, q, k, v, bias, out, logsumexp, scale, is_causal)
        return *grads, logsumexp.new_empty(0)
    *flat, grad_bias = passes.backward(grad_out, q, k, v, bias, logsumexp, scale, is_causal)
    g_q, g_k, g_v = _unflatten(flat, (q, k, v))
    return g_q, g_k, g_v, grad_bias.view(k.shape[:3]) if bias_grad else grad_bias.new_empty(0)


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
    logsumexp: Tensor,
    scale: float,
    is_causal: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """(g_dO, g_Q, g_K, g_V, g_b); g_b is empty without β, since a bias without gradient has none."""
    *flat, grad_bias = passes.double_backward(A, B, C, beta, grad_out, q, k, v, bias, logsumexp, scale, is_causal)
    g_out, g_q, g_k, g_v = _unflatten(flat, (grad_out, q, k, v))
    return g_out, g_q, g_k, g_v, grad_bias.new_empty(0) if beta is None else grad_bias.view(k.shape[:3])


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
    """(O, its derivative along the tangents A, B, C, β of q, k, v, bias)."""
    flat = passes.jvp(A, B, C, beta, q, k, v, bias, scale, is_causal)
    out, tangent = (x.to(q.dtype).view(*q.shape[:3], v.shape[3]) for x in flat)
    return out, tangent


def _unflatten(flat: list[Tensor], like: tuple[Tensor, ...]) -> list[Tensor]:
    """[B·H, N, D] in the accumulating type → [B, H, N, D] in the inputs' dtype."""
    return [x.to(y.dtype).view(y.shape) for x, y in zip(flat, like, strict=True)]
