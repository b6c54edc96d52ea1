"""Attention as nested custom ops, forward, backward and double backward, whatever kernels compute them.

A custom op whose backward is itself a custom op with a backward passes eager gradgradcheck, opcheck, torch.export
and a compiled R1 step; a nested autograd.Function compiled this way was silently wrong by 90 %.

Arguments of all ops: q [B, H, N_q, D_k], k [B, H, N_k, D_k], v [B, H, N_k, D_v]; key_bias [B, H, N_k] holds the mask
as −inf. `row_statistics` is whatever the backend keeps of each row's softmax beside the output.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import TransformType, get_interpreter_stack
from torch._library.autograd import make_autograd_impl
from torch.autograd import forward_ad

from attngan_kernels.arguments import accumulating_type
from attngan_kernels.backends.blockwise import backend as blockwise
from attngan_kernels.backends.interface import Directions, Inputs, Kernels, Saved
from attngan_kernels.backends.triton import backend as triton_backend

_BACKENDS: dict[str, Kernels] = {"blockwise": blockwise, "triton": triton_backend}
_INPUTS = "Tensor q, Tensor k, Tensor v, Tensor? key_bias"
_DIRECTIONS = "Tensor A, Tensor B, Tensor C, Tensor? beta"
_LIBRARY = torch.library.Library("attngan", "FRAGMENT")
_OPTIONS = "float scale, bool is_causal, str backend"


def attention(
    q: Tensor, k: Tensor, v: Tensor, key_bias: Tensor | None, scale: float, is_causal: bool, backend: str
) -> Tensor:
    """As `reference.attention`, to second order; the third and forward mode raise NotImplementedError."""
    if not torch.compiler.is_compiling():
        _refuse_functional_grad()
    return torch.ops.attngan.attention_forward(q, k, v, key_bias, scale, is_causal, backend)[0]


def _refuse_functional_grad() -> None:
    """torch.func.grad can't enter a custom op's backward; torch's own message doesn't name the way out."""
    if not torch._C._are_functorch_transforms_active():
        return
    if any(level.key() == TransformType.Grad for level in get_interpreter_stack() or ()):
        raise NotImplementedError("torch.func.grad needs backend='reference'; here use torch.autograd.grad")


def refuse_tangents(*arguments: Any) -> None:
    """NotImplementedError if any tensor carries a forward-mode tangent, which a custom op would silently drop."""
    if forward_ad._current_level < 0:
        return
    tensors = (x for x in arguments if isinstance(x, Tensor))
    if any(forward_ad.unpack_dual(x).tangent is not None for x in tensors):
        raise NotImplementedError(
            "forward-mode derivatives need attention_jvp, and those of attention_jvp backend='reference'"
        )


def _refuse_forward_mode(op: torch.library.CustomOpDef) -> None:
    """Puts `refuse_tangents` before the op's own autograd kernel, which dropped them: torch.func.jvp gave 0 for 4.5.

    Every way leads there with its tangents at hand: dual tensors, torch.func under vmap, a backward, compiled graphs.
    """
    kernel = make_autograd_impl(op._opoverload, op)

    def refusing(keyset: Any, *arguments: Any) -> Any:
        refuse_tangents(*arguments)
        return kernel(keyset, *arguments)

    for device in ("CPU", "CUDA", "XPU", "MPS", "PrivateUse1", "Meta"):
        _LIBRARY.impl(op._opoverload, refusing, f"Autograd{device}", with_keyset=True)


def _is_empty(q: Tensor, v: Tensor) -> bool:
    return 0 in (*q.shape[:3], *v.shape[2:])


def _new_outputs(q: Tensor, v: Tensor, backend: str) -> tuple[Tensor, Tensor]:
    """The output and row statistics of the forward, not yet written."""
    statistics = q.new_empty(_BACKENDS[backend].row_statistics_shape(q), dtype=accumulating_type(q))
    return q.new_empty((*q.shape[:3], v.shape[3])), statistics


@torch.library.custom_op(
    "attngan::attention_forward",
    mutates_args=(),
    schema=f"({_INPUTS}, {_OPTIONS}) -> (Tensor out, Tensor row_statistics)",
)
def attention_forward(
    q: Tensor, k: Tensor, v: Tensor, key_bias: Tensor | None, scale: float, is_causal: bool, backend: str
) -> tuple[Tensor, Tensor]:
    if _is_empty(q, v):
        out, statistics = _new_outputs(q, v, backend)
        return out.zero_(), statistics.zero_()
    with torch.autocast(q.device.type, enabled=False):
        out, statistics = _BACKENDS[backend].forward(Inputs(q, k, v, key_bias, scale, is_causal))
        return out, statistics


@torch.library.custom_op(
    "attngan::attention_backward",
    mutates_args=(),
    schema=f"(Tensor grad_out, {_INPUTS}, Tensor out, Tensor row_statistics, bool bias_grad, {_OPTIONS})"
    " -> (Tensor grad_q, Tensor grad_k, Tensor grad_v, Tensor grad_bias)",
)
def attention_backward(
    grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor, key_bias: Tensor | None, out: Tensor, row_statistics: Tensor,
    bias_grad: bool, scale: float, is_causal: bool, backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """First derivatives. grad_bias is [B, H, N_k], or [0] without bias_grad."""
    if _is_empty(q, v):
        g_q, g_k, g_v = (x.new_zeros(x.shape) for x in (q, k, v))
        return g_q, g_k, g_v, row_statistics.new_zeros(k.shape[:3] if bias_grad else (0,))
    x, saved = Inputs(q, k, v, key_bias, scale, is_causal), Saved(out, row_statistics)
    with torch.autocast(q.device.type, enabled=False):
        return _BACKENDS[backend].backward(grad_out, x, saved, bias_grad)


@torch.library.custom_op(
    "attngan::attention_double_backward",
    mutates_args=(),
    schema=f"({_DIRECTIONS}, Tensor grad_out, {_INPUTS}, Tensor out, Tensor row_statistics, {_OPTIONS})"
    " -> (Tensor grad_grad_out, Tensor grad_q, Tensor grad_k, Tensor grad_v, Tensor grad_bias)",
)
def attention_double_backward(
    A: Tensor, B: Tensor, C: Tensor, beta: Tensor | None, grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor,
    key_bias: Tensor | None, out: Tensor, row_statistics: Tensor, scale: float, is_causal: bool, backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Derivatives of attention_backward along the cotangents A, B, C, β of its four outputs.

    grad_bias is [B, H, N_k], or [0] without β.
    """
    if _is_empty(q, v):
        g_out, g_q, g_k, g_v = (x.new_zeros(x.shape) for x in (grad_out, q, k, v))
        return g_out, g_q, g_k, g_v, row_statistics.new_zeros((0,) if beta is None else k.shape[:3])
    x, saved = Inputs(q, k, v, key_bias, scale, is_causal), Saved(out, row_statistics)
    with torch.autocast(q.device.type, enabled=False):
        return _BACKENDS[backend].double_backward(Directions(A, B, C, beta), grad_out, x, saved)


