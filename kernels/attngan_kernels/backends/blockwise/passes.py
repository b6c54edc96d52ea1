"""The arithmetic of the three derivative orders, tile by tile, in plain torch operations.

A tile holds whole rows (every key) of a few heads: the row statistics that the double backward needs twice are
then at hand, and nothing is computed again. Per-row and per-key terms ride in the matrix products as extra
columns: [s·Q, 1, −L]·[K, b, 1]ᵀ = S + b − L costs no pass over the map. On the CPU the products take three quarters of
the time (d = 32), so accumulators are kept as [D, N_k]: dOᵀP runs at 90 GFLOP/s, PᵀdO at 57.

All results are [B·H, N, D] or [B·H, N] in the accumulating type.
"""

from __future__ import annotations

import torch
from torch import Tensor

from attngan_kernels.arguments import accumulating_type
from attngan_kernels.backends.blockwise.tiles import Tiles
from attngan_kernels.backends.interface import Directions, Inputs


def forward(x: Inputs) -> tuple[Tensor, Tensor]:
    """O = softmax(S)V and L = logsumexp(S). L is 0 in rows with no key to attend to: exp(−inf − 0) is the 0 wanted."""
    q, k, v, bias = _flatten(x.tensors, accumulating_type(x.q))
    out, logsumexp = q.new_empty(*q.shape[:2], v.shape[2]), q.new_empty(q.shape[:2])
    tiles = Tiles(q, k, x.is_causal, 1)
    for group in tiles.groups():
        q_side = torch.cat([q[group] * x.scale, _ones(q[group])], -1)
        k_side = torch.cat([k[group], bias[group]], -1)
        for rows, seen in tiles.row_blocks():
            S = tiles.product(0, q_side[:, rows], k_side[:, :seen])
            top = _subtract_top(tiles.hide_later_keys(S, rows))
            P = S.exp_()
            total = P.sum(-1, keepdim=True)
            total.masked_fill_(total == 0, 1.0)
            out[group, rows] = torch.bmm(P, v[group, :seen]).div_(total)
            logsumexp[group, rows] = total.log_().add_(top)[..., 0]
    return out, logsumexp


