"""blockwise against the reference and against finite differences: outputs and all gradients of two orders."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from attngan_kernels import attention
from attngan_kernels.backends.blockwise import aten_flash
from tests.kernels.layouts import LAYOUTS

# B, H, N_q, N_k, D_k, D_v
SHAPES = [(2, 1, 3, 4, 2, 3), (1, 1, 1, 1, 1, 1), (1, 2, 5, 2, 2, 2), (2, 1, 2, 5, 3, 1)]


def masked(shape, kind):
    B, H, _, n_k, _, _ = shape
    if kind == "none":
        return None
    if kind == "dead":  # the first batch item has no key at all
        return torch.arange(B).view(B, 1, 1).expand(B, 1, n_k) > 0
    return (torch.arange(H * n_k).view(1, H, n_k) % 3) != 0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("similarity", ["dot", "l2"])
@pytest.mark.parametrize(
    ("causal", "bias", "mask"), [(False, False, "none"), (True, True, "some"), (False, True, "dead")]
)
def test_gradcheck(inputs_of, small_tiles, shape, similarity, causal, bias, mask):
    x = inputs_of(shape, bias=bias)

    def f(*tensors):
        named = dict(zip(x, tensors, strict=True))
        options = {"key_mask": masked(shape, mask), "is_causal": causal, "similarity": similarity}
        return attention(**named, backend="blockwise", **options)

    assert gradcheck(f, tuple(x.values()))
    assert gradgradcheck(f, tuple(x.values()))


@pytest.mark.parametrize("mask", ["none", "some", "dead"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("similarity", ["dot", "l2"])
def test_tied_queries_and_keys(inputs_of, check, mask, causal, similarity):
    shape = (2, 2, 4, 4, 3, 3)
    q, v = (inputs_of(shape)[name] for name in "qv")

    def f(q, v):
        options = {"key_mask": masked(shape, mask), "is_causal": causal, "similarity": similarity}
        return attention(q, q, v, backend="blockwise", **options)

    assert gradcheck(f, (q, v))
    assert gradgradcheck(f, (q, v))


CASES = [
    # shape, options
    ((2, 2, 33, 65, 8, 8), {}),
    ((1, 2, 65, 33, 8, 20), {}),
    ((2, 1, 40, 40, 16, 16), {"is_causal": True}),
    ((2, 1, 70, 30, 5, 7), {"is_causal": True}),
    ((1, 1, 64, 16, 4, 16), {"scale": 1.0}),
    ((1, 2, 300, 40, 8, 8), {"similarity": "l2"}),
    ((1, 2, 20, 300, 8, 4), {"similarity": "l2", "is_causal": True}),
]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("shape", "options"), CASES)
def test_dtypes(inputs_of, check, dtype, bias, shape, options):
    check(inputs_of(shape, dtype, bias), **options)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("is_causal", [False, True])
def test_our_own_tiles_where_aten_would_run(inputs_of, check, monkeypatch, small_tiles, dtype, is_causal):
    monkeypatch.setattr(aten_flash, "applies", lambda q, v: False)
    check(inputs_of((2, 3, 9, 11, 4, 4), dtype), is_causal=is_causal)


@pytest.mark.parametrize("shape", [(3, 1, 3), (1, 2, 3), (3, 2, 3), (1, 1, 3)])
def test_masks_and_biases_broadcast(inputs_of, check, shape):
    x = inputs_of((3, 2, 5, 3, 4, 4))
    bias = torch.linspace(-2, 2, shape[0] * shape[1] * 3, dtype=torch.float64)
    x["key_bias"] = bias.view(shape).requires_grad_()
    mask = torch.ones(shape, dtype=torch.bool)
    mask.view(-1)[1] = False
    mask[-1, -1] = False
    check(x, key_mask=mask)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("d_v", [4, 5])
@pytest.mark.parametrize("which", ["q", "k", "v"])
def test_non_contiguous_inputs(inputs_of, check, layout, d_v, which):
    x = inputs_of((2, 3, 8, 8, 4, d_v))
    x[which] = LAYOUTS[layout](x[which].detach()).requires_grad_()
    check(x)


@pytest.mark.parametrize("d_v", [3, 4])
def test_non_contiguous_cotangents(inputs_of, d_v):
    """out.sum() and its like hand over cotangents of stride 0, a transposed readout transposed ones."""
    for readout in (
        torch.sum,
        lambda o: (o.transpose(1, 3).contiguous() ** 2).sum(),
        lambda o: (o[..., ::2] ** 3).sum(),
    ):
        grads = []
        for backend in ("blockwise", "reference"):
            x = list(inputs_of((2, 2, 5, 6, 4, d_v)).values())
            first = torch.autograd.grad(readout(attention(*x, backend=backend)), x, create_graph=True)
            outer = first[0].mT.contiguous().square().sum() + first[1].sum() + first[2][..., ::2].sum()
            grads.append([*first, *torch.autograd.grad(outer, x)])
        for fast, slow in zip(*grads, strict=True):
            torch.testing.assert_close(fast, slow, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_l2_with_large_means(inputs_of, check, dtype):
    x = inputs_of((1, 2, 24, 24, 8, 8), dtype)
    x["q"], x["k"] = ((x[n].detach() + 30).requires_grad_() for n in "qk")
    check(x, similarity="l2")


@pytest.mark.parametrize("mask", [None, (torch.arange(96) % 4 != 3).view(1, 1, 96)])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("loud", ["q", "k"])
def test_large_logits(inputs_of, check, mask, bias, loud):
    """Rows with one weight near 1, where P(1 − P) cancels: exp(S − L) alone was 25 times the reference's error."""
    x = inputs_of((2, 4, 64, 96, 8, 6), torch.float32, bias)
    x[loud] = (x[loud].detach() * 12).requires_grad_()
    check(x, key_mask=mask)


