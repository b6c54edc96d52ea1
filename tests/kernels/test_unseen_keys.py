"""A key that a row can't see never matters, unless what it holds overflows: every backend, both similarities."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attngan_kernels import attention, attention_jvp, attention_weights
from attngan_kernels.tooling.selfcheck_cases import Case, make_inputs
from attngan_kernels.tooling.selfcheck_errors import rms

BACKENDS = ["reference", "blockwise", "sdpa"]
DTYPES = [torch.float32, torch.bfloat16]


def detached(case, dtype, seed=0):
    return {name: t.detach() for name, t in make_inputs(case, dtype, seed=seed).items()}


def with_keys(x, unseen, value):
    """x, its keys and values replaced by `value` where unseen [B, 1, N_k]."""
    return {**x, **{name: torch.where(unseen[..., None], value, x[name]) for name in "kv"}}


@settings(max_examples=20, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, n) for n in (2, 2, 12, 12, 9, 9)]),
    dtype=st.sampled_from(DTYPES),
    is_causal=st.booleans(),
    similarity=st.sampled_from(["l2", "l2", "dot"]),
    how=st.sampled_from(["key_mask", "key_bias"]),
    value=st.floats(-1e4, 1e4),
    seed=st.integers(0, 2**16),
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_masked_keys_change_no_bit(backend, shape, dtype, is_causal, similarity, how, value, seed):
    x = detached(Case(shape), dtype, seed)
    seen = torch.rand(shape[0], 1, shape[3], generator=torch.Generator().manual_seed(seed)) > 0.4
    mask = seen if how == "key_mask" else torch.zeros(seen.shape).masked_fill(~seen, float("-inf"))
    options = {how: mask, "is_causal": is_causal, "similarity": similarity}
    results = []
    for kept in (x, with_keys(x, ~seen, value)):
        inputs = {name: t.clone().requires_grad_() for name, t in kept.items()}
        out = attention(**inputs, backend=backend, **options)
        results.append([out, *torch.autograd.grad(out.float().square().sum(), list(inputs.values()))])
        results[-1].append(attention_weights(kept["q"], kept["k"], **options))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@settings(max_examples=20, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, n) for n in (2, 2, 12, 12, 9, 9)]),
    dtype=st.sampled_from(DTYPES),
    similarity=st.sampled_from(["l2", "l2", "dot"]),
    masked=st.booleans(),
    row=st.integers(0, 11),
    value=st.floats(-1e4, 1e4),
    seed=st.integers(0, 2**16),
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_later_keys_change_no_bit_of_causal_rows(backend, shape, dtype, similarity, masked, row, value, seed):
    x = detached(Case(shape), dtype, seed)
    later = torch.arange(shape[3]).expand(shape[0], 1, -1) > row
    mask = torch.rand(later.shape, generator=torch.Generator().manual_seed(seed)) > 0.4 if masked else None
    options = {"key_mask": mask, "is_causal": True, "similarity": similarity}
    results = []
    for kept in (x, with_keys(x, later, value)):
        q = kept["q"].clone().requires_grad_()
        out = attention(**{**kept, "q": q}, backend=backend, **options)[:, :, : row + 1]
        weights = attention_weights(kept["q"], kept["k"], **options)[:, :, : row + 1]
        results.append([out, weights, torch.autograd.grad(out.float().square().sum(), q)[0][:, :, : row + 1]])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("is_causal", [False, True])
def test_in_the_triton_kernels(dtype, is_causal):
    """Under causality keys from 9 on change too, and rows up to 8 alone are compared."""
    x = detached(Case((1, 1, 17, 18, 4, 5)), dtype)
    seen = torch.arange(18).expand(1, 1, 18) % 3 != 0
    rows = 9 if is_causal else 17
    unseen = ~seen | (torch.arange(18) >= rows) if is_causal else ~seen
    results = []
    for kept in (x, with_keys(x, unseen, -1e4)):
        q = kept["q"].clone().requires_grad_()
        options = {"key_mask": seen, "is_causal": is_causal, "similarity": "l2", "backend": "triton"}
        out = attention(**{**kept, "q": q}, **options)
        results.append([out, torch.autograd.grad(out.float().square().sum(), q)[0]])
    assert all(torch.equal(a[:, :, :rows], b[:, :, :rows]) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_l2_masks_what_would_overflow(dtype):
    x = detached(Case((1, 2, 5, 6, 4, 4)), dtype)
    seen = torch.tensor([[[True, True, False, True, True, False]]])
    options = {"key_mask": seen, "similarity": "l2"}
    largest = torch.finfo(dtype).max
    for is_causal in (False, True):
        clean, loud = (
            attention(**y, is_causal=is_causal, **options)
            for y in (x, {**x, "k": torch.where(seen[..., None], x["k"], -largest)})
        )
        assert torch.equal(clean, loud)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("lowest", [float("-inf"), -1e9])
def test_padding_by_zeros_costs_no_digits_far_from_zero(backend, is_causal, lowest):
    """Data at mean 30 beside zeros that a bias hides: as exact as without them. A mean over all keys left 5e-5."""
    if is_causal and lowest > float("-inf"):
        pytest.skip("a key of finite bias before all others is one that rows see")
    x = detached(Case((2, 2, 16, 16, 8, 8), mean=30.0), torch.float32)
    zeros = torch.zeros(2, 2, 8, 8)
    padded = {"q": x["q"], **{name: torch.cat([zeros, x[name], zeros], 2) for name in "kv"}}
    bias = torch.full((1, 1, 32), lowest)
    bias[..., 8:24] = 0
    if is_causal:  # so that rows 0 to 15 see the same keys
        padded["q"] = torch.cat([zeros, x["q"]], 2)
    options = {"similarity": "l2", "is_causal": is_causal}
    exact = attention(**{name: t.double() for name, t in x.items()}, **options)
    plain = rms(attention(**x, backend=backend, **options).double() - exact)
    got = attention(**padded, key_bias=bias, backend=backend, **options)[:, :, -16:]
    assert rms(got.double() - exact) <= 2 * plain < 1e-6


@pytest.mark.parametrize("is_causal", [False, True])
def test_l2_gradients_do_not_see_the_shift(is_causal):
    """Two orders and forward mode far from zero, under a mask, against distances written out, without a shift."""
    case = Case((1, 2, 9, 9, 4, 3), mean=5.0)
    seen = torch.arange(9).expand(1, 1, 9) % 3 != 0

    def distances(q, k, v):
        scores = -0.5 * (q[:, :, :, None] - k[:, :, None]).square().sum(-1)
        scores = scores.masked_fill(~seen[:, :, None], float("-inf"))
        if is_causal:
            scores = scores.masked_fill(torch.ones(9, 9, dtype=torch.bool).triu(1), float("-inf"))
        dead = (scores == float("-inf")).all(-1, keepdim=True)
        return scores.masked_fill(dead, 0.0).softmax(-1).masked_fill(dead, 0.0) @ v

    options = {"key_mask": seen, "is_causal": is_causal, "similarity": "l2", "scale": 0.5}
    results = []
    for f in (distances, lambda *x: attention(*x, backend="blockwise", **options)):
        x = tuple(make_inputs(case, torch.float64).values())
        out = f(*x)
        first = torch.autograd.grad(out.sin().sum(), x, create_graph=True)
        results.append([out, *first, *torch.autograd.grad(sum(g.square().sum() for g in first), x)])
    primals = tuple(t.detach() for t in make_inputs(case, torch.float64).values())
    tangents = tuple(t.cos() for t in primals)
    results[0] += torch.func.jvp(distances, primals, tangents)
    results[1] += attention_jvp(primals, tangents, **options)
    for expected, got in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-11)