def backward(dO: Tensor, x: Inputs, logsumexp: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """dV = PᵀdO, dS = P∘(dP − rowsum(P∘dP)), dQ = s·dS K, dK = s·dSᵀQ, db = colsum(dS)."""
    q, k, v, bias = _flatten(x.tensors, accumulating_type(x.q))
    dO, d = _flat(dO, q.dtype), q.shape[2]
    grad_q, grad_k, grad_v = (y.new_empty(y.shape) for y in (q, k, v))
    grad_bias = q.new_empty(k.shape[:2])
    minus_L = logsumexp.reshape(*q.shape[:2], 1).neg()
    tiles = Tiles(q, k, x.is_causal, 2)
    for group in tiles.groups():
        q_side = torch.cat([q[group] * x.scale, _ones(q[group]), minus_L[group]], -1)
        k_side = torch.cat([k[group], bias[group], _ones(k[group])], -1)
        kT, vT = _accumulators(k[group], d + 1), _accumulators(k[group], v.shape[2])
        for rows, seen in tiles.row_blocks():
            S = tiles.product(0, q_side[:, rows], k_side[:, :seen])
            P = _to_weights(tiles.hide_later_keys(S, rows))
            dO_rows = dO[group, rows]
            vT[..., :seen].baddbmm_(dO_rows.mT, P)
            dS = tiles.product(1, dO_rows, v[group, :seen]).mul_(P)
            dS.addcmul_(P, dS.sum(-1, keepdim=True), value=-1)
            grad_q[group, rows] = torch.bmm(dS, k[group, :seen]).mul_(x.scale)
            kT[..., :seen].baddbmm_(q_side[:, rows, : d + 1].mT, dS)
        grad_k[group], grad_bias[group], grad_v[group] = kT[:, :d].mT, kT[:, d], vT.mT
    return grad_q, grad_k, grad_v, grad_bias


def double_backward(
    along: Directions, dO: Tensor, x: Inputs, logsumexp: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of ⟨A, dQ⟩ + ⟨B, dK⟩ + ⟨C, dV⟩ + ⟨β, db⟩ with respect to dO, Q, K, V and b.

    With T' = T − rowsum(P∘T), T = s(AKᵀ + QBᵀ) + β and D = dP − rowsum(P∘dP):
    g_dO = (P∘T')V + PC,  dS2 = P∘T'∘D + P∘(dO Cᵀ − rowsum(dO∘g_dO)),  g_Q = s(dS B + dS2 K),
    g_K = s(dSᵀA + dS2ᵀQ),  g_V = (P∘T')ᵀdO,  g_b = colsum(dS2).
    """
    q, k, v, bias = _flatten(x.tensors, accumulating_type(x.q))
    A, B, C, beta = _flatten(along, q.dtype)
    dO, d = _flat(dO, q.dtype), q.shape[2]
    grad_dO, grad_q, grad_k, grad_v = (y.new_empty(y.shape) for y in (dO, q, k, v))
    grad_bias = q.new_empty(k.shape[:2])
    minus_L = logsumexp.reshape(*q.shape[:2], 1).neg()
    tiles = Tiles(q, k, x.is_causal, 4)
    for group in tiles.groups():
        one = _ones(q[group])
        q_side = torch.cat([A[group] * x.scale, one * 0, q[group] * x.scale, one, minus_L[group]], -1)
        A_side, T_side, P_side = q_side[..., : d + 1], q_side[..., : 2 * d + 2], q_side[..., d + 1 :]
        k_side_P = torch.cat([k[group], bias[group], _ones(k[group])], -1)
        k_side_T = torch.cat([k[group], beta[group], B[group], beta[group]], -1)  # the first β meets A_side's zeros
        kT, vT = _accumulators(k[group], d + 1), _accumulators(k[group], v.shape[2])
        for rows, seen in tiles.row_blocks():
            K, V, dO_rows = k[group, :seen], v[group, :seen], dO[group, rows]
            S = tiles.product(0, P_side[:, rows], k_side_P[:, :seen])
            P = _to_weights(tiles.hide_later_keys(S, rows))
            PT = _to_tangent(tiles.product(1, T_side[:, rows], k_side_T[:, :seen]), P)
            g = torch.bmm(PT, V).baddbmm_(P, C[group, :seen])
            vT[..., :seen].baddbmm_(dO_rows.mT, PT)
            D = tiles.product(2, dO_rows, V)
            dS = torch.mul(P, D, out=tiles.map(3, *P.shape))
            delta = dS.sum(-1, keepdim=True)
            dS.addcmul_(P, delta, value=-1)
            g_q = torch.bmm(dS, B[group, :seen])
            kT[..., :seen].baddbmm_(A_side[:, rows].mT, dS)
            dS2 = tiles.product(3, dO_rows, C[group, :seen])
            dS2.sub_((dO_rows * g).sum(-1, keepdim=True)).mul_(P).addcmul_(PT, D.sub_(delta))
            kT[..., :seen].baddbmm_(P_side[:, rows, : d + 1].mT, dS2)
            grad_q[group, rows] = g_q.baddbmm_(dS2, K).mul_(x.scale)
            grad_dO[group, rows] = g
        grad_k[group], grad_bias[group], grad_v[group] = kT[:, :d].mT, kT[:, d], vT.mT
    return grad_dO, grad_q, grad_k, grad_v, grad_bias


def jvp(along: Directions, x: Inputs) -> tuple[Tensor, Tensor]:
    """O = PV and its derivative (P∘T')V + PC along the tangents A, B, C, β of Q, K, V and b, T' as above."""
    q, k, v, bias = _flatten(x.tensors, accumulating_type(x.q))
    A, B, C, beta = _flatten(along, q.dtype)
    out, tangent = (q.new_empty(*q.shape[:2], v.shape[2]) for _ in range(2))
    tiles = Tiles(q, k, x.is_causal, 2)
    for group in tiles.groups():
        q_side = torch.cat([q[group] * x.scale, _ones(q[group])], -1)
        T_side = torch.cat([A[group] * x.scale, q_side], -1)
        k_side = torch.cat([k[group], bias[group]], -1)
        k_side_T = torch.cat([k[group], B[group], beta[group]], -1)
        for rows, seen in tiles.row_blocks():
            S = tiles.product(0, q_side[:, rows], k_side[:, :seen])
            _subtract_top(tiles.hide_later_keys(S, rows))
            P = _to_weights(S)
            PT = _to_tangent(tiles.product(1, T_side[:, rows], k_side_T[:, :seen]), P)
            out[group, rows] = torch.bmm(P, v[group, :seen])
            tangent[group, rows] = torch.bmm(PT, v[group, :seen]).baddbmm_(P, C[group, :seen])
    return out, tangent


def _subtract_top(S: Tensor) -> Tensor:
    """In place; returns each row's largest score, 0 where every key is masked."""
    top = S.amax(-1, keepdim=True)
    top.masked_fill_(top == float("-inf"), 0.0)
    S.sub_(top)
    return top


def _to_weights(S: Tensor) -> Tensor:
    """In place: scores less L, or less the top, become weights whose rows sum to 1, or to 0 where every key is masked.

    L came from another kernel, whose scores are rounded differently: exp alone leaves rows that sum to
    1 ± eps·|S|, and in rows with one large weight, where P(1 − P) nearly cancels, gradients 25 times the error
    of the reference.
    """
    P = S.exp_()
    total = P.sum(-1, keepdim=True)
    return P.mul_(total.masked_fill_(total == 0, 1.0).reciprocal_())


def _to_tangent(T: Tensor, P: Tensor) -> Tensor:
    """In place: T becomes P∘T' = P∘(T − rowsum(P∘T)), the tangent of the weights."""
    PT = T.mul_(P)
    return PT.addcmul_(P, PT.sum(-1, keepdim=True), value=-1)


def _accumulators(k: Tensor, columns: int) -> Tensor:
    """Zeros [heads, columns, N_k]."""
    return k.new_zeros(k.shape[0], columns, k.shape[1])


def _flatten(
    tensors: tuple[Tensor, Tensor, Tensor, Tensor | None], dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """q, k, v and the bias, or directions of their shapes, as [B·H, N, D] and a column [B·H, N_k, 1].

    A bias that is None becomes zeros, which cost one column of a product.
    """
    q, k, v = (_flat(x, dtype) for x in tensors[:3])
    bias = tensors[3]
    return q, k, v, k.new_zeros(*k.shape[:2], 1) if bias is None else _flat(bias[..., None], dtype)


def _flat(x: Tensor, dtype: torch.dtype) -> Tensor:
    """[B, H, N, D] → [B·H, N, D] in the accumulating type."""
    return x.to(dtype).flatten(0, 1)


def _ones(x: Tensor) -> Tensor:
    return x.new_ones(*x.shape[:2], 1)
