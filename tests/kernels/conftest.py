"""What the kernel tests share: inputs, a whole R1 step, and tiles so small that tiny inputs need many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from attngan_kernels import attention, tiles


def make_inputs(
    shape: tuple[int, int, int, int, int, int], dtype: torch.dtype = torch.float64, bias: bool = False, seed: int = 0
) -> dict[str, Tensor]:
    """q, k, v and maybe key_bias, requiring gradients. shape: B, H, N_q, N_k, D_k, D_v."""
    B, H, n_q, n_k, d_k, d_v = shape
    g = torch.Generator().manual_seed(seed)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    sizes = {"q": (B, H, n_q, d_k), "k": (B, H, n_k, d_k), "v": (B, H, n_k, d_v)}
    inputs = {name: torch.randn(size, generator=g, dtype=torch.float64).to(dtype) for name, size in sizes.items()}
    if bias:
        inputs["key_bias"] = torch.randn(1, H, n_k, generator=g, dtype=torch.float64).to(wide)
    return {name: x.requires_grad_() for name, x in inputs.items()}


def r1_step(inputs: dict[str, Tensor], **options: Any) -> dict[str, Tensor]:
    """Output, first and second derivatives of a nonlinear readout's squared gradient, by input."""
    names, tensors = list(inputs), list(inputs.values())
    out = attention(**inputs, **options)
    wide = torch.float64 if out.dtype == torch.float64 else torch.float32
    weight = torch.linspace(-1, 1, out.numel(), dtype=wide).view_as(out).roll(1, -1)
    first = torch.autograd.grad(torch.tanh(out.to(wide) * weight).sum(), tensors, create_graph=True)
    penalty = sum((g.to(wide).square().sum() for g in first), torch.zeros((), dtype=wide))
    second = torch.autograd.grad(penalty, tensors)
    return {
        "out": out.detach(),
        **{f"d{n}": g.detach() for n, g in zip(names, first, strict=True)},
        **{f"dd{n}": g for n, g in zip(names, second, strict=True)},
    }


def in_float64(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: x.detach().double().requires_grad_() for name, x in inputs.items()}


def check_against_reference(inputs: dict[str, Tensor], **options: Any) -> None:
    """Every output and gradient: at most twice the same-dtype reference's error, or 4 eps of the tensor's scale.

    Errors and scales are root mean squares: the largest of a few hundred rounding errors is a coin toss. float64 has
    no better reference: 1e-12 of the tensor's scale, or 1e-13.
    """
    exact = r1_step(in_float64(inputs), backend="reference", **options)
    got = r1_step(inputs, backend="blockwise", **options)
    same = r1_step(inputs, backend="reference", **options)
    eps = torch.finfo(inputs["q"].dtype).eps
    for name, expected in exact.items():
        assert got[name].dtype == same[name].dtype, name
        assert got[name].shape == expected.shape, name
        assert got[name].isfinite().all(), name
        error, scale = rms(got[name].double() - expected), rms(expected)
        if eps < 1e-10:
            assert error <= 1e-12 * scale + 1e-13, (name, error, scale)
        else:
            allowed = 2 * rms(same[name].double() - expected)
            assert error <= max(allowed, 4 * eps * scale, 4 * eps * eps), (name, error, allowed, scale)


def rms(x: Tensor) -> float:
    return x.square().mean().sqrt().item() if x.numel() else 0.0


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of at most 2 rows and 24 elements, so that a few heads of a few rows already need several."""
    monkeypatch.setattr(tiles, "MAX_ROWS", 2)
    monkeypatch.setattr(tiles, "elements_per_map", lambda device: 24)


@pytest.fixture
def inputs_of() -> Callable[..., dict[str, Tensor]]:
    return make_inputs


@pytest.fixture
def check() -> Callable[..., None]:
    return check_against_reference


@pytest.fixture
def r1() -> Callable[..., dict[str, Tensor]]:
    return r1_step
