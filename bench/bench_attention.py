"""Attention forward, with gradients, and as a whole R1 step: our backends beside torch's.

    python bench/bench_attention.py [--quick] [--out bench/results/attention_cpu.json]
    python -m pytest bench/bench_attention.py --benchmark-enable        the same cases under pytest-benchmark

The script runs all contenders of a case in turn within one loop, so that whatever else the machine does falls on all
alike, prints the ratios to SDPA's math path and writes every quantile with device and versions as JSON. Peak memory
is that of a fresh process per contender, less the same process without the step.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from attngan_kernels import attention

RESULTS = Path(__file__).parent / "results"


class Shape(NamedTuple):
    B: int
    H: int
    N_q: int
    N_k: int
    D_k: int
    D_v: int
    repeats: int = 5

    def __str__(self) -> str:
        return (
            f"B{self.B} H{self.H} N{self.N_q}"
            + (f"/{self.N_k}" if self.N_k != self.N_q else "")
            + (f" d{self.D_k}" + (f"/{self.D_v}" if self.D_v != self.D_k else ""))
        )


SHAPES = [
    Shape(64, 4, 64, 64, 32, 32, 41),
    Shape(8, 4, 256, 256, 32, 32, 41),
    Shape(1, 4, 1024, 1024, 32, 32, 15),
    Shape(1, 4, 4096, 4096, 32, 32, 5),
    Shape(2, 1, 4096, 1024, 32, 128, 7),  # SAGAN's head at 64²
]
TARGETS = {"B8 H4 N256 d32": 1.2, "B1 H4 N4096 d32": 2.0}  # R1 steps a second, as a multiple of the math path's
MEMORY_SHAPE, MEMORY_TARGET = SHAPES[3], 0.1

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


def math_path(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    with sdpa_kernel(SDPBackend.MATH):
        return F.scaled_dot_product_attention(q, k, v)


BACKENDS: dict[str, Attend] = {
    "math": math_path,
    "blockwise": lambda q, k, v: attention(q, k, v, backend="blockwise"),
    "sdpa": F.scaled_dot_product_attention,
}


def make_inputs(shape: Shape) -> list[Tensor]:
    torch.manual_seed(0)
    B, H, n_q, n_k, d_k, d_v, _ = shape
    return [torch.randn(B, H, n, d, requires_grad=True) for n, d in ((n_q, d_k), (n_k, d_k), (n_k, d_v))]


def score(out: Tensor) -> Tensor:
    """A critic's readout: one nonlinear score a sample, so that the penalty also differentiates the readout."""
    wide = torch.float64 if out.dtype == torch.float64 else torch.float32
    weight = torch.linspace(-1, 1, out[0].numel(), dtype=wide).view(out.shape[1:]) / out.shape[2]
    return F.softplus((out.to(wide) * weight).sum((1, 2, 3))).sum()


def forward(attend: Attend, inputs: list[Tensor]) -> None:
    with torch.no_grad():
        attend(*inputs)


def gradient(attend: Attend, inputs: list[Tensor]) -> list[Tensor]:
    return list(torch.autograd.grad(score(attend(*inputs)), inputs))


def r1(attend: Attend, inputs: list[Tensor]) -> list[Tensor]:
    """Gradients of the squared gradient (Mescheder et al. 2018, eq. 9): forward, backward, double backward."""
    first = torch.autograd.grad(score(attend(*inputs)), inputs, create_graph=True)
    wide = [g if g.dtype == torch.float64 else g.float() for g in first]
    penalty = torch.stack([g.square().sum() for g in wide]).sum()
    return list(torch.autograd.grad(penalty, inputs))


STEPS: dict[str, Callable[[Attend, list[Tensor]], object]] = {"forward": forward, "gradient": gradient, "r1": r1}
CASES = [
    (shape, step, name) for shape in SHAPES for step in STEPS for name in BACKENDS if (step, name) != ("r1", "sdpa")
]


@pytest.mark.parametrize(("shape", "step", "name"), CASES, ids=lambda x: str(x))
def test_attention(benchmark: Callable[..., object], shape: Shape, step: str, name: str) -> None:
    benchmark(STEPS[step], BACKENDS[name], make_inputs(shape))


def difference_from_math_path(shape: Shape) -> float:
    """Largest relative difference of the R1 gradients from the math path's: a fast wrong answer is no answer."""
    inputs = make_inputs(shape)
    ours, theirs = r1(BACKENDS["blockwise"], inputs), r1(math_path, inputs)
    return max(relative_error(a, b) for a, b in zip(ours, theirs, strict=True))


def relative_error(got: Tensor, exact: Tensor) -> float:
    return ((got.double() - exact.double()).norm() / exact.double().norm()).item()


