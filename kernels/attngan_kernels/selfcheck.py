"""Checks a backend on the device at hand against float64: outputs and every gradient of two orders, and forward mode.

    python -m attngan_kernels.selfcheck [--device cuda] [--backend triton] [--quick] [--out FOLDER]

Every error must be at most twice that of the written-out form in the same dtype, or 4 eps of the tensor's scale.
Errors and scales are root mean squares: the largest of a few hundred rounding errors is a coin toss.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from attngan_kernels import attention, attention_jvp, explain
from attngan_kernels.arguments import accumulating_type
from attngan_kernels.command_line import Parser

Shape = tuple[int, int, int, int, int, int]  # B, H, N_q, N_k, D_k, D_v
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class Case(NamedTuple):
    """Inputs of one check: q is multiplied by `loud`, `mean` is added to q and k, `lift` to the bias.

    mask: as in `make_mask`. tied: k is q.
    """

    shape: Shape
    is_causal: bool = False
    similarity: str = "dot"
    bias: bool = False
    mask: str = "none"
    tied: bool = False
    scale: float | None = None
    loud: float = 1.0
    mean: float = 0.0
    lift: float = 0.0

    def __str__(self) -> str:
        B, H, n_q, n_k, d_k, d_v = self.shape
        changed = [f"{n}={v}" for n, v in self._asdict().items() if n != "shape" and v != self._field_defaults[n]]
        return " ".join([f"B{B} H{H} N{n_q}/{n_k} d{d_k}/{d_v}", *changed])


class Error(NamedTuple):
    """Root mean square error of one tensor, what is allowed, and the tensor's own scale."""

    tensor: str
    error: float
    allowed: float
    scale: float

    @property
    def ok(self) -> bool:
        return self.error <= self.allowed  # false for NaN


QUICK = [
    Case((2, 2, 33, 65, 8, 8)),
    Case((1, 2, 65, 33, 16, 20), bias=True),
    Case((2, 1, 40, 40, 16, 16), is_causal=True),
    Case((1, 1, 70, 30, 5, 7), is_causal=True, bias=True),
    Case((1, 2, 20, 50, 3, 40), is_causal=True, mask="some"),
    Case((2, 1, 64, 16, 4, 16), scale=1.0),
    Case((1, 2, 40, 24, 8, 8), similarity="l2"),
    Case((1, 2, 18, 35, 8, 4), similarity="l2", is_causal=True, bias=True, mask="some"),
    Case((2, 1, 33, 33, 8, 8), similarity="l2", tied=True),
    Case((1, 2, 20, 20, 8, 6), tied=True, is_causal=True, mask="dead"),
    Case((2, 2, 17, 40, 8, 8), mask="padding"),
    Case((2, 2, 17, 40, 8, 8), mask="dead", bias=True),
    Case((2, 3, 5, 1, 8, 8)),
    Case((1, 1, 1, 1, 1, 1), bias=True),
    Case((1, 2, 24, 24, 8, 8), similarity="l2", mean=30.0),
    Case((1, 4, 48, 48, 8, 6), loud=12.0),
    Case((1, 4, 48, 48, 8, 6), loud=12.0, mask="some", bias=True),
    Case((2, 2, 33, 20, 8, 8), scale=-0.7),
    Case((1, 1, 17, 19, 33, 65), bias=True),
    Case((1, 2, 17, 20, 8, 8), bias=True, lift=150.0),  # e¹⁵⁰ is no float32
    Case((1, 1, 18, 40, 8, 8), similarity="l2", scale=-2.0, loud=3.0),
    Case((1, 1, 17, 33, 128, 256)),
]
# Whole tiles of every size in the table, heads as GANs and transformers have them, and lengths beside powers of two.
FULL = [
    *QUICK,
    *(Case((2, 3, n, n, d, d), is_causal=c) for n in (127, 256, 513) for d in (32, 64, 128) for c in (False, True)),
    *(Case((1, 2, 1024, 256, d, 4 * d), scale=1.0) for d in (16, 32, 64)),
    *(Case((2, 2, 300, 260, d, e), bias=True, mask="padding") for d in (24, 96, 128) for e in (48, 200, 256)),
    *(Case((1, 2, 384, 384, 64, 64), similarity="l2", tied=t, bias=b) for t in (False, True) for b in (False, True)),
    Case((2, 2, 512, 512, 64, 64), loud=12.0),
    Case((2, 2, 512, 512, 64, 64), mask="some", is_causal=True, bias=True),
    Case((1, 1, 4096, 4096, 64, 64)),
]


def make_inputs(case: Case, dtype: torch.dtype, device: str = "cpu", seed: int = 0) -> dict[str, Tensor]:
    """q, k (the same tensor if tied), v and maybe key_bias [1, H, N_k], requiring gradients."""
    B, H, n_q, n_k, d_k, d_v = case.shape
    g = torch.Generator().manual_seed(seed)
    sizes = {"q": (B, H, n_q, d_k), "k": (B, H, n_k, d_k), "v": (B, H, n_k, d_v)}
    x = {name: torch.randn(size, generator=g, dtype=torch.float64) for name, size in sizes.items()}
    x["q"] = x["q"] * case.loud + case.mean
    x["k"] = x["k"] + case.mean
    if case.tied:
        del x["k"]
    inputs = {name: t.to(device, dtype) for name, t in x.items()}
    if case.bias:
        wide = torch.float64 if dtype == torch.float64 else torch.float32
        inputs["key_bias"] = (torch.randn(1, H, n_k, generator=g, dtype=torch.float64) + case.lift).to(device, wide)
    return {name: t.requires_grad_() for name, t in inputs.items()}


