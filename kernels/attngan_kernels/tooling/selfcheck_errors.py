"""Errors of a backend against the reference in float64: outputs, every gradient of two orders, and forward mode.

Every error must be at most twice that of the reference in the same dtype, which multiplies in float32 and rounds once,
or 4 eps of the tensor's scale, 3 in half precision. Errors and scales are root mean squares: the largest of a few
hundred rounding errors is a coin toss.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from attngan_kernels import attention, attention_jvp
from attngan_kernels.arguments import accumulating_type
from attngan_kernels.tooling.selfcheck_cases import Case, make_inputs, make_mask


class TensorError(NamedTuple):
    """Root mean square error of one tensor, what is allowed, and the tensor's own scale."""

    tensor: str
    error: float
    allowed: float
    scale: float

    @property
    def ok(self) -> bool:
        return self.error <= self.allowed  # false for NaN


def derivatives(inputs: dict[str, Tensor], **options: Any) -> dict[str, Tensor]:
    """Output, first and second derivatives of a nonlinear readout's squared gradient, by input; q alone is tied."""
    names, tensors = list(inputs), list(inputs.values())
    out = attention(**{"k": inputs["q"], **inputs, **options})
    wide = accumulating_type(out)
    weight = torch.linspace(-1, 1, out.numel(), dtype=wide, device=out.device).view_as(out).roll(1, -1)
    first = torch.autograd.grad(torch.tanh(out.to(wide) * weight).sum(), tensors, create_graph=True)
    penalty = torch.stack([g.to(wide).square().sum() for g in first]).sum()
    second = torch.autograd.grad(penalty, tensors)
    return {
        "out": out.detach(),
        **{f"d{n}": g.detach() for n, g in zip(names, first, strict=True)},
        **{f"dd{n}": g for n, g in zip(names, second, strict=True)},
    }


def forward_mode(inputs: dict[str, Tensor], **options: Any) -> Tensor:
    """The derivative of the output along fixed directions."""
    x = {name: t.detach() for name, t in {"k": inputs["q"], **inputs}.items()}
    order = [n for n in ("q", "k", "v", "key_bias") if n in x]
    tangents = tuple(x[n].roll(1, -1).cos() for n in order)  # of order 1, however large the inputs
    return attention_jvp(tuple(x[n] for n in order), tangents, **options)[1]


def to_float64(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: x.detach().double().requires_grad_() for name, x in inputs.items()}


def compare(inputs: dict[str, Tensor], backend: str, **options: Any) -> Iterator[TensorError]:
    """Errors of `backend` against the reference in float64, beside those of the reference in the inputs' dtype.

    float64 has no better reference: 1e-12 of the tensor's scale, or 1e-13. A tensor that vanishes, as dq does where
    there is one key, is what large terms leave on cancelling: its error is measured by the largest tensor's scale.
    """
    exact, same, got = (
        derivatives(x, backend=name, **options) | {"jvp": forward_mode(x, backend=name, **options)}
        for x, name in ((to_float64(inputs), "reference"), (inputs, "reference"), (inputs, backend))
    )
    eps = torch.finfo(inputs["q"].dtype).eps
    largest = max(rms(x) for x in exact.values())
    for name, expected in exact.items():
        if got[name].dtype != same[name].dtype or got[name].shape != expected.shape:
            raise AssertionError(f"{name} is {got[name].dtype} {list(got[name].shape)}")
        error, scale = rms(got[name].double() - expected), rms(expected)
        if scale < 1e-9 * largest:
            scale = largest
        if eps < 1e-10:
            allowed = 1e-12 * scale + 1e-13
        else:
            own = (3 if eps > 1e-4 else 4) * eps * scale
            allowed = max(2 * rms(same[name].double() - expected), own, 4 * eps * eps)
        yield TensorError(name, error, allowed, scale)


def rms(x: Tensor) -> float:
    return x.square().mean().sqrt().item() if x.numel() else 0.0


def compare_case(case: Case, dtype: torch.dtype, backend: str, device: str = "cpu") -> list[TensorError]:
    """All errors of one case."""
    options = {"is_causal": case.is_causal, "similarity": case.similarity, "scale": case.scale}
    return list(compare(make_inputs(case, dtype, device), backend, key_mask=make_mask(case, device), **options))