def error_table(shape: Shape) -> list[dict[str, object]]:
    """Relative errors (2-norm) of output, gradients and R1 gradients against float64, beside the plain formulas'."""
    rows: list[dict[str, object]] = []
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        inputs = [x.detach().to(dtype).requires_grad_() for x in make_inputs(shape)]
        exact_inputs = [x.detach().double().requires_grad_() for x in inputs]
        for name in ("blockwise", "reference"):
            row: dict[str, object] = {"dtype": str(dtype).removeprefix("torch."), "backend": name}
            for order, step in {"output": lambda f, x: [f(*x)], "gradient": gradient, "r1": r1}.items():
                exact = step(lambda q, k, v: attention(q, k, v, backend="reference"), exact_inputs)
                got = step(lambda q, k, v: attention(q, k, v, backend=name), inputs)  # noqa: B023
                row[order] = float(f"{max(relative_error(a, b) for a, b in zip(got, exact, strict=True)):.2g}")
            rows.append(row)
    return rows


def time_case(shape: Shape, step: str, names: list[str], repeats: int) -> dict[str, dict[str, float]]:
    """Quantiles in milliseconds by contender, measured in turn after one round of warming up."""
    inputs = make_inputs(shape)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(repeats + 1):
        for name in names:
            start = time.perf_counter()
            STEPS[step](BACKENDS[name], inputs)
            if turn:
                seconds[name].append(time.perf_counter() - start)
    quantiles = {"min": 0.0, "p25": 0.25, "median": 0.5, "p75": 0.75}
    return {
        name: {q: round(1e3 * sorted(s)[int(at * (len(s) - 1))], 3) for q, at in quantiles.items()}
        for name, s in seconds.items()
    }


def peak_mib(shape: Shape, step: str, name: str) -> float:
    """Peak resident memory that the step adds, in MiB, each measured in a fresh process."""
    command = [sys.executable, __file__, "--peak", str(SHAPES.index(shape)), step, name]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def print_peak(shape: Shape, step: str, name: str) -> None:
    inputs = make_inputs(shape)
    STEPS[step](BACKENDS[name], make_inputs(Shape(1, 1, 2, 2, 2, 2)))  # loads what any first call loads
    before = high_water_mib()
    STEPS[step](BACKENDS[name], inputs)
    print(high_water_mib() - before)


def high_water_mib() -> float:
    """Linux's peak resident size of this program; getrusage's would begin at that of the process that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def machine() -> dict[str, object]:
    model = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    return {
        "device": f"CPU {model}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "dtype": "float32",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the two shapes with a target, R1 alone, fewer repeats")
    parser.add_argument("--out", type=Path, default=RESULTS / "attention_cpu.json")
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        print_peak(SHAPES[int(options.peak[0])], *options.peak[1:])
        return
    difference = difference_from_math_path(SHAPES[1])
    print(f"R1 gradients differ from the math path's by {difference:.1e} at {SHAPES[1]}")
    if difference > 1e-5:
        sys.exit("the values are wrong: nothing is timed")
    rows = []
    print(f"{machine()['device']}, torch {torch.__version__}; milliseconds (median)")
    for shape in SHAPES:
        if options.quick and str(shape) not in TARGETS:
            continue
        for step in ["r1"] if options.quick else STEPS:
            names = [n for n in BACKENDS if (shape, step, n) in CASES]
            times = time_case(shape, step, names, max(3, shape.repeats // (3 if options.quick else 1)))
            ratio = times["math"]["median"] / times["blockwise"]["median"]
            rows.append({"shape": str(shape), "step": step, "ms": times, "math_over_blockwise": round(ratio, 3)})
            goal = f"  (asked: {TARGETS[str(shape)]})" if step == "r1" and str(shape) in TARGETS else ""
            listed = "  ".join(f"{n} {t['median']:9.2f}" for n, t in times.items())
            print(f"{shape!s:24} {step:9} {listed}  math/blockwise {ratio:.2f}{goal}", flush=True)
    memory = {name: round(peak_mib(MEMORY_SHAPE, "r1", name), 1) for name in ("math", "blockwise")}
    share = memory["blockwise"] / memory["math"]
    print(f"peak memory of an R1 step at {MEMORY_SHAPE}: {memory} MiB, {share:.3f} (asked: {MEMORY_TARGET})")
    errors = error_table(SHAPES[1])
    for row in errors:
        print("error against float64:", *row.values())
    options.out.parent.mkdir(parents=True, exist_ok=True)
    result = {
        **machine(),
        "rows": rows,
        "peak_mib_r1": {"shape": str(MEMORY_SHAPE), **memory},
        "r1_difference_from_math": difference,
        "errors": errors,
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
