"""Attention in O(N) memory to second order, as three nested custom ops: forward, backward, double backward.

A custom op whose backward is itself a custom op with a backward passes eager gradgradcheck, opcheck, torch.export
and a compiled R1 step; a nested autograd.Function compiled this way was silently wrong by 90 %.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import TransformType, get_interpreter_stack
from torch.autograd import forward_ad

from attngan_kernels import aten_flash, passes

_INPUTS = "Tensor q, Tensor k, Tensor v, Tensor? key_bias"


def attention(q: Tensor, k: Tensor, v: Tensor, key_bias: Tensor | None, scale: float, is_causal: bool) -> Tensor:
    """As `reference.attention`, to second order; the third and forward mode raise NotImplementedError."""
    if not torch.compiler.is_compiling():
        _refuse_functional_grad()
    _refuse_tangents(q, k, v, key_bias)
    return torch.ops.attngan.attention_forward(q, k, v, key_bias, scale, is_causal)[0]


def about(q: Tensor, v: Tensor) -> str:
    orders = "O(N) memory in all three derivative orders"
    if aten_flash.applies(q, v):
        return f"{orders}; forward and backward by aten's flash kernels, double backward over tiles of rows"
    why = "D_k ≠ D_v" if q.device.type == "cpu" else f"no fused kernel for {q.device.type}"
    return f"{orders}, over tiles of rows ({why})"


def _refuse_functional_grad() -> None:
    """torch.func.grad can't enter a custom op's backward; torch's own message doesn't name the way out."""
    if not torch._C._are_functorch_transforms_active():
        return
    if any(level.key() == TransformType.Grad for level in get_interpreter_stack() or ()):
        raise NotImplementedError("torch.func.grad needs backend='reference'; with blockwise use torch.autograd.grad")


def _refuse_tangents(*tensors: Tensor | None) -> None:
    """Forward mode through a custom op is silently zero (torch.func.jvp gave 0 for 4.5): raise instead."""
    if forward_ad._current_level < 0:
        return
    if any(x is not None and forward_ad.unpack_dual(x).tangent is not None for x in tensors):
        raise NotImplementedError("forward-mode derivatives need backend='reference'; blockwise has none")


@torch.library.custom_op(
    "attngan::attention_forward",
    mutates_args=(),
    schema=f"({_INPUTS}, float scale, bool is_causal) -> (Tensor out, Tensor logsumexp)",
)
def attention_forward(
    q: Tensor, k: Tensor, v: Tensor, key_bias: Tensor | None, scale: float, is_causal: bool
) -> tuple[Tensor, Tensor]:
    """q [B, H, N_q, D_k], k [B, H, N_k, D_k], v [B, H, N_k, D_v]; key_bias [B, H, N_k] holds the mask as −inf."""
    shape = (*q.shape[:3], v.shape[3])
    if 0 in shape or k.shape[2] == 0:
        return q.new_zeros(shape), q.new_zeros(shape[:3], dtype=passes.accumulating_type(q.dtype))
    with torch.autocast(q.device.type, enabled=False):
        if aten_flash.applies(q, v):
            return aten_flash.forward(q, k, v, key_bias, scale, is_causal)
        out, logsumexp = passes.forward(q, k, v, key_bias, scale, is_causal)
    return out.to(q.dtype).view(shape), logsumexp.view(shape[:3])


@torch.library.custom_op(
    "attngan::attention_backward",
    mutates_args=(),
    schema=f"(Tensor grad_out, {_INPUTS}, Tensor out, Tensor logsumexp, float scale, bool is_causal, bool bias_grad)"
    " -> (Tensor grad_q, Tensor grad_k, Tensor grad_v, Tensor grad_bias)",
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
    """First derivatives. grad_bias is [B, H, N_k], or [0] without bias_grad."""
    if 0 in grad_out.shape or k.shape[2] == 0:
        g_q, g_k, g_v = (x.new_zeros(x.shape) for x in (q, k, v))
        return g_q, g_k, g_v, logsumexp.new_zeros(k.shape[:3] if bias_grad else (0,))
    with torch.autocast(q.device.type, enabled=False):
        if aten_flash.applies(q, v) and not bias_grad:
            grads = aten_flash.backward(grad_out, q, k, v, key_bias, out, logsumexp, scale, is_causal)
            return *grads, logsumexp.new_empty(0)
        *flat, bias = passes.backward(grad_out, q, k, v, key_bias, logsumexp, scale, is_causal)
    g_q, g_k, g_v = (g.to(x.dtype).view(x.shape) for g, x in zip(flat, (q, k, v), strict=True))
    return g_q, g_k, g_v, bias.view(k.shape[:3]) if bias_grad else bias.new_empty(0)


@torch.library.custom_op(
    "attngan::attention_double_backward",
    mutates_args=(),
    schema=f"(Tensor A, Tensor B, Tensor C, Tensor? beta, Tensor grad_out, {_INPUTS}, Tensor logsumexp, float scale,"
    " bool is_causal) -> (Tensor grad_grad_out, Tensor grad_q, Tensor grad_k, Tensor grad_v, Tensor grad_bias)",
)
def attention_double_backward(
    A: Tensor,
    B: Tensor,
    C: Tensor,
    beta: Tensor | None,
    grad_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    key_bias: Tensor | None,
    logsumexp: Tensor,
    scale: float,
    is_causal: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Derivatives of attention_backward along the cotangents A, B, C, β of its four outputs."""
    inputs = (grad_out, q, k, v)
    if 0 in grad_out.shape or k.shape[2] == 0:
        g_out, g_q, g_k, g_v = (x.new_zeros(x.shape) for x in inputs)
        return g_out, g_q, g_k, g_v, logsumexp.new_zeros(k.shape[:3])
    with torch.autocast(q.device.type, enabled=False):
        *grads, bias = passes.double_backward(A, B, C, beta, grad_out, q, k, v, key_bias, logsumexp, scale, is_causal)
    g_out, g_q, g_k, g_v = (g.to(x.dtype).view(x.shape) for g, x in zip(grads, inputs, strict=True))
    return g_out, g_q, g_k, g_v, bias.view(k.shape[:3])


