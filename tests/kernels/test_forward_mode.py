"""attention_jvp against torch's own forward mode through the written-out form."""

import pytest
import torch
import torch.autograd.forward_ad as forward_ad

from attngan_kernels import attention_jvp
from attngan_kernels.tooling.selfcheck_cases import Case, make_inputs, make_mask

CASES = [
    Case((2, 2, 9, 11, 4, 6)),
    Case((1, 2, 20, 20, 8, 8), is_causal=True, bias=True),
    Case((2, 2, 9, 11, 4, 4), similarity="l2", bias=True, mask="some"),
    Case((2, 1, 12, 9, 4, 4), mask="dead"),
    Case((2, 1, 12, 9, 4, 4), scale=-0.6, similarity="l2"),
]


def directions(case, dtype=torch.float64):
    x = {n: t.detach() for n, t in make_inputs(case, dtype).items()}
    primals = tuple(x.values())
    return primals, tuple(torch.randn(t.shape, dtype=t.dtype) for t in primals)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(("backend", "dtype"), [("blockwise", torch.float64), ("triton", torch.float32)])
def test_equals_the_reference(case, backend, dtype, small_tiles):
    primals, tangents = directions(case, dtype)
    options = {"key_mask": make_mask(case), "is_causal": case.is_causal}
    options |= {"similarity": case.similarity, "scale": case.scale}
    got = attention_jvp(primals, tangents, backend=backend, **options)
    exact = attention_jvp(primals, tangents, backend="reference", **options)
    tolerance = {"rtol": 1e-11, "atol": 1e-12} if dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-5}
    for a, b in zip(got, exact, strict=True):
        torch.testing.assert_close(a, b, **tolerance)


def test_is_the_limit_of_differences():
    primals, tangents = directions(CASES[2])
    options = {"similarity": "l2", "key_mask": make_mask(CASES[2])}
    step = 1e-6
    ahead, behind = (
        attention_jvp(tuple(x + s * t for x, t in zip(primals, tangents, strict=True)), tangents, **options)[0]
        for s in (step, -step)
    )
    torch.testing.assert_close(
        attention_jvp(primals, tangents, **options)[1], (ahead - behind) / (2 * step), atol=1e-7, rtol=1e-6
    )


@pytest.mark.parametrize("backend", ["blockwise", "triton"])
def test_has_no_derivative_of_its_own(backend):
    primals, tangents = directions(CASES[0], torch.float32)
    out, tangent = attention_jvp((primals[0].requires_grad_(), *primals[1:]), tangents, backend=backend)
    for result in (out, tangent):
        with pytest.raises(NotImplementedError, match="attention_jvp has no derivatives of its own"):
            result.sum().backward(retain_graph=True)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("similarity", ["dot", "l2"])
@pytest.mark.parametrize("place", [0, 1, 2, 3, 4, 5])
def test_forward_mode_through_it_raises(place, similarity):
    """By a primal or a tangent, alone, nested, under vmap, compiled and as dual tensors: it was silently 0."""
    primals, tangents = directions(CASES[0])
    x = (primals + tangents)[place]

    def f(x, backend="blockwise"):
        changed = [*primals, *tangents]
        changed[place] = x
        return attention_jvp(tuple(changed[:3]), tuple(changed[3:]), similarity=similarity, backend=backend)[1]

    many = torch.stack([x, x + 1])
    for attempt in (
        lambda: torch.func.jvp(f, (x,), (x,)),
        lambda: torch.func.jvp(torch.func.vmap(f), (many,), (many,)),
        lambda: torch.func.jvp(lambda x: torch.func.jvp(f, (x,), (x,))[1], (x,), (x,)),
        lambda: torch.func.jvp(torch.compile(f, backend="eager"), (x,), (x,)),
    ):
        with pytest.raises(NotImplementedError, match=r"forward-mode .* backend='reference'"):
            attempt()
    with forward_ad.dual_level(), pytest.raises(NotImplementedError, match=r"forward-mode .* backend='reference'"):
        f(forward_ad.make_dual(x, x))
    step = 1e-6
    slope = (f(x + step * x) - f(x - step * x)) / (2 * step)
    nested = torch.func.jvp(lambda x: f(x, "reference"), (x,), (x,))[1]
    torch.testing.assert_close(nested, slope, rtol=1e-6, atol=1e-7)


def test_bad_arguments_are_named():
    primals, tangents = directions(CASES[0])
    for bad, message in (
        (tangents[:2], r"must both be \(q, k, v\) or .* got 3 and 2 tensors"),
        ((tangents[0][..., :3], *tangents[1:]), r"tangent of q must be like it: q is \[2, 2, 9, 4\] .* \[2, 2, 9, 3\]"),
        ((*tangents[:2], tangents[2].float()), r"tangent of v must be like it: .*float64 .*float32"),
    ):
        with pytest.raises(ValueError, match=message):
            attention_jvp(primals, bad)
    with pytest.raises(ValueError, match=r"'triton' can't run this: .*float64"):
        attention_jvp(primals, tangents, backend="triton")
    with pytest.raises(ValueError, match=r"attention_jvp takes backend .* got 'sdpa'"):
        attention_jvp(primals, tangents, backend="sdpa")
    with pytest.raises(ValueError, match="similarity must be one of"):
        attention_jvp(primals, tangents, similarity="cosine")


def test_under_autocast_as_attention():
    primals, tangents = directions(CASES[0], torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, tangent = attention_jvp(primals, tangents)
    assert out.dtype == tangent.dtype == torch.bfloat16


def test_empty_and_expanded():
    x = torch.randn(2, 1, 0, 4)
    out, tangent = attention_jvp(
        (x, torch.randn(2, 1, 3, 4), torch.randn(2, 1, 3, 5)), (x, *[torch.zeros(2, 1, 3, d) for d in (4, 5)])
    )
    assert out.shape == tangent.shape == (2, 1, 0, 5)
    one = torch.randn(1, 1, 1, 4).expand(2, 3, 5, 4)
    out, tangent = attention_jvp((one, one, one), (one, one, one))
    torch.testing.assert_close(tangent, one)
