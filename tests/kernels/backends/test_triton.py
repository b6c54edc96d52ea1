"""The Triton kernels in Triton's interpreter, against float64: outputs and all gradients of two orders."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attngan_kernels import attention, explain
from attngan_kernels.backends.triton import backend as triton_backend
from attngan_kernels.backends.triton import configs
from attngan_kernels.backends.triton.configs import Config
from attngan_kernels.tooling.selfcheck_cases import QUICK, Case, make_mask
from attngan_kernels.tooling.selfcheck_errors import compare_case, rms, to_float64
from tests.kernels.layouts import LAYOUTS

pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # numpy, on keys never stored
F32, F16, BF16 = torch.float32, torch.float16, torch.bfloat16


def assert_within_tolerance(case, dtype, **options):
    for found in compare_case(case, dtype, "triton", **options):
        assert found.ok, found


def sweep():
    """Every case in every dtype; of float16, which differs from bfloat16 in its range alone, every third at once."""
    for place, case in enumerate(QUICK):
        for dtype in (F32, F16, BF16):
            later = [pytest.mark.slow] * (dtype == F16 and place % 3 > 0)
            yield pytest.param(case, dtype, marks=later, id=f"{case}-{dtype}")


@pytest.mark.parametrize(("case", "dtype"), list(sweep()))
def test_sweep(case, dtype):
    assert_within_tolerance(case, dtype)


@pytest.mark.parametrize("dtype", [F32, F16], ids=str)
@pytest.mark.parametrize("is_causal", [False, True])
def test_every_term(is_causal, dtype):
    """What mutate.py runs: one case that no term of any derivative is absent from."""
    assert_within_tolerance(Case((2, 1, 36, 34, 7, 10), is_causal=is_causal, bias=True, mask="some"), dtype)


@pytest.mark.parametrize("config", [Config(32, 16, 16, 4, 1), Config(16, 32, 64, 4, 1)])
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("dtype", [F32, BF16], ids=str)
def test_tiles_of_other_shapes(monkeypatch, config, is_causal, dtype):
    monkeypatch.setattr(configs, "lookup", lambda *_: config)
    assert_within_tolerance(Case((1, 2, 50, 70, 20, 36), is_causal=is_causal, bias=True, mask="padding"), dtype)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, n) for n in (2, 3, 40, 40, 20, 20)]),
    is_causal=st.booleans(),
    similarity=st.sampled_from(["dot", "l2"]),
    bias=st.booleans(),
    mask=st.sampled_from(["none", "some", "padding", "dead"]),
    seed=st.integers(0, 2**16),
)
def test_any_shape(inputs_of, r1, shape, is_causal, similarity, bias, mask, seed):
    """One tensor's error over one small reference is a coin toss: here only gross loss is looked for."""
    case = Case(shape, is_causal, similarity, bias, mask)
    options = {"is_causal": is_causal, "similarity": similarity, "key_mask": make_mask(case)}
    x = inputs_of(shape, F32, bias, seed)
    exact = r1(to_float64(x), backend="reference", **options)
    largest = max(rms(t) for t in exact.values())
    for name, got in r1(x, backend="triton", **options).items():
        torch.testing.assert_close(got.double(), exact[name], rtol=1e-4, atol=1e-5 * max(largest, 1.0), msg=name)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_strides(inputs_of, check, layout):
    x = inputs_of((2, 2, 18, 20, 8, 12), F32)
    check({name: LAYOUTS[layout](t.detach()).requires_grad_() for name, t in x.items()}, backend="triton")


def test_nothing_is_copied(inputs_of, monkeypatch):
    """The kernels get the very memory that the caller has, in whatever layout."""
    x = [LAYOUTS["heads inside"](t.detach()) for t in inputs_of((2, 2, 18, 20, 8, 12), F32).values()]
    given_pointers, seen = {t.data_ptr() for t in x}, set()
    run = triton_backend.launcher.run

    def spy(kernel, programs, like, arguments, options):
        seen.update(a[0].data_ptr() for a in arguments if isinstance(a, tuple))
        run(kernel, programs, like, arguments, options)

    monkeypatch.setattr(triton_backend.launcher, "run", spy)
    attention(*x, backend="triton")
    assert given_pointers <= seen