@attention_forward.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, key_bias: Tensor | None, scale: float, is_causal: bool) -> Any:
    accumulate = passes.accumulating_type(q.dtype)
    return q.new_empty((*q.shape[:3], v.shape[3])), q.new_empty(q.shape[:3], dtype=accumulate)


@attention_backward.register_fake
def _(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor, *rest: Any) -> Any:
    _key_bias, _out, logsumexp, _scale, _is_causal, bias_grad = rest
    grads = (x.new_empty(x.shape) for x in (q, k, v))
    return *grads, logsumexp.new_empty(k.shape[:3] if bias_grad else (0,))


@attention_double_backward.register_fake
def _(A: Tensor, B: Tensor, C: Tensor, beta: Tensor | None, *saved: Any) -> Any:
    grad_out, q, k, v, _key_bias, logsumexp, _scale, _is_causal = saved
    grads = (x.new_empty(x.shape) for x in (grad_out, q, k, v))
    return *grads, logsumexp.new_empty(k.shape[:3])


def _save_forward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.scale, ctx.is_causal = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(*tensors, *output)


def _backward(ctx: Any, grad_out: Tensor, grad_logsumexp: Tensor) -> Any:
    _refuse_tangents(grad_out)
    bias_grad = ctx.needs_input_grad[3]
    *grads, bias = torch.ops.attngan.attention_backward(
        grad_out, *ctx.saved_tensors, ctx.scale, ctx.is_causal, bias_grad
    )
    return *grads, bias if bias_grad else None, None, None


def _save_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    grad_out, q, k, v, key_bias, _out, logsumexp, ctx.scale, ctx.is_causal, ctx.bias_grad = inputs
    ctx.save_for_backward(grad_out, q, k, v, key_bias, logsumexp)


def _double_backward(ctx: Any, A: Tensor, B: Tensor, C: Tensor, beta: Tensor) -> Any:
    _refuse_tangents(A, B, C, beta)
    *grads, bias = torch.ops.attngan.attention_double_backward(
        A, B, C, beta if ctx.bias_grad else None, *ctx.saved_tensors, ctx.scale, ctx.is_causal
    )
    # None for out and logsumexp: these derivatives are total, taken through q, k, v and the bias.
    return *grads, bias if ctx.bias_grad else None, None, None, None, None, None


def _third_order(ctx: Any, *_: Tensor) -> Any:
    raise NotImplementedError(
        "attention can be differentiated twice, not three times; for a third derivative use backend='reference'"
    )


attention_forward.register_autograd(_backward, setup_context=_save_forward)
attention_backward.register_autograd(_double_backward, setup_context=_save_backward)
attention_double_backward.register_autograd(_third_order, setup_context=lambda ctx, inputs, output: None)
