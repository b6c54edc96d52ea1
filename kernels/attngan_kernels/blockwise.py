"""Attention in O(N) memory to second order, as three nested custom ops (forward, backward, double backward)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from attngan_kernels import tiles

_INPUTS = "Tensor q, Tensor k, Tensor v, Tensor? key_bias"


def attention(
    q: Tensor, k: Tensor, v: Tensor, key_bias: Tensor | None, scale: float, is_causal: bool
) -> Tensor:
    """As `reference.attention`, to second order."""
    return torch.ops.attngan.attention_forward(q, k, v, key_bias, scale, is_causal)[0]


@torch.library.custom_op(
    "attngan::attention_forward",
    mutates_args=(),
    schema=f"({_INPUTS}, float scale, bool is_causal) -> (Tensor out, Tensor logsumexp)",
)
def attention_forward(
    q: Tensor, k: Tensor, v: Tensor, key_bias: Tensor | None, scale: float, is_causal: bool
) -> tuple[Tensor, Tensor]:
    with torch.autocast(q.device.type, enabled=False):
        return tiles.forward(q, k, v, key_bias, scale, is_causal)


@torch.library.custom_op(
    "attngan::attention_backward",
    mutates_args=(),
    schema=f"(Tensor grad_out, {_INPUTS}, Tensor out, Tensor logsumexp, float scale, bool is_causal, "
    "bool bias_grad) -> (Tensor grad_q, Tensor grad_k, Tensor grad_v, Tensor grad_bias)",
)
def attention_backward(
    grad_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    key_bias: Tensor | None,
    out: Tensor,
    logsumexp: Tensor,
    scale: float,
    is_causal: bool,
    bias_grad: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    with torch.autocast(q.device.type, enabled=False):
        return tiles.backward(grad_out, q, k, v, key_bias, out, logsumexp, scale, is_causal, bias_grad)


@torch.library.custom_op(
    "attngan::attention_double_backward",
    mutates_args=(),
    schema="(Tensor grad_grad_q, Tensor grad_grad_k, Tensor grad_grad_v, Tensor? grad_grad_bias, Tensor grad_out, "
    f"{_INPUTS}, Tensor out, Tensor logsumexp, float scale, bool is_causal) -> "
    "(Tensor grad_grad_out, Tensor grad_q, Tensor grad_k, Tensor grad_v, Tensor grad_bias)",
)
def attention_double_backward(
    grad_grad_q: Tensor,
    grad_grad_k: Tensor,
    grad_grad_v: Tensor,
    grad_grad_bias: Tensor | None,
    grad_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    key_bias: Tensor | None,
    out: Tensor,
    logsumexp: Tensor,
    scale: float,
    is_causal: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    with torch.autocast(q.device.type, enabled=False):
        return tiles.double_backward(
            grad_grad_q,
            grad_grad_k,
            grad_grad_v,
            grad_grad_bias,
            grad_out,
            q,
            k,
            v,
            key_bias,
            out,
            logsumexp,
            scale,
            is_causal,
        )


@attention_forward.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, key_bias: Tensor | None, scale: float, is_causal: bool) -> Any:
    accumulate = torch.float64 if q.dtype == torch.float64 else torch.float32
    return q.new_empty((*q.shape[:3], v.shape[3])), q.new_empty(q.shape[:3], dtype=accumulate)


@attention_backward.register_fake
def _(
    grad_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    key_bias: Tensor | None,
    out: Tensor,
    logsumexp: Tensor,
    scale: float,
    is_causal: bool,
    bias_grad: bool,
) -> Any:
    bias = logsumexp.new_empty(k.shape[:3] if bias_grad else (0,))
    return q.new_empty(q.shape), k.new_empty(k.shape), v.new_empty(v.shape), bias


@attention_double_backward.register_fake
def _(A: Tensor, B: Tensor, C: Tensor, beta: Tensor | None, dO: Tensor, q: Tensor, k: Tensor, v: Tensor,
      key_bias: Tensor | None, out: Tensor, logsumexp: Tensor, scale: float, is_causal: bool) -> Any:
    bias = logsumexp.new_empty(k.shape[:3] if beta is not None else (0,))
    return dO.new_empty(dO.shape), q.new_empty(q.shape), k.new_empty(k.shape), v.new_empty(v.shape), bias


def _save_forward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    q, k, v, key_bias, ctx.scale, ctx.is_causal = inputs
    ctx.save_for_backward(q, k, v, key_bias, *output)
    ctx.bias_grad = key_bias is not None and key_bias.requires_grad


def _backward(ctx: Any, grad_out: Tensor, grad_logsumexp: Tensor) -> Any:
    grads = torch.ops.attngan.attention_backward(
        grad_out, *ctx.saved_tensors, ctx.scale, ctx.is_causal, ctx.bias_grad
    )
    return *grads[:3], grads[3] if ctx.bias_grad else None, None, None


def _save_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.scale, ctx.is_causal, ctx.bias_grad = inputs
    ctx.save_for_backward(*tensors)


def _double_backward(ctx: Any, A: Tensor, B: Tensor, C: Tensor, beta: Tensor) -> Any:
    grads = torch.ops.attngan.attention_double_backward(
        A, B, C, beta if ctx.bias_grad else None, *ctx.saved_tensors, ctx.scale, ctx.is_causal
    )
    # None for out and logsumexp: these are total derivatives, taken through q, k, v and the bias.
    return *grads[:4], grads[4] if ctx.bias_grad else None, None, None, None, None, None


attention_forward.register_autograd(_backward, setup_context=_save_forward)
attention_backward.register_autograd(_double_backward, setup_context=_save_backward)
