"""What the Triton kernels share: which tile a program owns, loads and stores of rows, and the softmax weights.

A tensor [B, H, N, D] comes as a tuple (pointer, and its four strides in elements), so that any layout is read in
place; row statistics are contiguous [B, H, N_q] in float32. Scores are in base 2: exp2 is the hardware's own.
"""

from __future__ import annotations

import os

import triton
import triton.language as tl

LOG2E = tl.constexpr(1.4426950408889634)
INTERPRETED = tl.constexpr(os.environ.get("TRITON_INTERPRET", "0") == "1")


@triton.jit
def dot(a, b, acc=None):
    """a·b (+ acc) in float32.

    The interpreter multiplies bfloat16 by its bits, and float32 in an order that changes with the shape, where the
    hardware has one order for all passes: there products are summed in float64 and rounded once.
    """
    if INTERPRETED:
        result = tl.dot(a.to(tl.float64), b.to(tl.float64), out_dtype=tl.float64).to(tl.float32)
        if acc is not None:
            result += acc
    else:
        result = tl.dot(a, b, acc, input_precision="ieee")
    return result


@triton.jit
def fma(x, y, z):
    """x·y + z, rounded once. The interpreter rounds twice, which at |x·y| = 50 triples the error of exp2."""
    if INTERPRETED:  # noqa: SIM108  Triton compiles both sides of a ternary
        result = (x.to(tl.float64) * y + z).to(tl.float32)
    else:
        result = tl.math.fma(x, y, z)
    return result


@triton.jit
def round_to(x, dtype: tl.constexpr):
    """float32 x as dtype, rounded to nearest even, where the interpreter would cut bfloat16 off."""
    if INTERPRETED and dtype == tl.bfloat16:
        bits = x.to(tl.int32, bitcast=True)
        x = ((bits + 0x7FFF + ((bits >> 16) & 1)) & -65536).to(tl.float32, bitcast=True)
    return x.to(dtype)


