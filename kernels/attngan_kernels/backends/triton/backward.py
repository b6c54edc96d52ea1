"""Backward without atomics, so that two runs give the same bits: dQ over tiles of rows, dK, dV, db over tiles of keys.

dP = dO Vᵀ, dS = P∘(dP − δ) with δ = rowsum(O∘dO), dQ = s·dS K, dK = s·dSᵀQ, dV = PᵀdO, db = colsum(dS)
(FlashAttention, Dao et al. 2022, alg. 4).
"""

from __future__ import annotations

import triton
import triton.language as tl

from attngan_kernels.backends.triton.language import (
    inner,
    key_stages,
    load,
    load_per_key,
    load_softmax,
    load_statistic,
    program_tile,
    row_stages,
    store,
    weighted_sum,
    weights_by_key,
    weights_by_row,
)


@triton.jit(do_not_specialize=["n_q", "n_k", "heads"])
def backward_rows_kernel(
    dout, q, k, v, bias, live,
    out, top_in, inverse_in, delta_out, grad_q, n_q, n_k, heads, scale,
    D_K: tl.constexpr, D_V: tl.constexpr, BLOCK_DK: tl.constexpr, BLOCK_DV: tl.constexpr,
    BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr, CHUNK: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """dQ [B, H, n_q, D_K], and δ for the kernel over keys. 3 of the backward's 7 units."""
    first, batch, head, joint = program_tile(n_q, heads, BLOCK_Q, True)
    rows = first + tl.arange(0, BLOCK_Q)
    Q = load(q, batch, head, rows, n_q, D_K, BLOCK_DK)
    dO = load(dout, batch, head, rows, n_q, D_V, BLOCK_DV)
    out_rows = load(out, batch, head, rows, n_q, D_V, BLOCK_DV)[0].to(tl.float32)
    delta = tl.sum(out_rows * dO[0], 1)
    tl.store(delta_out + joint * n_q + rows, delta, mask=rows < n_q)
    top, inverse = load_softmax(top_in, inverse_in, joint, rows, n_q)
    dQ = tl.zeros([BLOCK_Q, BLOCK_DK], tl.float32)
    stages = key_stages(live, joint, first, n_k, BLOCK_Q, BLOCK_K, CAUSAL)
    for masked in tl.static_range(2):
        for start in range(stages[masked], stages[masked + 1], BLOCK_K):
            keys = start + tl.arange(0, BLOCK_K)
            K = load(k, batch, head, keys, n_k, D_K, BLOCK_DK)
            V = load(v, batch, head, keys, n_k, D_V, BLOCK_DV)
            S = inner(Q, K, CHUNK)
            P = weights_by_row(S, bias, top, inverse, batch, head, rows, keys, n_k, scale, masked, CAUSAL)
            dS = P * (inner(dO, V, CHUNK) - delta[:, None])
            dQ = weighted_sum(dS, K, dQ)
    store(grad_q, dQ * scale, batch, head, rows, n_q, D_K)


@triton.jit(do_not_specialize=["n_q", "n_k", "heads"])
def backward_keys_kernel(
    dout, q, k, v, bias, live,
    top_in, inverse_in, delta_in, grad_k, grad_v, grad_bias, n_q, n_k, heads, scale,
    D_K: tl.constexpr, D_V: tl.constexpr, BLOCK_DK: tl.constexpr, BLOCK_DV: tl.constexpr,
    BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr, CHUNK: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """dK [B, H, n_k, D_K], dV [B, H, n_k, D_V] and, unless grad_bias is None, db [B, H, n_k]. 4 of 7 units."""
    first, batch, head, joint = program_tile(n_k, heads, BLOCK_K, False)
    keys = first + tl.arange(0, BLOCK_K)
    K = load(k, batch, head, keys, n_k, D_K, BLOCK_DK)
    V = load(v, batch, head, keys, n_k, D_V, BLOCK_DV)
    b = None
    if bias is not None:
        b = load_per_key(bias, batch, head, keys, n_k)[:, None]
    dK = tl.zeros([BLOCK_K, BLOCK_DK], tl.float32)
    dV = tl.zeros([BLOCK_K, BLOCK_DV], tl.float32)
    db = tl.zeros([BLOCK_K], tl.float32)
    stages = row_stages(live, joint, first, n_q, BLOCK_Q, BLOCK_K, CAUSAL)
    for masked in tl.static_range(2 if CAUSAL else 1):
        for start in range(stages[2 * masked], stages[2 * masked + 1], BLOCK_Q):
            rows = start + tl.arange(0, BLOCK_Q)
            Q = load(q, batch, head, rows, n_q, D_K, BLOCK_DK)
            dO = load(dout, batch, head, rows, n_q, D_V, BLOCK_DV)
            top, inverse = load_softmax(top_in, inverse_in, joint, rows, n_q)
            S = inner(K, Q, CHUNK)
            P = weights_by_key(S, b, top, inverse, keys, rows, scale, masked)
            dV = weighted_sum(P, dO, dV)
            dS = P * (inner(V, dO, CHUNK) - load_statistic(delta_in, joint, rows, n_q)[None, :])
            dK = weighted_sum(dS, Q, dK)
            if grad_bias is not None:
                db += tl.sum(dS, 1)
    store(grad_k, dK * scale, batch, head, keys, n_k, D_K)
    store(grad_v, dV, batch, head, keys, n_k, D_V)
    if grad_bias is not None:
        tl.store(grad_bias + joint * n_k + keys, db, mask=keys < n_k)