@torch.library.custom_op(
    "attngan::attention_jvp",
    mutates_args=(),
    schema=f"({_DIRECTIONS}, {_INPUTS}, {_OPTIONS}) -> (Tensor out, Tensor tangent)",
)
def attention_jvp(
    A: Tensor, B: Tensor, C: Tensor, beta: Tensor | None, q: Tensor, k: Tensor, v: Tensor,
    key_bias: Tensor | None, scale: float, is_causal: bool, backend: str,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The output and its derivative along the tangents A, B, C, β of q, k, v and the bias."""
    if _is_empty(q, v):
        out = q.new_zeros((*q.shape[:3], v.shape[3]))
        return out, out.clone()
    x = Inputs(q, k, v, key_bias, scale, is_causal)
    with torch.autocast(q.device.type, enabled=False):
        return _BACKENDS[backend].jvp(Directions(A, B, C, beta), x)


@attention_forward.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, key_bias: Tensor | None, scale: float, is_causal: bool, backend: str) -> Any:
    return _new_outputs(q, v, backend)


@attention_backward.register_fake
def _(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor, *rest: Any) -> Any:
    _key_bias, _out, row_statistics, bias_grad, *_options = rest
    grads = (x.new_empty(x.shape) for x in (q, k, v))
    return *grads, row_statistics.new_empty(k.shape[:3] if bias_grad else (0,))


@attention_double_backward.register_fake
def _(A: Tensor, B: Tensor, C: Tensor, beta: Tensor | None, *saved: Any) -> Any:
    grad_out, q, k, v, _key_bias, _out, row_statistics, *_options = saved
    grads = (x.new_empty(x.shape) for x in (grad_out, q, k, v))
    return *grads, row_statistics.new_empty((0,) if beta is None else k.shape[:3])


@attention_jvp.register_fake
def _(A: Tensor, B: Tensor, C: Tensor, beta: Tensor | None, q: Tensor, k: Tensor, v: Tensor, *rest: Any) -> Any:
    shape = (*q.shape[:3], v.shape[3])
    return q.new_empty(shape), q.new_empty(shape)


def _save_forward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.scale, ctx.is_causal, ctx.backend = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(*tensors, *output)


def _backward(ctx: Any, grad_out: Tensor, grad_row_statistics: Tensor) -> Any:
    bias_grad = ctx.needs_input_grad[3]
    *grads, bias = torch.ops.attngan.attention_backward(
        grad_out, *ctx.saved_tensors, bias_grad, ctx.scale, ctx.is_causal, ctx.backend
    )
    return *grads, bias if bias_grad else None, None, None, None


def _save_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.bias_grad, ctx.scale, ctx.is_causal, ctx.backend = inputs
    ctx.save_for_backward(*tensors)


def _double_backward(ctx: Any, A: Tensor, B: Tensor, C: Tensor, beta: Tensor) -> Any:
    *grads, bias = torch.ops.attngan.attention_double_backward(
        A, B, C, beta if ctx.bias_grad else None, *ctx.saved_tensors, ctx.scale, ctx.is_causal, ctx.backend
    )
    # None for out and row_statistics: these derivatives are total, taken through q, k, v and the bias.
    return *grads, bias if ctx.bias_grad else None, *[None] * 6


def _third_order(ctx: Any, *_: Tensor) -> Any:
    raise NotImplementedError(
        "attention's double backward can't be differentiated: a third derivative and torch.autograd.functional.hvp need"
        " backend='reference'; functional.vhp, equal to hvp, needs two orders alone"
    )


def _jvp_backward(ctx: Any, *_: Tensor) -> Any:
    raise NotImplementedError("attention_jvp has no derivatives of its own: use torch.func.jvp, backend='reference'")


attention_forward.register_autograd(_backward, setup_context=_save_forward)
attention_backward.register_autograd(_double_backward, setup_context=_save_backward)
attention_double_backward.register_autograd(_third_order, setup_context=lambda ctx, inputs, output: None)
attention_jvp.register_autograd(_jvp_backward, setup_context=lambda ctx, inputs, output: None)
for _op in (attention_forward, attention_backward, attention_double_backward, attention_jvp):
    _refuse_forward_mode(_op)
