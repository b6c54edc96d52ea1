"""The one public function: what is asked is checked, brought to one form and handed to a backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from attngan_kernels import arguments, blockwise, reference, sdpa

Similarity = Literal["dot", "l2"]
Run = Callable[[Tensor, Tensor, Tensor, Tensor | None, float, bool], Tensor]


class Backend(NamedTuple):
    run: Run
    about: str


# `auto` takes the first of AUTO; a device's own kernel enters both, ahead of blockwise.
BACKENDS: dict[str, Backend] = {
    "blockwise": Backend(blockwise.attention, "O(N) memory, twice differentiable"),
    "reference": Backend(reference.attention, "attention written out; O(N²) memory, any order of derivative"),
    "sdpa": Backend(sdpa.attention, "torch's scaled_dot_product_attention; first order only"),
}
AUTO = ("blockwise",)


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    key_bias: Tensor | None = None,
    key_mask: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    similarity: Similarity = "dot",
    backend: str = "auto",
) -> Tensor:
    """softmax(similarity(q, k) + bias)·v, differentiable twice."""
    if not torch.jit.is_tracing():
        arguments.check(q, k, v, key_bias, key_mask)
    if similarity not in arguments.SIMILARITIES:
        raise ValueError(f"similarity must be one of {arguments.SIMILARITIES}, got {similarity!r}")
    name = AUTO[0] if backend == "auto" else backend
    if name not in BACKENDS:
        raise ValueError(f"backend must be 'auto' or one of {tuple(BACKENDS)}, got {backend!r}")
    scale = int(q.shape[-1]) ** -0.5 if scale is None else float(scale)
    bias = arguments.combined_bias(k, key_bias, key_mask)
    if similarity == "l2":
        q, k, bias, scale = arguments.l2_as_dot(q, k, bias, scale)
    return BACKENDS[name].run(q, k, v, bias, scale, is_causal)


def attention_weights(
    q: Tensor,
    k: Tensor,
    *,
    key_bias: Tensor | None = None,
    key_mask: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    similarity: Similarity = "dot",
) -> Tensor:
    """The weights [B, H, N_q, N_k] that `attention` would apply to v."""
    scale = int(q.shape[-1]) ** -0.5 if scale is None else float(scale)
    bias = arguments.combined_bias(k, key_bias, key_mask)
    if similarity == "l2":
        q, k, bias, scale = arguments.l2_as_dot(q, k, bias, scale)
    return reference.weights(q, k, bias, scale, is_causal)


def explain(q: Tensor, k: Tensor, v: Tensor, *, backend: str = "auto", **_: object) -> str:
    name = AUTO[0] if backend == "auto" else backend
    return f"{name}: {BACKENDS[name].about}"
