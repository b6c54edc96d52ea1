"""The arithmetic of the three derivative orders, tile by tile, in plain torch operations.

A tile holds whole rows (every key) of a few heads: the row statistics that the double backward needs twice are
then at hand, and nothing is computed again. Per-row and per-key terms ride in the matrix products as extra
columns: [s·Q, 1, −L]·[K, b, 1]ᵀ = S + b − L costs no pass over the map. On the CPU the products take three quarters of
the time (d = 32), so accumulators are kept as [D, N_k]: dOᵀP runs at 90 GFLOP/s, PᵀdO at 57.
"""

from __future__ import annotations

import torch
from torch import Tensor

from attngan_kernels.arguments import accumulating_type
from attngan_kernels.backends.blockwise.tiles import Tiles


def forward(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, scale: float, is_causal: bool
) -> tuple[Tensor, Tensor]:
    """O = softmax(S)V and L = logsumexp(S). L is 0 in rows with no key to attend to: exp(−inf − 0) is the 0 wanted."""
    acc = accumulating_type(q)
    q, k, v, bias = _flat(q, acc), _flat(k, acc), _flat(v, acc), _flat_bias(k, bias, acc)
    heads, queries, keys = q.shape[0], q.shape[1], k.shape[1]
    out, logsumexp = q.new_empty(heads, queries, v.shape[2]), q.new_empty(heads, queries)
    tiles = Tiles(heads, queries, keys, is_causal, 1, q)
    for group in tiles.groups():
        q_side = torch.cat([q[group] * scale, _ones(q[group])], -1)
        k_side = torch.cat([k[group], bias[group]], -1)
        for rows, seen in tiles.row_blocks():
            S = tiles.map(0, q_side.shape[0], rows.stop - rows.start, seen)
            torch.bmm(q_side[:, rows], k_side[:, :seen].mT, out=S)
            tiles.hide_later_keys(S, rows)
            top = S.amax(-1, keepdim=True)
            top.masked_fill_(top == float("-inf"), 0.0)
            P = S.sub_(top).exp_()
            total = P.sum(-1, keepdim=True)
            total.masked_fill_(total == 0, 1.0)
            out[group, rows] = torch.bmm(P, v[group, :seen]).div_(total)
            logsumexp[group, rows] = total.log_().add_(top)[..., 0]
    return out, logsumexp


