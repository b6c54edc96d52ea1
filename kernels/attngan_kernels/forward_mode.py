"""Forward mode: attention and its directional derivative in one go. custom_op has none, so it is a function."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from attngan_kernels import arguments, ops
from attngan_kernels.attention import Similarity, attention, choose


def attention_jvp(
    primals: tuple[Tensor, ...],
    tangents: tuple[Tensor, ...],
    *,
    key_mask: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    similarity: Similarity = "dot",
    backend: str = "auto",
) -> tuple[Tensor, Tensor]:
    """softmax(scores)·v and its derivative along `tangents`, in O(N) memory: pass A of the double backward.

    primals: (q, k, v) or (q, k, v, key_bias), and the other arguments, as for `attention`.
    tangents: a direction of the same shapes, dtypes and devices.
    backend: "auto", "triton", "blockwise" or "reference".

    Returns (output, derivative), both [B, H, N_q, D_v]. Only backend="reference" can be differentiated further; the
    others raise NotImplementedError then, in forward mode too. Raises ValueError as `attention` does.
    """
    arguments.check_tangents(primals, tangents)
    # torch's dual tensors refuse expanded memory
    primals, tangents = (tuple(x.contiguous() if 0 in x.stride() else x for x in xs) for xs in (primals, tangents))
    if backend == "reference":
        reference = partial(_reference, key_mask=key_mask, is_causal=is_causal, scale=scale, similarity=similarity)
        out, tangent = torch.func.jvp(reference, primals, tangents)[:2]
        return out, tangent
    if not torch._C._are_functorch_transforms_active():  # plain dual tensors: torch's refusal below wouldn't name us
        ops.refuse_tangents(*primals, *tangents)
    q, k, v = arguments.autocast(*primals[:3])
    t_q, t_k, t_v = arguments.autocast(*tangents[:3])
    arguments.check(q, k, v, primals[3] if len(primals) == 4 else None, key_mask)
    name, _ = choose(backend, q, k, v)
    if name not in ("triton", "blockwise"):
        raise ValueError(f"attention_jvp takes backend 'auto', 'triton', 'blockwise' or 'reference', got {backend!r}")

    def reduce(q: Tensor, k: Tensor, bias: Tensor | None = None) -> tuple[Tensor, ...]:
        q, k, joint, _ = arguments.as_dot_product(q, k, bias, key_mask, is_causal, scale, similarity)
        return (q, k) if joint is None else (q, k, joint)

    reduced, along = torch.func.jvp(reduce, (q, k, *primals[3:]), (t_q, t_k, *tangents[3:]))[:2]
    (q, k, *joint), (t_q, t_k, *t_joint) = reduced, along
    number = abs(arguments.dot_scale(q, scale, similarity))
    return torch.ops.attngan.attention_jvp(
        t_q, t_k, t_v, *t_joint or (None,), q, k, v, *joint or (None,), number, is_causal, name
    )


def _reference(q: Tensor, k: Tensor, v: Tensor, key_bias: Tensor | None = None, **options: Any) -> Tensor:
    return attention(q, k, v, key_bias=key_bias, backend="reference", **options)
