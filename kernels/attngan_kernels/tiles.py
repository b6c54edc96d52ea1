"""The arithmetic of the three derivative orders over tiles of query rows, so that no N_q × N_k map is ever whole."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

ROWS = 256


def forward(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, scale: float, is_causal: bool) -> tuple[Tensor, Tensor]:
    acc = torch.float64 if q.dtype == torch.float64 else torch.float32
    out = q.new_zeros(*q.shape[:3], v.shape[3])
    lse = torch.zeros(q.shape[:3], dtype=acc, device=q.device)
    Q, K, V = q.to(acc), k.to(acc), v.to(acc)
    for rows in _tiles(q):
        S = _scores(Q, K, bias, rows, scale, is_causal)
        L = torch.logsumexp(S, -1)
        L = L.masked_fill(L == float("-inf"), 0.0)
        lse[:, :, rows] = L
        out[:, :, rows] = ((S - L[..., None]).exp() @ V).to(q.dtype)
    return out, lse


def backward(dO, q, k, v, bias, out, lse, scale, is_causal, bias_grad):  # type: ignore
    acc = lse.dtype
    dO, Q, K, V, O = (x.to(acc) for x in (dO, q, k, v, out))
    gq, gk, gv = torch.zeros_like(Q), torch.zeros_like(K), torch.zeros_like(V)
    gb = lse.new_zeros(k.shape[:3] if bias_grad else (0,))
    delta = (dO * O).sum(-1, keepdim=True)
    for r in _tiles(q):
        P = (_scores(Q, K, bias, r, scale, is_causal) - lse[:, :, r, None]).exp()
        dS = P * (dO[:, :, r] @ V.mT - delta[:, :, r])
        gq[:, :, r] = scale * (dS @ K)
        gk += scale * (dS.mT @ Q[:, :, r])
        gv += P.mT @ dO[:, :, r]
        if bias_grad:
            gb += dS.sum(-2)
    return gq.to(q.dtype), gk.to(q.dtype), gv.to(q.dtype), gb


def double_backward(A, B, C, beta, dO, q, k, v, bias, out, lse, scale, is_causal):  # type: ignore
    acc = lse.dtype
    A, B, C, dO, Q, K, V, O = (x.to(acc) for x in (A, B, C, dO, q, k, v, out))
    g_dO, gq, gk, gv = torch.zeros_like(dO), torch.zeros_like(Q), torch.zeros_like(K), torch.zeros_like(V)
    gb = lse.new_zeros(k.shape[:3] if beta is not None else (0,))
    delta = (dO * O).sum(-1, keepdim=True)
    for r in _tiles(q):
        P = (_scores(Q, K, bias, r, scale, is_causal) - lse[:, :, r, None]).exp()
        T = scale * (A[:, :, r] @ K.mT + Q[:, :, r] @ B.mT)
        if beta is not None:
            T = T + beta[:, :, None]
        T = T - (P * T).sum(-1, keepdim=True)
        PT = P * T
        D = dO[:, :, r] @ V.mT - delta[:, :, r]
        g = PT @ V + P @ C
        g_dO[:, :, r] = g
        dS = P * D
        dS2 = PT * D + P * (dO[:, :, r] @ C.mT - (dO[:, :, r] * g).sum(-1, keepdim=True))
        gq[:, :, r] = scale * (dS @ B + dS2 @ K)
        gk += scale * (dS.mT @ A[:, :, r] + dS2.mT @ Q[:, :, r])
        gv += PT.mT @ dO[:, :, r]
        if beta is not None:
            gb += dS2.sum(-2)
    return g_dO.to(q.dtype), gq.to(q.dtype), gk.to(q.dtype), gv.to(q.dtype), gb


def _tiles(q: Tensor) -> Iterator[slice]:
    for start in range(0, q.shape[2], ROWS):
        yield slice(start, min(start + ROWS, q.shape[2]))


def _scores(Q: Tensor, K: Tensor, bias: Tensor | None, rows: slice, scale: float, is_causal: bool) -> Tensor:
    S = Q[:, :, rows] @ K.mT * scale
    if bias is not None:
        S = S + bias[:, :, None]
    if is_causal:
        i = torch.arange(rows.start, rows.stop, device=Q.device)
        S = S.masked_fill(torch.arange(K.shape[2], device=Q.device) > i[:, None], float("-inf"))
    return S
