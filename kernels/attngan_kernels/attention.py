"""The one public function: what is asked is checked, brought to one form and handed to a backend."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

from torch import Tensor

from attngan_kernels import arguments, ops
from attngan_kernels.backends import reference, sdpa
from attngan_kernels.backends.blockwise import backend as blockwise
from attngan_kernels.backends.triton import backend as triton_backend

Similarity = Literal["dot", "l2"]
Run = Callable[[Tensor, Tensor, Tensor, Tensor | None, float, bool], Tensor]


class Backend(NamedTuple):
    """One way to compute softmax(scale·QKᵀ + bias)·V, and one line on what to expect of it."""

    run: Run
    about: Callable[[Tensor, Tensor], str]


class Explanation(NamedTuple):
    """Which backend runs, and why. Prints as one line."""

    backend: str
    reason: str

    def __str__(self) -> str:
        return f"{self.backend}: {self.reason}"


# A backend enters the table here and, with its limits, `choose` below.
BACKENDS: dict[str, Backend] = {
    "triton": Backend(partial(ops.attention, backend="triton"), triton_backend.about),
    "blockwise": Backend(partial(ops.attention, backend="blockwise"), blockwise.about),
    "reference": Backend(reference.attention, reference.about),
    "sdpa": Backend(sdpa.attention, sdpa.about),
}


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
    """Attention that can be differentiated twice: softmax(scores)·v (Vaswani et al. 2017, eq. 1).

    q: [B, H, N_q, D_k]; k: [B, H, N_k, D_k]; v: [B, H, N_k, D_v]. float64, float32, float16 or bfloat16, one dtype
        and device, any strides. B, H and the lengths may be 0. Under autocast they are cast as SDPA casts its own.
    key_bias: [B|1, H|1, N_k], added to the scores; kept in float32 (float64 with float64 inputs). Differentiable.
    key_mask: bool [B|1, H|1, N_k], True = attend. A row with no key left gives 0, and zero gradients.
    is_causal: query i sees keys 0 … i (aligned top-left, as in SDPA).
    scale: a finite number, D_k^−½ by default for both similarities.
    similarity: "dot", scores = scale·q·k; "l2", scores = −scale·|q−k|² (Kim et al. 2021, "The Lipschitz constant
        of self-attention", section 3.2).
    backend: "auto" ("triton" on CUDA within its limits, else "blockwise"; `explain` says which), or one of
        "triton": fused kernels for NVIDIA cards from compute capability 8.0: float32, float16 and bfloat16, D_k up to
            128, D_v up to 256. Otherwise as blockwise.
        "blockwise": O(N) memory, derivatives to second order, on any device. A third derivative and forward mode
            raise NotImplementedError (see `attention_jvp`); so does torch.func.grad: use torch.autograd.grad.
        "reference": attention written out in O(N²) memory, to any order.
        "sdpa": torch's scaled_dot_product_attention, for inference and portable exports. Its fused kernels raise
            RuntimeError when differentiated twice.

    Returns [B, H, N_q, D_v] in v's dtype. Raises ValueError that names the argument at fault and both shapes.
    """
    q, k, v = arguments.autocast(q, k, v)
    arguments.check(q, k, v, key_bias, key_mask)
    chosen = BACKENDS[choose(backend, q, k, v)[0]]
    q, k, bias, number = arguments.as_dot_product(q, k, key_bias, key_mask, is_causal, scale, similarity)
    return chosen.run(q, k, v, bias, number, is_causal)


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
    """The weights [B, H, N_q, N_k] by which `attention` sums v, for looking at: O(N²) memory. Rows sum to 1, or to
    0 where every key is masked. Arguments and errors as for `attention`; differentiable to any order.
    """
    q, k = arguments.autocast(q, k)
    arguments.check(q, k, None, key_bias, key_mask)
    q, k, bias, number = arguments.as_dot_product(q, k, key_bias, key_mask, is_causal, scale, similarity)
    return reference.weights(q, k, bias, number, is_causal)


def explain(
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
) -> Explanation:
    """Says which backend `attention` would run for these arguments, and why, without running it. Same errors."""
    q, k, v = arguments.autocast(q, k, v)
    arguments.check(q, k, v, key_bias, key_mask)
    arguments.check_score(scale, similarity)
    name, why = choose(backend, q, k, v)
    return Explanation(name, f"{why}; {BACKENDS[name].about(q, v)}")


def choose(backend: str, q: Tensor, k: Tensor, v: Tensor) -> tuple[str, str]:
    """The backend's name and why it was chosen."""
    if backend not in ("auto", *BACKENDS):
        raise ValueError(f"backend must be 'auto' or one of {', '.join(map(repr, BACKENDS))}, got {backend!r}")
    if backend == "triton" and (reason := triton_backend.refusal(q, k, v)):
        raise ValueError(f"backend='triton' can't run this: {reason}; backend='auto' takes what can")
    if backend != "auto":
        return backend, "asked for by name"
    if q.device.type != "cuda":
        return "blockwise", f"auto takes it on {q.device.type}"
    if reason := triton_backend.refusal(q, k, v):
        return "blockwise", f"auto takes it since {reason}"
    return "triton", "auto takes it on CUDA"
