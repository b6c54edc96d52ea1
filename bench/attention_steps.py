"""The steps that are timed, and what each of them must return: exact values from float64, head by head."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from attention_cases import MAPS, Shape
from attention_contenders import Attend, attempt
from torch import Tensor

from attngan_kernels import attention
from attngan_kernels.arguments import accumulating_type

EPSILON = 0.01  # of the finite difference, as GAT takes it (Hyun et al. 2025: ((D(x) − D(x + 0.01·n))/0.01)²)

# Largest relative error (2-norm) of a right answer: ten times and more what rounding leaves at these shapes (4e-7,
# 3e-3, 3e-3), float32 with room for TF32, and far from what a wrong derivative has (0.1 to 1).
TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-3, torch.bfloat16: 3e-2, torch.float16: 3e-2}


class Data(NamedTuple):
    """Inputs of a step. w: cotangent of the output and weight of the readout, [B, H, N_q, D_v].

    n: cotangents of dQ, dK, dV in the double backward, and the finite difference's direction; shapes of q, k, v.
    All unit normal.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    w: Tensor
    n: tuple[Tensor, Tensor, Tensor]

    @property
    def inputs(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.q, self.k, self.v


Step = Callable[[Attend, Data], Callable[[], list[Tensor]]]  # prepares, untimed, and returns what is timed


def make_data(shape: Shape, dtype: torch.dtype, device: torch.device | str, seed: int = 0) -> Data:
    """Drawn on the device, in float32: 235 million numbers at B16 H8 N4096 d64 take seconds on a CPU."""
    generator = torch.Generator(device).manual_seed(seed)
    B, H, n_q, n_k, d_k, d_v = shape.numbers

    def draw(n: int, d: int) -> Tensor:
        return torch.randn(B, H, n, d, generator=generator, device=device).to(dtype)

    q, k, v, w, *n = (draw(*x) for x in ((n_q, d_k), (n_k, d_k), (n_k, d_v), (n_q, d_v), (n_q, d_k), (n_k, d_k)))
    n.append(draw(n_k, d_v))
    return Data(*(x.requires_grad_() for x in (q, k, v, w)), n=tuple(n))


def readout(out: Tensor, w: Tensor) -> Tensor:
    """A critic's score of each sample, [B]: c·softplus(Σ out·w / c) with c = H·N_q·D_v, in float32 or wider.

    Nonlinear, so that the penalty also differentiates the readout. With this c the cotangent of the output is about
    w/2 (nothing underflows in float16), and the double backward, not the readout's curvature, makes up most of the
    R1 gradients: a wrong double backward shows.
    """
    wide = accumulating_type(out)
    c = out[0].numel()
    return c * F.softplus((out.to(wide) * w.detach().to(wide)).sum((1, 2, 3)) / c)


def forward(attend: Attend, data: Data) -> Callable[[], list[Tensor]]:
    q, k, v = (x.detach() for x in data.inputs)

    def run() -> list[Tensor]:
        with torch.no_grad():
            return [attend(q, k, v)]

    return run


def gradient(attend: Attend, data: Data) -> Callable[[], list[Tensor]]:
    """Forward and backward."""
    w = data.w.detach()
    return lambda: list(torch.autograd.grad(attend(*data.inputs), data.inputs, w))


def backward(attend: Attend, data: Data) -> Callable[[], list[Tensor]]:
    out, w = attend(*data.inputs), data.w.detach()
    return lambda: list(torch.autograd.grad(out, data.inputs, w, retain_graph=True))


def double_backward(attend: Attend, data: Data) -> Callable[[], list[Tensor]]:
    """Gradients for q, k, v and the cotangent of ⟨n, (dQ, dK, dV)⟩, all three of n at once."""
    first = torch.autograd.grad(attend(*data.inputs), data.inputs, data.w, create_graph=True)
    return lambda: differentiate(first, (*data.inputs, data.w), data.n, retain_graph=True)


def r1(attend: Attend, data: Data) -> Callable[[], list[Tensor]]:
    """Gradients of the summed squared gradient (Mescheder et al. 2018, eq. 9): forward, backward, double backward."""

    def run() -> list[Tensor]:
        scores = readout(attend(*data.inputs), data.w)
        first = torch.autograd.grad(scores.sum(), data.inputs, create_graph=True)
        penalty = torch.stack([g.to(scores.dtype).square().sum() for g in first]).sum()
        return differentiate((penalty,), data.inputs)

    return run


def differentiate(
    outputs: tuple[Tensor, ...],
    inputs: tuple[Tensor, ...],
    cotangents: tuple[Tensor, ...] | None = None,
    retain_graph: bool = False,
) -> list[Tensor]:
    """Gradients; zeros where the outputs are cut off from the inputs.

    A first gradient without a graph adds just that, nothing, to the weights of a critic around it, and nothing raises
    there, since the critic's other layers keep the penalty differentiable. So here it counts as a value that is wrong.
    """
    if not all(x.requires_grad for x in outputs):
        return [torch.zeros_like(x) for x in inputs]
    return list(torch.autograd.grad(outputs, inputs, cotangents, retain_graph, materialize_grads=True))


def finite_difference(attend: Attend, data: Data) -> Callable[[], list[Tensor]]:
    """R1 as GAT takes it, first derivatives alone: Σ_samples ((D(x + ε·n) − D(x))/ε)², two forwards and backwards.

    It estimates the penalty from one random direction; 2·(2 + 5) units where R1 has 32.
    """

    def run() -> list[Tensor]:
        near = [x + EPSILON * n for x, n in zip(data.inputs, data.n, strict=True)]
        slope = (readout(attend(*near), data.w) - readout(attend(*data.inputs), data.w)) / EPSILON
        return list(torch.autograd.grad(slope.square().sum(), data.inputs))

    return run


STEPS: dict[str, Step] = {
    "forward": forward,
    "gradient": gradient,
    "backward": backward,
    "double_backward": double_backward,
    "r1": r1,
}


def step_of(step: str, approximate: bool) -> Step:
    """What a contender runs for a step; an approximate one has the finite difference in R1's place."""
    return finite_difference if approximate else STEPS[step]


def exact_values(data: Data, causal: bool, budget_bytes: float) -> dict[str, list[Tensor]]:
    """What each step returns, by the written-out form in float64: step → tensors of float64.

    Heads are independent but for the readout, which multiplies a sample's cotangent by one number: so the maps of a
    few heads at a time are held, as many as the budget has room for (one at least). The key "finite_difference" has
    the gradients of the squared slope along n, which is what the finite difference approximates.
    """
    B, H, n_q, _ = data.q.shape
    heads_at_once = max(1, int(budget_bytes / (MAPS["r1"] * 8 * n_q * data.k.shape[2])))
    flat = [x.detach().double().flatten(0, 1)[None] for x in (*data.inputs, data.w, *data.n)]  # [1, B·H, N, D]
    parts = [_exact_heads(piece, causal) for piece in _split(flat, heads_at_once)]
    out, *tensors = (torch.cat(x, 1)[0].unflatten(0, (B, H)) for x in zip(*parts, strict=True))
    first, squared, along = tensors[:3], tensors[3:6], tensors[6:]
    z, total = _by_sample(out * data.w.detach().double()), sum(_by_sample(g.square()) for g in first)
    slope = sum(_by_sample(g * n.double()) for g, n in zip(first, data.n, strict=True))
    c = out[0].numel()
    s = torch.sigmoid(z / c)  # dD/dz of the readout D = c·softplus(z/c); its own derivative:
    ds = s * (1 - s) / c
    return {
        "forward": [out],
        "gradient": first,
        "backward": first,
        "double_backward": along,
        "r1": [s**2 * a + 2 * s * ds * total * b for a, b in zip(squared, first, strict=True)],
        "finite_difference": [
            2 * s**2 * slope * a + 2 * s * ds * slope**2 * b for a, b in zip(along[:3], first, strict=True)
        ],
    }


def _exact_heads(tensors: list[Tensor], causal: bool) -> list[Tensor]:
    """Per head, cotangent w: the output, its three gradients, those of their summed squares, those along n."""
    q, k, v, w = (x.requires_grad_() for x in tensors[:4])
    out = attention(q, k, v, is_causal=causal, backend="reference")
    first = torch.autograd.grad(out, (q, k, v), w, create_graph=True)
    squares = torch.stack([g.square().sum() for g in first]).sum()
    squared = torch.autograd.grad(squares, (q, k, v), retain_graph=True)
    along = torch.autograd.grad(first, (q, k, v, w), tensors[4:])
    return [x.detach() for x in (out, *first, *squared, *along)]


def _split(tensors: list[Tensor], size: int) -> Iterator[list[Tensor]]:
    for start in range(0, tensors[0].shape[1], size):
        yield [x[:, start : start + size].clone() for x in tensors]


def _by_sample(x: Tensor) -> Tensor:
    return x.sum((1, 2, 3), keepdim=True)  # [B, 1, 1, 1]


def shrink(shape: Shape, budget_bytes: float) -> Shape:
    """The shape itself, or with N halved until one head's float64 maps fit the budget."""
    while MAPS["r1"] * 8 * shape.N_q * shape.N_k > budget_bytes and min(shape.N_q, shape.N_k) > 1:
        shape = replace(shape, N_q=shape.N_q // 2, N_k=shape.N_k // 2)
    return shape


def largest_error(got: list[Tensor], exact: list[Tensor]) -> float:
    """The largest relative error (2-norm) among the tensors; infinite where a shape differs or a value isn't finite."""
    errors = [0.0]
    for a, b in zip(got, exact, strict=True):
        if a.shape != b.shape or not a.isfinite().all():
            return float("inf")
        errors.append(((a.double() - b).norm() / b.norm()).item())
    return max(errors)


def error_table(shape: Shape, device: torch.device, attends: dict[str, Attend], budget_bytes: float) -> list[dict]:
    """Relative errors (2-norm, the largest among the tensors) against float64, by dtype and contender."""
    rows = []
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        data = make_data(shape, dtype, device)
        exact = exact_values(data, shape.causal, budget_bytes)
        for name, attend in attends.items():
            row: dict[str, object] = {
                "shape": str(shape),
                "dtype": str(dtype).removeprefix("torch."),
                "contender": name,
            }
            for step in ("forward", "gradient", "r1"):
                got, reason = attempt(lambda step=step, attend=attend, data=data: STEPS[step](attend, data)())
                row[step] = reason or float(f"{largest_error(got, exact[step]):.2g}")
            rows.append(row)
    return rows
