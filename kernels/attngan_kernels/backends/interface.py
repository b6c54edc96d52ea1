"""What a backend with derivatives of its own is given and gives back: the form in which `ops` hands attention over."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor


class Inputs(NamedTuple):
    """One attention, softmax(scale·QKᵀ + bias)·V. q: [B, H, N_q, D_k]; k: [B, H, N_k, D_k]; v: [B, H, N_k, D_v].

    bias: [B, H, N_k] in the accumulating type, −inf where a key is masked; or None. scale: at least 0.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    bias: Tensor | None
    scale: float
    is_causal: bool

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        return self.q, self.k, self.v, self.bias


class Saved(NamedTuple):
    """The forward's output O [B, H, N_q, D_v], and what the backend keeps of each row's softmax."""

    out: Tensor
    row_statistics: Tensor


class Directions(NamedTuple):
    """Shaped as q, k, v and bias: cotangents of dQ, dK, dV, db in the double backward, tangents in forward mode.

    β is None where the bias has no gradient.
    """

    A: Tensor
    B: Tensor
    C: Tensor
    beta: Tensor | None


class Kernels(Protocol):
    """The functions of a backend's module, for inputs without a dimension of size 0."""

    def row_statistics_shape(self, q: Tensor) -> tuple[int, ...]: ...

    def forward(self, x: Inputs) -> Saved: ...

    def backward(
        self, grad_out: Tensor, x: Inputs, saved: Saved, bias_grad: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(dQ, dK, dV, db); db is empty without bias_grad."""

    def double_backward(
        self, along: Directions, grad_out: Tensor, x: Inputs, saved: Saved
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(g_dO, g_Q, g_K, g_V, g_b); g_b is empty without β, since a bias without gradient has none."""

    def jvp(self, along: Directions, x: Inputs) -> tuple[Tensor, Tensor]:
        """(O, its derivative along the tangents of q, k, v and the bias)."""