def test_fully_masked_rows_are_zero_in_every_order(inputs_of, r1):
    x = inputs_of((2, 2, 4, 5, 3, 3), torch.float32, bias=True)
    mask = torch.tensor([False, True]).view(2, 1, 1).expand(2, 1, 5)
    for d_v in (3, 2):
        y = {**x, "v": x["v"].detach()[..., :d_v].requires_grad_()}
        for backend in ("blockwise", "reference"):
            for name, value in r1(y, key_mask=mask, backend=backend).items():
                assert value.isfinite().all(), (backend, name)
                if "bias" not in name:
                    assert (value[0] == 0).all(), (backend, name)
                    assert (value[1] != 0).any(), (backend, name)


def test_a_mask_is_a_bias_of_minus_infinity_and_removes_the_keys(inputs_of):
    x = inputs_of((2, 2, 4, 6, 3, 3))
    mask = torch.tensor([True, False, True, True, False, True]).view(1, 1, 6)
    infinite = torch.zeros(1, 1, 6).double().masked_fill(~mask, float("-inf"))
    kept = {"q": x["q"], "k": x["k"][:, :, mask[0, 0]], "v": x["v"][:, :, mask[0, 0]]}
    torch.testing.assert_close(attention(**x, key_mask=mask), attention(**kept))
    torch.testing.assert_close(attention(**x, key_bias=infinite), attention(**kept))


@pytest.mark.parametrize("shape", [(0, 2, 3, 4, 2, 2), (2, 0, 3, 4, 2, 2), (1, 1, 0, 4, 2, 3), (1, 2, 3, 0, 2, 2)])
def test_empty(inputs_of, r1, shape):
    x = inputs_of(shape)
    for name, value in r1(x).items():
        assert (value == 0).all(), name
    assert r1(x)["out"].shape == (*shape[:3], shape[5])


def test_only_some_inputs_require_gradients(inputs_of):
    for wanted in ("q", "k", "v", "key_bias", "qv", "kv"):
        grads = []
        for backend in ("blockwise", "reference"):
            x = inputs_of((1, 2, 5, 6, 3, 3), bias=True)
            keep = [t for n, t in x.items() if n in wanted or n == wanted]
            for n, t in x.items():
                t.requires_grad_(n in wanted or n == wanted)
            first = torch.autograd.grad(attention(**x, backend=backend).square().sum(), keep, create_graph=True)
            second = torch.autograd.grad(sum(g.square().sum() for g in first), keep)
            grads.append([*first, *second])
        for fast, slow in zip(*grads, strict=True):
            torch.testing.assert_close(fast, slow, rtol=1e-11, atol=1e-12)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.tuples(*[st.integers(1, n) for n in (3, 3, 40, 40, 9, 9)]),
    dtype=st.sampled_from([torch.float64, torch.float32]),
    is_causal=st.booleans(),
    bias=st.booleans(),
    similarity=st.sampled_from(["dot", "l2"]),
    seed=st.integers(0, 2**16),
)
def test_any_shape(inputs_of, check, small_tiles, shape, dtype, is_causal, bias, similarity, seed):
    x = inputs_of(shape, dtype, bias, seed)
    if dtype == torch.float64:
        check(x, is_causal=is_causal, similarity=similarity)
        return
    # One tensor's error over one small reference is a coin toss: in float32 only gross loss is looked for here.
    got = attention(**x, is_causal=is_causal, similarity=similarity)
    exact = attention(**{n: t.double() for n, t in x.items()}, is_causal=is_causal, similarity=similarity)
    torch.testing.assert_close(got, exact.float(), rtol=1e-5, atol=1e-5)