@triton.jit
def program_tile(n, heads, BLOCK: tl.constexpr, LAST_FIRST: tl.constexpr):
    """The program's tile: first row or key, batch item and head in 64 bits, and their joint number.

    The longest job should start first: under a causal mask that is the last tile of rows, and the first of keys.
    """
    tiles = tl.cdiv(n, BLOCK)
    first = tl.program_id(0) % tiles * BLOCK
    if LAST_FIRST:
        first = (tiles - 1) * BLOCK - first
    joint = (tl.program_id(0) // tiles).to(tl.int64)
    return first, joint // heads, joint % heads, joint


@triton.jit
def load(x, batch, head, rows, n, D: tl.constexpr, BLOCK_D: tl.constexpr):
    """A tile: rows of one head of x [B, H, n, D] as [rows, BLOCK_D], zeros beyond the edges, and where it lies."""
    at = x[0] + batch * x[1] + head * x[2]
    return _columns(at, x[3], x[4], rows, n, D, BLOCK_D), at, x[3], x[4], rows, n, D


@triton.jit
def _columns(at, row_stride, column_stride, rows, n, D, BLOCK_D: tl.constexpr):
    columns = tl.arange(0, BLOCK_D)
    inside = (rows[:, None] < n) & (columns[None, :] < D)
    return tl.load(at + rows[:, None] * row_stride + columns[None, :] * column_stride, mask=inside, other=0.0)


@triton.jit
def store(x, value, batch, head, rows, n, D: tl.constexpr):
    """Writes [rows, D or more] to rows of one head of x [B, H, n, D]."""
    columns = tl.arange(0, value.shape[1])
    inside = (rows[:, None] < n) & (columns[None, :] < D)
    to = x[0] + batch * x[1] + head * x[2] + rows[:, None] * x[3] + columns[None, :] * x[4]
    tl.store(to, round_to(value, x[0].dtype.element_ty), mask=inside)


@triton.jit
def inner(X, Y, CHUNK: tl.constexpr, acc=None):
    """XYᵀ (+ acc) over the head dimension of two tiles, [rows of X, rows of Y].

    Operands of a product that stay the same over a loop are kept in registers, and wide ones spill (float32,
    d = 128/256: 12 KB a thread). Tiles wider than CHUNK are therefore read again, from the cache, CHUNK columns
    at a time.
    """
    x, at_x, row_x, column_x, rows_x, n_x, D = X
    y, at_y, row_y, column_y, rows_y, n_y, _ = Y
    if x.shape[1] > CHUNK:
        if acc is None:
            acc = tl.zeros([x.shape[0], y.shape[0]], tl.float32)
        for first in range(0, x.shape[1], CHUNK):
            some_x = _columns(at_x + first * column_x, row_x, column_x, rows_x, n_x, D - first, CHUNK)
            some_y = _columns(at_y + first * column_y, row_y, column_y, rows_y, n_y, D - first, CHUNK)
            acc = dot(some_x, tl.trans(some_y), acc)
    else:
        acc = dot(x, tl.trans(y), acc)
    return acc


@triton.jit
def weighted_sum(weights, Y, acc):
    """weights·Y + acc over the rows of a tile, the weights rounded to its dtype."""
    return dot(round_to(weights, Y[0].dtype), Y[0], acc)


@triton.jit
def load_per_key(x, batch, head, keys, n):
    """[keys] of a bias or of its cotangent [B, H, n] in float32."""
    return tl.load(x[0] + batch * x[1] + head * x[2] + keys * x[3], mask=keys < n, other=0.0)


@triton.jit
def load_statistic(x, joint, rows, n, beyond=0.0):
    """[rows] of a row statistic, and `beyond` past the edge."""
    return tl.load(x + joint * n + rows, mask=rows < n, other=beyond)


@triton.jit
def load_softmax(top, inverse, joint, rows, n):
    """[rows] tops and 1/sums. Past the edge ∞ and 0, whose weights are 0 whatever the scores."""
    return load_statistic(top, joint, rows, n, float("inf")), load_statistic(inverse, joint, rows, n)


@triton.jit
def in_base_2(bias):
    """bias·log₂e, finite where the bias is: a row masked by the lowest float32 all over is no row without keys."""
    scaled = bias * LOG2E
    return tl.where((scaled == float("-inf")) & (bias != float("-inf")), -3.4028234e38, scaled)


@triton.jit
def exp_scores(S, log2_scale, bias, top):
    """exp2 of the scores less the row's top. All passes take this one expression, fused multiply-add included.

    With S rounded alike in every pass, the saved 1/sum makes rows sum to 1 within a few eps. exp(S − L) with a
    rounded L would leave eps·|S|, and where one weight is near 1 gradients 25 times the reference's error.
    """
    if bias is None:  # noqa: SIM108  Triton compiles both sides of a ternary
        exponent = fma(S, log2_scale, -top)
    else:
        exponent = fma(S, log2_scale, in_base_2(bias)) - top
    return tl.math.exp2(exponent)


@triton.jit
def weights_by_row(
    S, bias, top, inverse, batch, head, rows, keys, n_k, scale, MASKED: tl.constexpr, CAUSAL: tl.constexpr
):
    """P [rows, keys] from QKᵀ and the saved row statistics."""
    b = None
    if bias is not None:
        b = load_per_key(bias, batch, head, keys, n_k)[None, :]
    P = exp_scores(S, scale * LOG2E, b, top[:, None]) * inverse[:, None]
    if MASKED:
        P = tl.where(is_seen(rows, keys, n_k, CAUSAL), P, 0.0)
    return P


@triton.jit
def weights_by_key(S, b, top, inverse, keys, rows, scale, MASKED: tl.constexpr):
    """Pᵀ [keys, rows] from KQᵀ, since transposing a wgmma accumulator was miscompiled by Triton before 3.7.1.

    Needs no mask at the edges: rows past it have weight 0, keys past it are never stored.
    """
    P = exp_scores(S, scale * LOG2E, b, top[None, :]) * inverse[None, :]
    if MASKED:
        P = tl.where(keys[:, None] <= rows[None, :], P, 0.0)
    return P


@triton.jit
def is_seen(rows, keys, n_k, CAUSAL: tl.constexpr):
    """[rows, keys]: the key exists and, if causal, doesn't come after the row."""
    seen = keys[None, :] < n_k
    if CAUSAL:
        seen = seen & (keys[None, :] <= rows[:, None])
    return seen


@triton.jit
def key_stages(live, joint, first, n_k, BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr, CAUSAL: tl.constexpr):
    """Bounds of the two loops over keys of a tile of rows: stage 0 needs no mask, stage 1 does."""
    start, stop, whole = 0, n_k, n_k
    if live is not None:
        start = tl.load(live + 2 * joint) // BLOCK_K * BLOCK_K
        stop = tl.load(live + 2 * joint + 1)
    if CAUSAL:
        stop = tl.minimum(stop, first + BLOCK_Q)
        whole = tl.minimum(n_k, first + 1)
    middle = tl.minimum(whole, stop) // BLOCK_K * BLOCK_K
    return start, tl.maximum(start, middle), stop


@triton.jit
def row_stages(live, joint, first, n_q, BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr, CAUSAL: tl.constexpr):
    """Bounds of the two loops over rows of a tile of keys: stage 0 needs no mask, stage 1 (only if causal) does."""
    stop = n_q
    if live is not None:
        alive = (first < tl.load(live + 2 * joint + 1)) & (first + BLOCK_K > tl.load(live + 2 * joint))
        stop = tl.where(alive, n_q, 0)
    whole, start = 0, 0
    if CAUSAL:
        start = first // BLOCK_Q * BLOCK_Q
        whole = tl.cdiv(first + BLOCK_K - 1, BLOCK_Q) * BLOCK_Q
    return whole, stop, start, tl.minimum(whole, stop)


@triton.jit
def live_keys_kernel(bias, live, n_k, heads, BLOCK: tl.constexpr):
    """The first key whose bias is not −inf and one past the last, [B·H, 2]: padding at either end is skipped."""
    joint = tl.program_id(0).to(tl.int64)
    first, last = n_k, 0
    for start in range(0, n_k, BLOCK):
        keys = start + tl.arange(0, BLOCK)
        seen = (load_per_key(bias, joint // heads, joint % heads, keys, n_k) != float("-inf")) & (keys < n_k)
        first = tl.minimum(first, tl.min(tl.where(seen, keys, n_k)))
        last = tl.maximum(last, tl.max(tl.where(seen, keys + 1, 0)))
    tl.store(live + 2 * joint, tl.minimum(first, last))
    tl.store(live + 2 * joint + 1, last)
