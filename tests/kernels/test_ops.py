"""The ops inside torch: opcheck, export, compiled R1 by values, autocast; and what isn't there raises."""

import shutil

import pytest
import torch
import torch.autograd.forward_ad as forward_ad
from torch import nn

from attngan_kernels import attention
from attngan_kernels.backends.blockwise import passes

OPS = torch.ops.attngan


BACKENDS = ["blockwise", "triton"]


def saved_tensors(inputs_of, d_v, bias, options):
    """Arguments for the ops, as autograd would pass them."""
    shape = (2, 2, 5, 4, 3, d_v)
    x = inputs_of(shape, torch.float32, bias) if "triton" in options else inputs_of(shape, bias=bias)
    q, k, v = x["q"], x["k"], x["v"]
    key_bias = x["key_bias"].expand(2, 2, 4).detach().requires_grad_() if bias else None
    saved = [t.detach() for t in OPS.attention_forward(q, k, v, key_bias, *options)]
    grad_out = torch.randn(saved[0].shape, dtype=q.dtype).requires_grad_()
    cotangents = [torch.randn(t.shape, dtype=t.dtype) for t in (q, k, v)]
    beta = torch.randn(2, 2, 4, dtype=q.dtype) if bias else None
    return [q, k, v, key_bias], grad_out, saved, [*cotangents, beta]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("d_v", "bias", "causal"), [(3, False, False), (3, True, True), (2, True, False), (2, False, True)]
)
def test_opcheck(inputs_of, d_v, bias, causal, backend):
    options = (0.6, causal, backend)
    inputs, grad_out, saved, cotangents = saved_tensors(inputs_of, d_v, bias, options)
    torch.library.opcheck(OPS.attention_forward.default, (*inputs, *options))
    torch.library.opcheck(OPS.attention_backward.default, (grad_out, *inputs, *saved, bias, *options))
    detached = [None if t is None else t.detach() for t in (grad_out, *inputs)]
    torch.library.opcheck(OPS.attention_double_backward.default, (*cotangents, *detached, *saved, *options))
    torch.library.opcheck(OPS.attention_jvp.default, (*cotangents, *detached[1:], *options))


def test_schema_that_the_exporter_translates():
    assert str(OPS.attention_forward.default._schema) == (
        "attngan::attention_forward(Tensor q, Tensor k, Tensor v, Tensor? key_bias, float scale, bool is_causal,"
        " str backend) -> (Tensor out, Tensor row_statistics)"
    )


class Block(nn.Module):
    """A layer as a discriminator has it: projections, attention, projection."""

    def __init__(self, similarity="dot", tied=False, **options):
        super().__init__()
        torch.manual_seed(0)
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)
        self.similarity, self.tied, self.options = similarity, tied, options

    def forward(self, x, mask=None):
        q, k, v = self.qkv(x).unflatten(-1, (6, 4)).transpose(1, 2).chunk(3, 1)
        k = q if self.tied else k
        y = attention(q, k, v, key_mask=mask, similarity=self.similarity, **self.options)
        return x + self.out(y.transpose(1, 2).flatten(2))


@pytest.mark.parametrize("similarity", ["dot", "l2"])
def test_export_with_a_dynamic_batch(similarity):
    block, batch = Block(similarity), torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(block, (torch.randn(3, 5, 8),), dynamic_shapes=({0: batch},))
    assert any(n.target is OPS.attention_forward.default for n in program.graph.nodes)
    for size in (1, 2, 7):
        x = torch.randn(size, 5, 8)
        torch.testing.assert_close(program.module()(x), block(x))


def r1_of(block, x, mask=None):
    """Critic score and the gradients of R1 (Mescheder et al. 2018, eq. 9) with respect to every parameter."""
    score = torch.tanh(block(x, mask)).sum()
    (gradient,) = torch.autograd.grad(score, x, create_graph=True)
    loss = score + gradient.square().sum()
    return loss.detach(), *torch.autograd.grad(loss, list(block.parameters()))


