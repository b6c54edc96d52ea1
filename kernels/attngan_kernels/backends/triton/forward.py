"""Forward: softmax with a running maximum (Milakov & Gimelshein 2018; FlashAttention, Dao et al. 2022, alg. 1)."""

from __future__ import annotations

import triton
import triton.language as tl

from attngan_kernels.backends.triton.language import (
    LOG2E,
    exp_scores,
    fma,
    in_base_2,
    inner,
    is_seen,
    key_stages,
    load,
    load_per_key,
    program_tile,
    store,
    weighted_sum,
)


@triton.jit
def _top_scores(S, log2_scale, b, seen):
    """[rows] the largest score of each row, in base 2; −inf where nothing is seen."""
    scores = S
    if b is not None:
        scores = fma(S, log2_scale, in_base_2(b))
    if seen is not None:
        scores = tl.where(seen, scores, float("-inf"))
    top = tl.max(scores, 1)
    if b is None:
        top = top * log2_scale
    return top


@triton.jit(do_not_specialize=["n_q", "n_k", "heads"])
def forward_kernel(
    q, k, v, bias, live,
    out, top_out, inverse_out, n_q, n_k, heads, scale,
    D_K: tl.constexpr, D_V: tl.constexpr, BLOCK_DK: tl.constexpr, BLOCK_DV: tl.constexpr,
    BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr, CHUNK: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """O = PV [B, H, n_q, D_V], the rows' tops and 1/sums; a row that sees no key gets O = 0, top = 0, 1/sum = 0.

    2 units of 2·n_q·n_k·d flop a head.
    """
    first, batch, head, joint = program_tile(n_q, heads, BLOCK_Q, True)
    rows = first + tl.arange(0, BLOCK_Q)
    Q = load(q, batch, head, rows, n_q, D_K, BLOCK_DK)
    acc = tl.zeros([BLOCK_Q, BLOCK_DV], tl.float32)
    top = tl.full([BLOCK_Q], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK_Q], tl.float32)
    stages = key_stages(live, joint, first, n_k, BLOCK_Q, BLOCK_K, CAUSAL)
    for masked in tl.static_range(2):
        for start in range(stages[masked], stages[masked + 1], BLOCK_K):
            keys = start + tl.arange(0, BLOCK_K)
            K = load(k, batch, head, keys, n_k, D_K, BLOCK_DK)
            S = inner(Q, K, CHUNK)
            b, seen = None, None
            if bias is not None:
                b = load_per_key(bias, batch, head, keys, n_k)[None, :]
            if masked:
                seen = is_seen(rows, keys, n_k, CAUSAL)
            new_top = tl.maximum(top, _top_scores(S, scale * LOG2E, b, seen))
            origin = new_top
            if bias is not None:  # a row whose keys were all −inf so far has no top yet
                origin = tl.where(new_top == float("-inf"), 0.0, new_top)
            P = exp_scores(S, scale * LOG2E, b, origin[:, None])
            if masked:
                P = tl.where(seen, P, 0.0)
            shrink = tl.math.exp2(top - origin)
            total = total * shrink + tl.sum(P, 1)
            V = load(v, batch, head, keys, n_k, D_V, BLOCK_DV)
            acc = weighted_sum(P, V, acc * shrink[:, None])
            top = new_top
    dead = total == 0.0
    inverse = tl.where(dead, 0.0, 1.0 / tl.where(dead, 1.0, total))
    store(out, acc * inverse[:, None], batch, head, rows, n_q, D_V)
    tl.store(top_out + joint * n_q + rows, tl.where(dead, 0.0, top), mask=rows < n_q)
    tl.store(inverse_out + joint * n_q + rows, inverse, mask=rows < n_q)