def test_strided_and_expanded_cotangents(inputs_of):
    for readout in (
        torch.sum,
        lambda o: (o.transpose(1, 3).contiguous() ** 2).sum(),
        lambda o: (o[..., ::2] ** 3).sum(),
    ):
        grads = []
        for backend in ("triton", "reference"):
            x = list(inputs_of((2, 2, 17, 18, 4, 6), F32).values())
            first = torch.autograd.grad(readout(attention(*x, backend=backend)), x, create_graph=True)
            outer = first[0].mT.contiguous().square().sum() + first[1].sum() + first[2][..., ::2].sum()
            grads.append([*first, *torch.autograd.grad(outer, x)])
        for fast, slow in zip(*grads, strict=True):
            torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-4)


def test_two_runs_give_the_same_bits(inputs_of, r1):
    x = inputs_of((2, 2, 40, 40, 16, 16), BF16, bias=True)
    first, second = (r1(x, backend="triton", is_causal=True) for _ in range(2))
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_padding_is_not_read(inputs_of, r1):
    """Whole tiles that a mask hides at either end are skipped: what stands there can't reach the result."""
    x = inputs_of((2, 1, 20, 96, 8, 8), F32)
    mask = torch.zeros(2, 1, 96, dtype=torch.bool)
    mask[0, 0, 31:60], mask[1, 0, 2:10] = True, True  # 31 is the last key of its tile
    clean = r1(x, backend="triton", key_mask=mask)
    for name in "kv":
        poisoned = x[name].detach().clone()
        poisoned[0, :, :16], poisoned[0, :, 64:], poisoned[1, :, 16:] = float("nan"), float("nan"), float("nan")
        x[name] = poisoned.requires_grad_()
    for name, value in r1(x, backend="triton", key_mask=mask).items():
        assert torch.equal(value, clean[name]), name


def test_a_mask_of_the_lowest_number_is_no_missing_key(inputs_of):
    """Such a row attends to all keys alike, as in the reference."""
    x = inputs_of((1, 2, 17, 20, 8, 8), F32)
    for lowest in (torch.finfo(F32).min, torch.finfo(BF16).min):
        bias = torch.full((1, 2, 20), lowest)
        got, expected = (attention(**x, key_bias=bias, backend=name) for name in ("triton", "reference"))
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_nan_is_not_hidden(inputs_of):
    x = inputs_of((1, 1, 17, 20, 8, 8), F32)
    broken = x["k"].detach().clone()
    broken[0, 0, 3, 3] = float("nan")
    for similarity in ("dot", "l2"):
        assert attention(x["q"], broken, x["v"], similarity=similarity, backend="triton").isnan().all()
    assert attention(**x, key_bias=torch.full((1, 1, 20), float("nan")), backend="triton").isnan().all()


@pytest.mark.parametrize("shape", [(0, 2, 3, 4, 2, 2), (2, 0, 3, 4, 2, 2), (1, 1, 0, 4, 2, 3), (1, 2, 3, 0, 2, 2)])
def test_empty(inputs_of, r1, shape):
    x = inputs_of(shape, F32)
    for name, value in r1(x, backend="triton").items():
        assert (value == 0).all(), name


def test_only_some_inputs_require_gradients(inputs_of):
    for wanted in ("q", "v", "key_bias"):
        grads = []
        for backend in ("triton", "reference"):
            x = inputs_of((1, 2, 17, 18, 3, 3), F32, bias=True)
            for name, t in x.items():
                t.requires_grad_(name == wanted)
            first = torch.autograd.grad(attention(**x, backend=backend).pow(3).sum(), x[wanted], create_graph=True)
            grads.append([*first, *torch.autograd.grad(first[0].square().sum(), x[wanted])])
        for fast, slow in zip(*grads, strict=True):
            torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("similarity", ["dot", "l2"])