OPTIONS = [{}, {"similarity": "l2"}, {"tied": True}, {"is_causal": True}, {"similarity": "l2", "tied": True}]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("masked", [False, True])
def test_compiled_r1_step_equals_eager(options, masked):
    torch._dynamo.reset()
    block, x = Block(**options).double(), torch.randn(2, 5, 8).double().requires_grad_()
    mask = torch.tensor([[[True, True, False, True, True]], [[False] * 5]]) if masked else None
    eager = r1_of(block, x, mask)
    reference = r1_of(Block(**options, backend="reference").double(), x, mask)
    with torch._dynamo.config.patch(trace_autograd_ops=True):
        compiled = torch.compile(r1_of, fullgraph=True, backend="aot_eager")(block, x, mask)
    for a, b, c in zip(eager, compiled, reference, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(c, a, rtol=1e-11, atol=1e-12)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile for the CPU needs a C++ compiler")
def test_r1_step_compiled_to_machine_code():
    torch._dynamo.reset()
    block, x = Block(), torch.randn(2, 5, 8).requires_grad_()
    with torch._dynamo.config.patch(trace_autograd_ops=True):
        compiled = torch.compile(r1_of, fullgraph=True)(block, x)
    for a, b in zip(r1_of(block, x), compiled, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backend", ["blockwise", "reference", "sdpa"])
@pytest.mark.parametrize("similarity", ["dot", "l2"])
def test_autocast_casts_as_sdpa_does(inputs_of, backend, similarity):
    x = inputs_of((1, 2, 6, 5, 4, 4), torch.float32)
    x["k"] = x["k"].detach().bfloat16().requires_grad_()  # what a projection under autocast leaves beside a norm
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = attention(**x, backend=backend, similarity=similarity)
        out.float().square().sum().backward()
    exact = attention(**{n: t.double() for n, t in x.items()}, similarity=similarity)
    assert out.dtype == torch.bfloat16
    assert {n: t.grad.dtype for n, t in x.items()} == {n: t.dtype for n, t in x.items()}
    torch.testing.assert_close(out.double(), exact, rtol=0.05, atol=0.03)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert attention(**{n: t.double() for n, t in x.items()}, backend=backend).dtype == torch.float64


def test_r1_under_autocast(inputs_of, r1):
    x = inputs_of((2, 2, 9, 9, 8, 8), torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = r1(x)
    for name, exact in r1(x, backend="reference").items():
        assert (got[name].float() - exact).norm() <= 0.05 * exact.norm(), name


def test_no_grad_keeps_and_computes_nothing_for_a_backward(inputs_of, monkeypatch):
    x = inputs_of((1, 2, 5, 5, 4, 4), torch.float32)
    for f in ("backward", "double_backward"):
        monkeypatch.setattr(passes, f, lambda *_: pytest.fail("no derivative was asked for"))
    with torch.no_grad():
        assert attention(**x).grad_fn is None
    with torch.inference_mode():
        assert attention(**x, similarity="l2").grad_fn is None


def test_first_order_runs_no_double_backward(inputs_of, monkeypatch):
    monkeypatch.setattr(passes, "double_backward", lambda *_: pytest.fail("only first order was asked for"))
    attention(**inputs_of((1, 2, 5, 5, 4, 3), bias=True)).square().sum().backward()


def grads_of(f, x, order):
    y = f(*x)
    for _ in range(order):
        y = sum(g.square().sum() for g in torch.autograd.grad(y.square().sum(), x, create_graph=True))
    return y


def test_third_order_raises(inputs_of):
    x = [t.detach().requires_grad_() for t in inputs_of((1, 1, 3, 3, 2, 2)).values()]
    assert grads_of(attention, x, 2).isfinite()
    with pytest.raises(NotImplementedError, match="double backward can't be differentiated"):
        grads_of(attention, x, 3)
    assert grads_of(lambda *x: attention(*x, backend="reference"), x, 3).isfinite()


def test_forward_mode_raises(inputs_of):
    q, k, v = (t.detach() for t in inputs_of((1, 2, 3, 4, 2, 2)).values())
    bias = torch.zeros(1, 2, 4).double()
    for f, x in (
        (lambda q: attention(q, k, v), q),
        (lambda v: attention(q, k, v), v),
        (lambda k: attention(q, k, v, similarity="l2"), k),
        (lambda b: attention(q, k, v, key_bias=b), bias),
    ):
        with pytest.raises(NotImplementedError, match="forward-mode"):
            torch.func.jvp(f, (x,), (x,))
        with forward_ad.dual_level(), pytest.raises(NotImplementedError, match="forward-mode"):
            f(forward_ad.make_dual(x, x))
        with pytest.raises(NotImplementedError, match="forward-mode"):
            torch.func.jacfwd(f)(x)
    torch._dynamo.reset()
    with pytest.raises(NotImplementedError, match="forward-mode"):
        torch.func.jvp(torch.compile(attention, backend="aot_eager"), (q, k, v), (q, k, v))
    with pytest.raises(Exception, match="forward-mode"):
        torch.compile(lambda q: torch.func.jvp(lambda q: attention(q, k, v), (q,), (q,)), backend="aot_eager")(q)


def test_forward_mode_over_the_backward_raises(inputs_of):
    x = list(inputs_of((1, 2, 3, 4, 2, 2)).values())
    out = attention(*x)
    with forward_ad.dual_level(), pytest.raises(NotImplementedError, match="forward-mode"):
        torch.autograd.grad(out, x, forward_ad.make_dual(torch.ones_like(out), torch.ones_like(out)))


def dual_through(f, x):
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(f(forward_ad.make_dual(x, x))).tangent


NEEDS_COMPILER = pytest.mark.skipif(shutil.which("g++") is None, reason="Inductor needs a C++ compiler for the CPU")


@pytest.mark.parametrize("called_before", [False, True])
@pytest.mark.parametrize(
    ("backend", "factor"),
    # what Inductor's code computes before attention has lost its tangent by then, hence no factor there
    [("aot_eager", 1), ("aot_eager", 2), pytest.param("inductor", 1, marks=[pytest.mark.slow, NEEDS_COMPILER])],
)
def test_dual_tensors_under_compile_raise(inputs_of, called_before, backend, factor):
    """The graph runs on dual tensors that tracing never saw: the tangent was None."""
    q, k, v = (t.detach() for t in inputs_of((1, 2, 3, 4, 2, 2)).values())
    torch._dynamo.reset()
    compiled = torch.compile(lambda q: attention(q if factor == 1 else factor * q, k, v), backend=backend)
    if called_before:
        compiled(q)
    with pytest.raises(NotImplementedError, match="forward-mode"):
        dual_through(compiled, q)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_forward_mode_under_vmap_raises(inputs_of):
    q, k, v = (t.detach() for t in inputs_of((1, 2, 3, 4, 2, 2)).values())
    many = torch.stack([q, 2 * q])
    with pytest.raises(NotImplementedError, match="forward-mode"):
        torch.func.jvp(torch.func.vmap(lambda q: attention(q, k, v)), (many,), (many,))
    with pytest.raises(NotImplementedError, match="forward-mode"):
        torch.func.vmap(lambda t: torch.func.jvp(lambda q: attention(q, k, v), (q,), (t,)))(many)


def test_a_hessian_vector_product_is_no_third_order(inputs_of):
    """functional.hvp differentiates the double backward by its cotangents; vhp, its equal, takes two orders."""
    q, k, v = (t.detach() for t in inputs_of((1, 2, 3, 4, 2, 2)).values())

    def energy(q, backend="blockwise"):
        return attention(q, k, v, backend=backend).square().sum()

    with pytest.raises(NotImplementedError, match=r"functional.hvp .*functional.vhp"):
        torch.autograd.functional.hvp(energy, q, q)
    found = torch.autograd.functional.vhp(energy, q, q)[1]
    torch.testing.assert_close(found, torch.autograd.functional.hvp(lambda q: energy(q, "reference"), q, q)[1])


def test_functional_grad_raises_and_reference_has_it(inputs_of):
    q, k, v = (t.detach() for t in inputs_of((1, 2, 3, 4, 2, 2)).values())
    with pytest.raises(NotImplementedError, match="reference"):
        torch.func.grad(lambda q: attention(q, k, v).square().sum())(q)
    with pytest.raises(NotImplementedError, match="reference"):
        torch.func.grad(lambda q: torch.func.vmap(attention)(q[None], k[None], v[None]).square().sum())(q)
    torch.func.grad(lambda q: attention(q, k, v, backend="reference").square().sum())(q)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_vmap_is_right_though_it_loops(inputs_of):
    q, k, v = (t.detach() for t in inputs_of((3, 2, 3, 4, 2, 2)).values())
    one = torch.func.vmap(lambda q, k, v: attention(q[None], k[None], v[None])[0])(q, k, v)
    torch.testing.assert_close(one, attention(q, k, v))
    out, cotangents = attention(q.requires_grad_(), k, v), torch.randn(4, 3, 2, 3, 2).double()
    batched = torch.autograd.grad(out, q, cotangents, is_grads_batched=True, retain_graph=True)[0]
    for got, cotangent in zip(batched, cotangents, strict=True):
        torch.testing.assert_close(got, torch.autograd.grad(out, q, cotangent, retain_graph=True)[0])


def test_logsumexp_carries_no_gradient(inputs_of):
    x = inputs_of((1, 1, 3, 4, 2, 2))
    out, logsumexp = OPS.attention_forward(x["q"], x["k"], x["v"], None, 1.0, False, "blockwise")
    assert out.requires_grad and not logsumexp.requires_grad
    expected = torch.logsumexp(x["q"] @ x["k"].mT, -1)
    torch.testing.assert_close(logsumexp, expected.detach())


def test_saved_tensors_modified_in_place_are_noticed(inputs_of):
    x = inputs_of((1, 1, 3, 4, 2, 2))
    out = attention(x["q"] * 1, k := x["k"] * 1, x["v"])
    k.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()
