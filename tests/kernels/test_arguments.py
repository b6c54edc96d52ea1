"""Bad arguments get a ValueError that names them; explain says what would run."""

import math

import pytest
import torch

from attngan_kernels import attention, attention_weights, explain


def good():
    return {"q": torch.randn(2, 3, 5, 4), "k": torch.randn(2, 3, 7, 4), "v": torch.randn(2, 3, 7, 6)}


BAD = [
    ({"q": torch.randn(3, 5, 4)}, r"q must be 4-D \[B, H, N, D\], got shape \[3, 5, 4\]"),
    ({"v": torch.randn(2, 3, 7)}, r"v must be 4-D"),
    ({"k": torch.randn(2, 3, 7, 5)}, r"k and q must agree .*k is \[2, 3, 7, 5\], q is \[2, 3, 5, 4\]"),
    ({"k": torch.randn(1, 3, 7, 4)}, r"k and q must agree .*k is \[1, 3, 7, 4\], q is \[2, 3, 5, 4\]"),
    ({"v": torch.randn(2, 3, 8, 6)}, r"v and k must agree .*v is \[2, 3, 8, 6\], k is \[2, 3, 7, 4\]"),
    ({"v": torch.randn(2, 1, 7, 6)}, r"v and k must agree .*v is \[2, 1, 7, 6\]"),
    ({"k": torch.randn(2, 3, 7, 4).double()}, r"k and q must have one dtype: k is torch.float64, q is torch.float32"),
    ({"v": torch.randn(2, 3, 7, 6).half()}, r"v and k must have one dtype"),
    ({"k": torch.empty(2, 3, 7, 4, device="meta")}, r"k and q must be on one device: k is on meta, q on cpu"),
    ({"q": torch.ones(2, 3, 5, 4, dtype=torch.int64)}, r"q must be float64, .* got torch.int64"),
    ({"q": torch.ones(2, 3, 5, 0), "k": torch.ones(2, 3, 7, 0)}, r"q must have D_k of at least 1"),
    (
        {"key_bias": torch.zeros(2, 3, 5)},
        r"key_bias must have shape \[B\|1, H\|1, N_k\] for k of shape \[2, 3, 7, 4\]",
    ),
    ({"key_bias": torch.zeros(2, 7)}, r"key_bias must have shape .* got shape \[2, 7\]"),
    ({"key_bias": torch.zeros(2, 3, 5, 7)}, r"key_bias must have shape .* got shape \[2, 3, 5, 7\]"),
    ({"key_bias": torch.ones(1, 1, 7, dtype=torch.bool)}, r"key_bias must be floating point, .* key_mask"),
    ({"key_bias": torch.ones(1, 1, 7).double()}, r"key_bias is float64 but q is torch.float32"),
    ({"key_bias": torch.zeros(1, 1, 7, device="meta")}, r"key_bias must be on k's device"),
    ({"key_mask": torch.ones(3, 3, 7, dtype=torch.bool)}, r"key_mask must have shape"),
    ({"key_mask": torch.ones(1, 1, 7)}, r"key_mask must be bool \(True = attend\), got torch.float32"),
    ({"similarity": "cosine"}, r"similarity must be one of 'dot', 'l2', got 'cosine'"),
    ({"scale": math.nan}, r"scale must be finite"),
    ({"scale": torch.tensor(2.0)}, r"scale must be a number, got a tensor"),
    ({"backend": "flash"}, r"backend must be 'auto' or one of 'triton', 'blockwise', 'reference', 'sdpa', got 'flash'"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        attention(**{**good(), **change})
    with pytest.raises(ValueError, match=message):
        explain(**{**good(), **change})
    if not {"v", "backend"} & set(change):
        arguments = {n: x for n, x in {**good(), **change}.items() if n != "v"}
        with pytest.raises(ValueError, match=message):
            attention_weights(**arguments)


def test_explain():
    x = good()
    assert explain(**x).backend == "blockwise"
    assert "D_k ≠ D_v" in explain(**x).reason
    assert "aten's flash kernels" in explain(**{**x, "v": x["v"][..., :4]}).reason
    assert str(explain(**x, backend="reference")).startswith("reference: asked for by name; ")
    assert "first-order" in explain(**x, backend="sdpa").reason


def test_half_precision_biases_are_kept_in_float32():
    x = {n: t.bfloat16() for n, t in good().items()}
    fine = torch.linspace(100, 100.5, 7).view(1, 1, 7)  # bfloat16 would round all of it to 100 or 100.5
    for backend in ("blockwise", "reference", "sdpa"):
        got = attention(**x, key_bias=fine, backend=backend).double()
        exact = attention(**{n: t.double() for n, t in x.items()}, key_bias=fine.double(), backend="reference")
        torch.testing.assert_close(got, exact, rtol=0.02, atol=0.01)
    attention(**x, key_bias=fine.bfloat16())