def test_compiled_r1_step_equals_eager(similarity):
    q = torch.randn(1, 2, 17, 8).requires_grad_()

    def step(q):
        out = torch.tanh(attention(q, q, q, similarity=similarity, backend="triton")).sum()
        (gradient,) = torch.autograd.grad(out, q, create_graph=True)
        return torch.autograd.grad(out + gradient.square().sum(), q)[0]

    torch._dynamo.reset()
    with torch._dynamo.config.patch(trace_autograd_ops=True):
        compiled = torch.compile(step, fullgraph=True, backend="aot_eager")(q)
    torch.testing.assert_close(compiled, step(q))


def test_third_order_raises(inputs_of):
    q = inputs_of((1, 1, 3, 3, 2, 2), F32)["q"]
    y = attention(q, q, q, backend="triton").square().sum()
    for _ in range(2):
        y = torch.autograd.grad(y, q, create_graph=True)[0].square().sum()
    with pytest.raises(NotImplementedError, match="third derivative"):
        y.backward()


BEYOND = [
    (
        torch.zeros(1, 1, 3, 4).double(),
        torch.zeros(1, 1, 3, 4).double(),
        "take float32, float16 or bfloat16, not float64",
    ),
    (torch.zeros(1, 1, 3, 129), torch.zeros(1, 1, 3, 4), r"D_k = 129 is more than the 128"),
    (torch.zeros(1, 1, 3, 8), torch.zeros(1, 1, 3, 257), r"D_v = 257 is more than the 256"),
    (torch.zeros(1, 1, 3, 4, device="meta"), torch.zeros(1, 1, 3, 4, device="meta"), "not on meta"),
]


@pytest.mark.parametrize(("q", "v", "message"), BEYOND)
def test_outside_its_limits(q, v, message):
    with pytest.raises(ValueError, match=f"backend='triton' can't run this: .*{message}.*; backend='auto' takes"):
        attention(q, q, v, backend="triton")
    with pytest.raises(ValueError, match=message):
        explain(q, q, v, backend="triton")
    assert explain(q, q, v).backend == "blockwise"


def test_on_the_cpu_it_needs_the_interpreter(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    q = torch.zeros(1, 1, 3, 4)
    with pytest.raises(ValueError, match=r"run on CUDA .*not on cpu"):
        attention(q, q, q, backend="triton")


def on_cuda(dtype=BF16, d=64, rows=100, strides=None):
    """What `choose` looks at of a tensor on CUDA."""
    strides = strides or (d * rows, d * rows, d, 1)
    return SimpleNamespace(device=torch.device("cuda"), dtype=dtype, shape=(1, 1, rows, d), stride=lambda: strides)


def test_cotangents_too_far_apart_to_index_are_copied(monkeypatch):
    monkeypatch.setattr(triton_backend, "MAX_SPAN", 1000)
    near, far = torch.zeros(1, 1, 20, 8), torch.zeros(20, 9, 1, 8).permute(2, 1, 0, 3)  # far: rows 72 elements apart
    assert triton_backend._with_strides(near)[0][0] is near
    copied = triton_backend._with_strides(far)[0]
    assert copied[0].is_contiguous() and copied[1:] == (0, 160, 8, 1)


def test_auto_takes_triton_on_cuda_within_its_limits(monkeypatch):
    from attngan_kernels.attention import choose

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Test GPU")
    assert choose("auto", *[on_cuda()] * 3) == ("triton", "auto takes it on CUDA")
    for x, why in (
        (on_cuda(torch.float64), "not float64"),
        (on_cuda(d=160), "D_k = 160 is more than the 128"),
        (on_cuda(rows=2**25 + 1), "one head of q spans 2147483711 elements"),
        (on_cuda(strides=(1, 1, 1, 2**26)), "one head of q spans 4227858531 elements"),
    ):
        name, reason = choose("auto", x, x, x)
        assert (name, why in reason) == ("blockwise", True), reason
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert choose("auto", *[on_cuda()] * 3) == (
        "blockwise",
        "auto takes it since Test GPU is older than compute capability 8.0",
    )
