"""How the two operations that torch's exporter can't write well become ONNX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import onnx
import torch
from onnxscript import opset18 as op
from onnxscript.values import Op, Opset

import attngan_kernels  # noqa: F401  registers attngan::attention_forward

Target = Literal["ort", "portable"]
MICROSOFT = "com.microsoft"


def translations(target: Target) -> dict[Any, Callable[..., Any]]:
    """The `custom_translation_table` of torch.onnx.export for this target."""
    return {
        torch.ops.aten.div.Tensor_mode: divide,
        torch.ops.attngan.attention_forward.default: fused_attention if target == "ort" else plain_attention,
    }


def divide(self: Any, other: Any, rounding_mode: str | None = None) -> Any:
    """Integer division rounded towards zero, which is what ONNX's Div does with integers.

    torch 2.13 casts to float32 first, which keeps 24 of Threefry's 61 bits: pictures were wrong by 0.07.
    """
    if rounding_mode != "trunc" or not self.dtype.is_integer():
        raise NotImplementedError(f"division of {self.dtype} with rounding_mode {rounding_mode!r}")
    return op.Div(self, other)


def fused_attention(
    q: Any, k: Any, v: Any, key_bias: Any, scale: float, is_causal: bool, backend: str
) -> tuple[Any, Any]:
    """attngan::attention_forward on [B, H, N, D] as com.microsoft.MultiHeadAttention on [B, N, H·D].

    Three separate 3-D inputs, no bias and no mask: that is what ONNX Runtime's flash path on CPU takes. At N=4096
    it is 1.4 times as fast as MatMul and Softmax, in 1/60 of their memory. With a mask it is not taken, and with the
    few words of a prompt as keys there is nothing to gain.
    """
    if key_bias is not None:
        return plain_attention(q, k, v, key_bias, scale, is_causal, backend)
    _refuse_others(is_causal, backend)
    heads = q.shape[1]
    joined = _MULTI_HEAD_ATTENTION(_join_heads(q), _join_heads(k), _join_heads(v), num_heads=heads, scale=scale)
    split = op.Reshape(joined, _integers(0, 0, heads, -1))
    return op.Transpose(split, perm=[0, 2, 1, 3]), _logsumexp(_scores(q, k, scale))


def plain_attention(
    q: Any, k: Any, v: Any, key_bias: Any, scale: float, is_causal: bool, backend: str
) -> tuple[Any, Any]:
    """The same as MatMul and Softmax; key_bias [B, H, N_k] is −inf where a key is masked, or None.

    Softmax gives NaN for a row of −inf, where ours is 0. So masked keys get the lowest number there is, which leaves
    their shares exactly 0 beside any other key, and are multiplied by 0 after it for the rows that have no other.
    """
    _refuse_others(is_causal, backend)
    scores = _scores(q, k, scale)
    if key_bias is None:
        return op.MatMul(op.Softmax(scores, axis=-1), v), _logsumexp(scores)
    lowest = op.Constant(value_float=float(np.finfo(np.float32).min))
    bias = op.Unsqueeze(key_bias, _integers(2))
    scores = op.Add(scores, op.Max(bias, lowest))
    seen = op.Cast(op.Greater(bias, lowest), to=onnx.TensorProto.FLOAT)
    return op.MatMul(op.Mul(op.Softmax(scores, axis=-1), seen), v), _logsumexp(scores)


def _refuse_others(is_causal: bool, backend: str) -> None:
    if is_causal:
        raise NotImplementedError("attention in causal order has no ONNX form yet")
    if backend != "blockwise":  # another backend's second output has another shape
        raise NotImplementedError(f"export takes attention as it is traced on the CPU, not {backend!r}")


def _join_heads(x: Any) -> Any:
    """[B, H, N, D] → [B, N, H·D]."""
    return op.Reshape(op.Transpose(x, perm=[0, 2, 1, 3]), _integers(0, 0, -1))


def _scores(q: Any, k: Any, scale: float) -> Any:
    return op.MatMul(op.Mul(q, op.Constant(value_float=scale)), op.Transpose(k, perm=[0, 1, 3, 2]))


def _logsumexp(scores: Any) -> Any:
    """The op's second output, which only gradients use: it is pruned, but must have its own value and shape."""
    return op.ReduceLogSumExp(scores, _integers(-1), keepdims=0)


def _integers(*values: int) -> Any:
    return op.Constant(value_ints=list(values))


def _schema() -> Any:
    """onnx knows no schemas of com.microsoft, and onnxscript emits nothing without one.

    Source: onnxruntime/core/graph/contrib_ops/bert_defs.cc, of which this is the part used here.
    """
    schema = onnx.defs.OpSchema
    parameter = schema.FormalParameter
    return schema(
        "MultiHeadAttention",
        MICROSOFT,
        1,
        inputs=[parameter("query", "T"), parameter("key", "T"), parameter("value", "T")],
        outputs=[parameter("output", "T")],
        type_constraints=[("T", ["tensor(float)"], "")],
        attributes=[
            schema.Attribute("num_heads", schema.AttrType.INT, "", required=True),
            schema.Attribute("scale", schema.AttrType.FLOAT, "", required=False),
        ],
    )


_MULTI_HEAD_ATTENTION = Op(Opset(MICROSOFT, 1), "MultiHeadAttention", _schema())