def backward(
    dO: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    bias: Tensor | None,
    logsumexp: Tensor,
    scale: float,
    is_causal: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """dV = PᵀdO, dS = P∘(dP − rowsum(P∘dP)), dQ = s·dS K, dK = s·dSᵀQ, db = colsum(dS)."""
    acc = accumulating_type(q)
    dO, q, k, v, bias = _flat(dO, acc), _flat(q, acc), _flat(k, acc), _flat(v, acc), _flat_bias(k, bias, acc)
    (heads, queries, d), keys = q.shape, k.shape[1]
    grad_q, grad_k, grad_v = (x.new_empty(x.shape) for x in (q, k, v))
    grad_bias = q.new_empty(heads, keys)
    minus_L = logsumexp.reshape(heads, queries, 1).neg()
    tiles = Tiles(heads, queries, keys, is_causal, 2, q)
    for group in tiles.groups():
        q_side = torch.cat([q[group] * scale, _ones(q[group]), minus_L[group]], -1)
        k_side = torch.cat([k[group], bias[group], _ones(k[group])], -1)
        size = q_side.shape[0]
        kT, vT = q.new_zeros(size, d + 1, keys), q.new_zeros(size, v.shape[2], keys)
        for rows, seen in tiles.row_blocks():
            shape = (size, rows.stop - rows.start, seen)
            P = torch.bmm(q_side[:, rows], k_side[:, :seen].mT, out=tiles.map(0, *shape))
            _normalised_exp(tiles.hide_later_keys(P, rows))
            dO_rows = dO[group, rows]
            vT[..., :seen].baddbmm_(dO_rows.mT, P)
            dS = torch.bmm(dO_rows, v[group, :seen].mT, out=tiles.map(1, *shape)).mul_(P)
            dS.addcmul_(P, dS.sum(-1, keepdim=True), value=-1)
            grad_q[group, rows] = torch.bmm(dS, k[group, :seen]).mul_(scale)
            kT[..., :seen].baddbmm_(q_side[:, rows, : d + 1].mT, dS)
        grad_k[group], grad_bias[group], grad_v[group] = kT[:, :d].mT, kT[:, d], vT.mT
    return grad_q, grad_k, grad_v, grad_bias


def double_backward(
    A: Tensor,
    B: Tensor,
    C: Tensor,
    beta: Tensor | None,
    dO: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    bias: Tensor | None,
    logsumexp: Tensor,
    scale: float,
    is_causal: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of ⟨A, dQ⟩ + ⟨B, dK⟩ + ⟨C, dV⟩ + ⟨β, db⟩ with respect to dO, Q, K, V and b.

    With T' = T − rowsum(P∘T), T = s(AKᵀ + QBᵀ) + β and D = dP − rowsum(P∘dP):
    g_dO = (P∘T')V + PC,  dS2 = P∘T'∘D + P∘(dO Cᵀ − rowsum(dO∘g_dO)),  g_Q = s(dS B + dS2 K),
    g_K = s(dSᵀA + dS2ᵀQ),  g_V = (P∘T')ᵀdO,  g_b = colsum(dS2).
    """
    acc = accumulating_type(q)
    bias, beta = _flat_bias(k, bias, acc), _flat_bias(k, beta, acc)
    A, B, C, dO, q, k, v = (_flat(x, acc) for x in (A, B, C, dO, q, k, v))
    (heads, queries, d), keys, d_v = q.shape, k.shape[1], v.shape[2]
    grad_dO, grad_q, grad_k, grad_v = (x.new_empty(x.shape) for x in (dO, q, k, v))
    grad_bias = q.new_empty(heads, keys)
    minus_L = logsumexp.reshape(heads, queries, 1).neg()
    tiles = Tiles(heads, queries, keys, is_causal, 4, q)
    for group in tiles.groups():
        one = _ones(q[group])
        q_side = torch.cat([A[group] * scale, one * 0, q[group] * scale, one, minus_L[group]], -1)
        A_side, T_side, P_side = q_side[..., : d + 1], q_side[..., : 2 * d + 2], q_side[..., d + 1 :]
        k_side_P = torch.cat([k[group], bias[group], _ones(k[group])], -1)
        k_side_T = torch.cat([k[group], beta[group], B[group], beta[group]], -1)  # the first β meets A_side's zeros
        size = q_side.shape[0]
        kT, vT = q.new_zeros(size, d + 1, keys), q.new_zeros(size, d_v, keys)
        for rows, seen in tiles.row_blocks():
            shape = (size, rows.stop - rows.start, seen)
            K, V, dO_rows = k[group, :seen], v[group, :seen], dO[group, rows]
            P = torch.bmm(P_side[:, rows], k_side_P[:, :seen].mT, out=tiles.map(0, *shape))
            _normalised_exp(tiles.hide_later_keys(P, rows))
            PT = torch.bmm(T_side[:, rows], k_side_T[:, :seen].mT, out=tiles.map(1, *shape)).mul_(P)
            PT.addcmul_(P, PT.sum(-1, keepdim=True), value=-1)
            g = torch.bmm(PT, V).baddbmm_(P, C[group, :seen])
            vT[..., :seen].baddbmm_(dO_rows.mT, PT)
            D = torch.bmm(dO_rows, V.mT, out=tiles.map(2, *shape))
            dS = torch.mul(P, D, out=tiles.map(3, *shape))
            delta = dS.sum(-1, keepdim=True)
            dS.addcmul_(P, delta, value=-1)
            g_q = torch.bmm(dS, B[group, :seen])
            kT[..., :seen].baddbmm_(A_side[:, rows].mT, dS)
            dS2 = torch.bmm(dO_rows, C[group, :seen].mT, out=tiles.map(3, *shape))
            dS2.sub_((dO_rows * g).sum(-1, keepdim=True)).mul_(P).addcmul_(PT, D.sub_(delta))
            kT[..., :seen].baddbmm_(P_side[:, rows, : d + 1].mT, dS2)
            grad_q[group, rows] = g_q.baddbmm_(dS2, K).mul_(scale)
            grad_dO[group, rows] = g
        grad_k[group], grad_bias[group], grad_v[group] = kT[:, :d].mT, kT[:, d], vT.mT
    return grad_dO, grad_q, grad_k, grad_v, grad_bias


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
    """O = PV and its derivative (P∘T')V + PC along the tangents A, B, C, β of Q, K, V and b, T' as above."""
    acc = accumulating_type(q)
    bias, beta = _flat_bias(k, bias, acc), _flat_bias(k, beta, acc)
    A, B, C, q, k, v = (_flat(x, acc) for x in (A, B, C, q, k, v))
    heads, queries, keys = q.shape[0], q.shape[1], k.shape[1]
    out, tangent = (q.new_empty(heads, queries, v.shape[2]) for _ in range(2))
    tiles = Tiles(heads, queries, keys, is_causal, 2, q)
    for group in tiles.groups():
        q_side = torch.cat([q[group] * scale, _ones(q[group])], -1)
        T_side = torch.cat([A[group] * scale, q_side], -1)
        k_side = torch.cat([k[group], bias[group]], -1)
        k_side_T = torch.cat([k[group], B[group], beta[group]], -1)
        for rows, seen in tiles.row_blocks():
            shape = (q_side.shape[0], rows.stop - rows.start, seen)
            S = torch.bmm(q_side[:, rows], k_side[:, :seen].mT, out=tiles.map(0, *shape))
            tiles.hide_later_keys(S, rows)
            top = S.amax(-1, keepdim=True)
            P = _normalised_exp(S.sub_(top.masked_fill_(top == float("-inf"), 0.0)))
            PT = torch.bmm(T_side[:, rows], k_side_T[:, :seen].mT, out=tiles.map(1, *shape)).mul_(P)
            PT.addcmul_(P, PT.sum(-1, keepdim=True), value=-1)
            out[group, rows] = torch.bmm(P, v[group, :seen])
            tangent[group, rows] = torch.bmm(PT, v[group, :seen]).baddbmm_(P, C[group, :seen])
    return out, tangent


def _normalised_exp(S: Tensor) -> Tensor:
    """In place: scores less L become weights whose rows sum to 1, or to 0 where every key is masked.

    L came from another kernel, whose scores are rounded differently: exp alone leaves rows that sum to
    1 ± eps·|S|, and in rows with one large weight, where P(1 − P) nearly cancels, gradients 25 times the error
    of the reference.
    """
    P = S.exp_()
    total = P.sum(-1, keepdim=True)
    return P.mul_(total.masked_fill_(total == 0, 1.0).reciprocal_())


def _flat(x: Tensor, dtype: torch.dtype) -> Tensor:
    """[B, H, N, D] → [B·H, N, D] in the accumulating type."""
    return x.to(dtype).flatten(0, 1)


def _flat_bias(k: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Tensor:
    """[B, H, N_k] or None → a column [B·H, N_k, 1]; None becomes zeros, which cost one column of a product."""
    if bias is None:
        return torch.zeros((k.shape[0] * k.shape[1], k.shape[2], 1), dtype=dtype, device=k.device)
    return bias.to(dtype).flatten(0, 1)[..., None]


def _ones(x: Tensor) -> Tensor:
    return x.new_ones(*x.shape[:2], 1)