def make_mask(case: Case, device: str = "cpu") -> Tensor | None:
    """[B, 1, N_k], False for every third key, the first included ("some"), for the second half ("padding"), or for
    all keys of the first item ("dead").
    """
    B, _, _, n_k, _, _ = case.shape
    keys = torch.arange(n_k, device=device).expand(B, 1, n_k)
    return {
        "none": None,
        "some": keys % 3 != 0,
        "padding": keys < (n_k + 1) // 2,
        "dead": torch.arange(B, device=device).view(B, 1, 1).expand(B, 1, n_k) > 0,
    }[case.mask]


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


def in_float64(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: x.detach().double().requires_grad_() for name, x in inputs.items()}


def compare(inputs: dict[str, Tensor], backend: str, **options: Any) -> Iterator[Error]:
    """Errors of `backend` against the reference in float64, beside those of the reference in the inputs' dtype.

    float64 has no better reference: 1e-12 of the tensor's scale, or 1e-13. A tensor that vanishes, as dq does where
    there is one key, is what large terms leave on cancelling: its error is measured by the largest tensor's scale.
    """
    exact = derivatives(in_float64(inputs), backend="reference", **options)
    same = derivatives(inputs, backend="reference", **options)
    got = derivatives(inputs, backend=backend, **options)
    exact["jvp"] = forward_mode(in_float64(inputs), backend="reference", **options)
    same["jvp"] = forward_mode(inputs, backend="reference", **options)
    got["jvp"] = forward_mode(inputs, backend=backend, **options)
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
            allowed = max(2 * rms(same[name].double() - expected), 4 * eps * scale, 4 * eps * eps)
        yield Error(name, error, allowed, scale)


def rms(x: Tensor) -> float:
    return x.square().mean().sqrt().item() if x.numel() else 0.0


def check(case: Case, dtype: torch.dtype, backend: str = "triton", device: str = "cpu", seed: int = 0) -> list[Error]:
    """All errors of one case."""
    options = {"is_causal": case.is_causal, "similarity": case.similarity, "scale": case.scale}
    return list(compare(make_inputs(case, dtype, device, seed), backend, key_mask=make_mask(case, device), **options))


def run(job: tuple[str, Case, str, str]) -> dict[str, Any]:
    """One case in one dtype as a row of selfcheck.json: every tensor's error, what is allowed and its scale."""
    dtype, case, backend, device = job
    try:
        errors = check(case, DTYPES[dtype], backend, device)
    except Exception as error:  # a kernel that doesn't compile or run is a finding like any other
        raised = f"{type(error).__name__}: {error}".splitlines()[0]
        return {"dtype": dtype, "case": str(case), "ok": False, "raised": raised, "errors": {}}
    worst = max(errors, key=lambda e: e.error / e.allowed if e.error == e.error else float("inf"))
    return {
        "dtype": dtype,
        "case": str(case),
        "ok": all(e.ok for e in errors),
        "worst": worst.tensor,
        "of_allowed": worst.error / worst.allowed,
        "errors": {e.tensor: list(e[1:]) for e in errors},
    }


def main(argv: list[str] | None = None) -> int:
    parser = Parser(prog="python -m attngan_kernels.selfcheck", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--backend", default="triton", choices=["triton", "blockwise"])
    parser.add_argument("--quick", action="store_true", help="small shapes alone, as always on the CPU")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="takes selfcheck.json")
    parser.add_argument(
        "--workers", type=int, default=min(16, os.cpu_count() or 1), help="processes; up to 16 if not given"
    )
    options = parser.parse_args(argv)
    cases = QUICK if options.quick or options.device == "cpu" else FULL
    jobs = [(dtype, case, options.backend, options.device) for dtype in DTYPES for case in cases]
    reason = unusable(options.device, options.backend)
    if reason:
        parser.error(f"--backend {options.backend} --device {options.device}: {reason}")
    rows = []
    # A process compiles one kernel at a time, a second each, and the full sweep has a thousand.
    with multiprocessing.get_context("spawn").Pool(
        options.workers, initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        for row in pool.imap(run, jobs):
            rows.append(row)
            verdict = "ok   " if row["ok"] else "WRONG"
            figure = row.get("raised") or f"{row['of_allowed']:5.2f} of allowed ({row['worst']})"
            print(f"{verdict} {row['dtype']:8} {figure}  {row['case']}", flush=True)
    wrong = sum(not row["ok"] for row in rows)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        device = torch.cuda.get_device_name() if options.device.startswith("cuda") else options.device
        about = {"device": device, "torch": torch.__version__, "backend": options.backend, "wrong": wrong}
        (options.out / "selfcheck.json").write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")
    print(f"selfcheck: {len(rows) - wrong} of {len(rows)} cases within tolerance on {options.device}")
    return 1 if wrong else 0


def unusable(device: str, backend: str) -> str:
    """Why this backend can't run on this device, or "" if it can."""
    try:
        x = torch.zeros(1, 1, 1, 1, device=device)
        explain(x, x, x, backend=backend)
    except (ValueError, RuntimeError, AssertionError) as error:
        return str(error).splitlines()[0]
    return ""


if __name__ == "__main__":
    sys.exit(main())
