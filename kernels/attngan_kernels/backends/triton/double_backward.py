"""Double backward without atomics in three passes: A and B over tiles of query rows, C over tiles of keys.

With cotangents A, B, C, β of dQ, dK, dV, db, and T = s(AKᵀ + QBᵀ) + β, dP = dO Vᵀ, W = dO Cᵀ:
  pass A:  e = rowsum(P∘T), δ = rowsum(P∘dP), g_dO = (P∘T)V + PC − e∘O, ρ = rowsum(P∘(T∘dP + W)) − e·δ
  pass B:  dS = P∘D, dS₂ = P∘(T'∘D + W − ρ) with T' = T − e, D = dP − δ;  g_Q = s(dS B + dS₂ K)
  pass C:  g_K = s(dSᵀA + dS₂ᵀQ), g_V = (P∘T')ᵀdO, g_b = colsum(dS₂)
Pass A without dO is the forward-mode derivative of O along (A, B, C, β).
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


@triton.jit
def _score_tangent(Q, A, K, B, beta, batch, head, keys, n_k, scale, CHUNK: tl.constexpr):
    """T = s(AKᵀ + QBᵀ) + β, [rows, keys]."""
    T = inner(Q, B, CHUNK, inner(A, K, CHUNK)) * scale
    if beta is not None:
        T += load_per_key(beta, batch, head, keys, n_k)[None, :]
    return T


@triton.jit(do_not_specialize=["n_q", "n_k", "heads"])
def pass_a_kernel(
    q_cotangent, k_cotangent, v_cotangent, bias_cotangent, dout, q, k, v, bias, live,
    out, top_in, inverse_in, e_out, delta_out, rho_out, grad_dout, n_q, n_k, heads, scale,
    D_K: tl.constexpr, D_V: tl.constexpr, BLOCK_DK: tl.constexpr, BLOCK_DV: tl.constexpr,
    BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr, CHUNK: tl.constexpr, CAUSAL: tl.constexpr, DIRECT: tl.constexpr,
):  # fmt: skip
    """g_dO [B, H, n_q, D_V] and the row statistics e, δ, ρ; with dout None g_dO alone. 5 units, 7 if DIRECT.

    DIRECT sums δ and ρ over the keys; else they come from the results, δ = rowsum(O∘dO) and ρ = rowsum(dO∘g_dO).
    In half precision the results are rounded, and rows of dS₂ would no longer sum to 0: with sharp logits three
    times the error (1.0e-2 against 3.4e-3).
    """
    first, batch, head, joint = program_tile(n_q, heads, BLOCK_Q, True)
    rows = first + tl.arange(0, BLOCK_Q)
    Q = load(q, batch, head, rows, n_q, D_K, BLOCK_DK)
    A = load(q_cotangent, batch, head, rows, n_q, D_K, BLOCK_DK)
    if dout is not None:
        dO = load(dout, batch, head, rows, n_q, D_V, BLOCK_DV)
    top, inverse = load_softmax(top_in, inverse_in, joint, rows, n_q)
    Z = tl.zeros([BLOCK_Q, BLOCK_DV], tl.float32)
    e = tl.zeros([BLOCK_Q], tl.float32)
    delta = tl.zeros([BLOCK_Q], tl.float32)
    rho = tl.zeros([BLOCK_Q], tl.float32)
    stages = key_stages(live, joint, first, n_k, BLOCK_Q, BLOCK_K, CAUSAL)
    for masked in tl.static_range(2):
        for start in range(stages[masked], stages[masked + 1], BLOCK_K):
            keys = start + tl.arange(0, BLOCK_K)
            K = load(k, batch, head, keys, n_k, D_K, BLOCK_DK)
            B = load(k_cotangent, batch, head, keys, n_k, D_K, BLOCK_DK)
            V = load(v, batch, head, keys, n_k, D_V, BLOCK_DV)
            C = load(v_cotangent, batch, head, keys, n_k, D_V, BLOCK_DV)
            S = inner(Q, K, CHUNK)
            P = weights_by_row(S, bias, top, inverse, batch, head, rows, keys, n_k, scale, masked, CAUSAL)
            PT = P * _score_tangent(Q, A, K, B, bias_cotangent, batch, head, keys, n_k, scale, CHUNK)
            e += tl.sum(PT, 1)
            if DIRECT:
                dP = inner(dO, V, CHUNK)
                delta += tl.sum(P * dP, 1)
                rho += tl.sum(PT * dP + P * inner(dO, C, CHUNK), 1)
            Z = weighted_sum(P, C, weighted_sum(PT, V, Z))
    out_rows = load(out, batch, head, rows, n_q, D_V, BLOCK_DV)[0].to(tl.float32)
    g = Z - e[:, None] * out_rows
    store(grad_dout, g, batch, head, rows, n_q, D_V)
    if dout is not None:
        if DIRECT:
            rho -= e * delta
        else:
            delta = tl.sum(out_rows * dO[0], 1)
            rho = tl.sum(dO[0] * g, 1)
        tl.store(e_out + joint * n_q + rows, e, mask=rows < n_q)
        tl.store(delta_out + joint * n_q + rows, delta, mask=rows < n_q)
        tl.store(rho_out + joint * n_q + rows, rho, mask=rows < n_q)


@triton.jit(do_not_specialize=["n_q", "n_k", "heads"])
def pass_b_kernel(
    q_cotangent, k_cotangent, v_cotangent, bias_cotangent, dout, q, k, v, bias, live,
    top_in, inverse_in, e_in, delta_in, rho_in, grad_q, n_q, n_k, heads, scale,
    D_K: tl.constexpr, D_V: tl.constexpr, BLOCK_DK: tl.constexpr, BLOCK_DV: tl.constexpr,
    BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr, CHUNK: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """g_Q [B, H, n_q, D_K]. 7 units."""
    first, batch, head, joint = program_tile(n_q, heads, BLOCK_Q, True)
    rows = first + tl.arange(0, BLOCK_Q)
    Q = load(q, batch, head, rows, n_q, D_K, BLOCK_DK)
    A = load(q_cotangent, batch, head, rows, n_q, D_K, BLOCK_DK)
    dO = load(dout, batch, head, rows, n_q, D_V, BLOCK_DV)
    top, inverse = load_softmax(top_in, inverse_in, joint, rows, n_q)
    e = load_statistic(e_in, joint, rows, n_q)
    delta = load_statistic(delta_in, joint, rows, n_q)
    rho = load_statistic(rho_in, joint, rows, n_q)
    g_Q = tl.zeros([BLOCK_Q, BLOCK_DK], tl.float32)
    stages = key_stages(live, joint, first, n_k, BLOCK_Q, BLOCK_K, CAUSAL)
    for masked in tl.static_range(2):
        for start in range(stages[masked], stages[masked + 1], BLOCK_K):
            keys = start + tl.arange(0, BLOCK_K)
            K = load(k, batch, head, keys, n_k, D_K, BLOCK_DK)
            B = load(k_cotangent, batch, head, keys, n_k, D_K, BLOCK_DK)
            V = load(v, batch, head, keys, n_k, D_V, BLOCK_DV)
            C = load(v_cotangent, batch, head, keys, n_k, D_V, BLOCK_DV)
            S = inner(Q, K, CHUNK)
            P = weights_by_row(S, bias, top, inverse, batch, head, rows, keys, n_k, scale, masked, CAUSAL)
            D = inner(dO, V, CHUNK) - delta[:, None]
            g_Q = weighted_sum(P * D, B, g_Q)
            T = _score_tangent(Q, A, K, B, bias_cotangent, batch, head, keys, n_k, scale, CHUNK) - e[:, None]
            dS2 = P * (T * D + (inner(dO, C, CHUNK) - rho[:, None]))
            g_Q = weighted_sum(dS2, K, g_Q)
    store(grad_q, g_Q * scale, batch, head, rows, n_q, D_K)


@triton.jit(do_not_specialize=["n_q", "n_k", "heads"])
def pass_c_kernel(
    q_cotangent, k_cotangent, v_cotangent, bias_cotangent, dout, q, k, v, bias, live,
    top_in, inverse_in, e_in, delta_in, rho_in, grad_k, grad_v, grad_bias, n_q, n_k, heads, scale,
    D_K: tl.constexpr, D_V: tl.constexpr, BLOCK_DK: tl.constexpr, BLOCK_DV: tl.constexpr,
    BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr, CHUNK: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """g_K [B, H, n_k, D_K] and g_V [B, H, n_k, D_V], each unless None, and g_b [B, H, n_k] where wanted. 8 units.

    float32 with wide heads spills when it sums both: there g_K (7 units) and g_V (4 units) take a launch each.
    """
    first, batch, head, joint = program_tile(n_k, heads, BLOCK_K, False)
    keys = first + tl.arange(0, BLOCK_K)
    K = load(k, batch, head, keys, n_k, D_K, BLOCK_DK)
    B = load(k_cotangent, batch, head, keys, n_k, D_K, BLOCK_DK)
    V = load(v, batch, head, keys, n_k, D_V, BLOCK_DV)
    C = load(v_cotangent, batch, head, keys, n_k, D_V, BLOCK_DV)
    b = None
    if bias is not None:
        b = load_per_key(bias, batch, head, keys, n_k)[:, None]
    if bias_cotangent is not None:
        beta = load_per_key(bias_cotangent, batch, head, keys, n_k)[:, None]
    g_K = tl.zeros([BLOCK_K, BLOCK_DK], tl.float32)
    g_V = tl.zeros([BLOCK_K, BLOCK_DV], tl.float32)
    g_b = tl.zeros([BLOCK_K], tl.float32)
    stages = row_stages(live, joint, first, n_q, BLOCK_Q, BLOCK_K, CAUSAL)
    for masked in tl.static_range(2 if CAUSAL else 1):
        for start in range(stages[2 * masked], stages[2 * masked + 1], BLOCK_Q):
            rows = start + tl.arange(0, BLOCK_Q)
            Q = load(q, batch, head, rows, n_q, D_K, BLOCK_DK)
            A = load(q_cotangent, batch, head, rows, n_q, D_K, BLOCK_DK)
            dO = load(dout, batch, head, rows, n_q, D_V, BLOCK_DV)
            top, inverse = load_softmax(top_in, inverse_in, joint, rows, n_q)
            S = inner(K, Q, CHUNK)
            P = weights_by_key(S, b, top, inverse, keys, rows, scale, masked)
            T = inner(B, Q, CHUNK, inner(K, A, CHUNK)) * scale
            if bias_cotangent is not None:
                T += beta
            T -= load_statistic(e_in, joint, rows, n_q)[None, :]
            if grad_v is not None:
                g_V = weighted_sum(P * T, dO, g_V)
            if grad_k is not None:
                D = inner(V, dO, CHUNK) - load_statistic(delta_in, joint, rows, n_q)[None, :]
                g_K = weighted_sum(P * D, A, g_K)
                W = inner(C, dO, CHUNK) - load_statistic(rho_in, joint, rows, n_q)[None, :]
                dS2 = P * (T * D + W)
                g_K = weighted_sum(dS2, Q, g_K)
                if grad_bias is not None:
                    g_b += tl.sum(dS2, 1)
    if grad_k is not None:
        store(grad_k, g_K * scale, batch, head, keys, n_k, D_K)
    if grad_v is not None:
        store(grad_v, g_V, batch, head, keys, n_k, D_V)
    if grad_bias is not None:
        tl.store(grad_bias + joint * n_k + keys, g_b, mask=keys < n_k)
