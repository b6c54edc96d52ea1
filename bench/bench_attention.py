"""Attention forward, with gradients, and as a whole R1 step: our backends beside torch's and others'.

    python bench/bench_attention.py [--quick] [--device cuda] [--out FILE.json]
    python -m pytest bench/bench_attention.py --benchmark-enable        the same cases under pytest-benchmark

Every contender's values are compared with float64 before it is timed; a wrong one isn't timed, and one that can't run
a case is listed with the reason. Prints Markdown: milliseconds (median), TFLOP/s as counted in `attention_cases`, and
that speed as a share of the floor's, max(flop / matrix product's speed, bytes / copy's speed), both measured in the
run. Writes JSON with device and versions after every shape, and a figure beside it. Needs torch; for the figure
matplotlib; where the package isn't installed, PYTHONPATH=kernels.

Exit code: 0, or 1 if a backend of ours is wrong or raises. A speed target that is missed is printed, no error.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))  # for pytest, which imports this file by its path

import attention_report as report
from attention_cases import SECONDS_ON, STEPS_ON, UNITS, Shape, shapes_for
from attention_contenders import CONTENDERS, attend_for
from attention_measure import describe_device, slug
from attention_run import Bench
from attention_steps import Data, make_data, step_of
from output import write_json

RESULTS = Path(__file__).parent / "results"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), help="bfloat16 on CUDA, float32 on CPU")
    parser.add_argument("--out", type=Path, help="the JSON; the figure lies beside it")
    parser.add_argument("--quick", action="store_true", help="tiny shapes, two turns: does everything run?")
    parser.add_argument("--shapes", nargs="+", default=[], metavar="NAME", help='as printed: "B1 H4 N4096 d32"')
    parser.add_argument("--steps", nargs="+", choices=tuple(UNITS), help="forward, gradient and r1; on CUDA all")
    parser.add_argument("--contenders", nargs="+", choices=tuple(CONTENDERS), default=list(CONTENDERS), metavar="NAME")
    parser.add_argument("--seconds", type=float, help="start no further step after this long: 330, on CUDA 230")
    options = parser.parse_args(arguments)
    options.dtype = options.dtype or {"cuda": "bfloat16", "cpu": "float32"}[options.device]
    options.seconds = options.seconds or SECONDS_ON[options.device]
    options.steps = options.steps or list(STEPS_ON[options.device])
    options.out = options.out or (RESULTS / "quick.json" if options.quick else default_out(options.device))
    return options


def default_out(device: str) -> Path:
    if device == "cpu":
        return RESULTS / "attention_cpu.json"
    return RESULTS / slug(torch.cuda.get_device_name(device)) / "attention.json"


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    shapes = shapes_for(options.device, options.shapes, options.quick)
    bench = Bench(options)
    about = describe_device(bench.device)
    threads = f"{about['threads']} threads, " if bench.kind == "cpu" else ""
    title = f"{about['name']}, {threads}{options.dtype}, torch {torch.__version__}"
    ceiling = "matrix product {tflop_per_s} TFLOP/s, copy {gb_per_s} GB/s".format(**bench.ceilings)
    print(f"{title}: {ceiling}\na cell: milliseconds (median) · TFLOP/s counted · share of the floor's speed\n")
    said: set[str] = set()
    for shape in shapes:
        bench.run_shape(shape)
        print("\n".join(report.shape_table(bench.by_dtype(), str(shape), said)), flush=True)
        write_json(options.out, bench.result())
    if not bench.out_of_time():
        bench.measure_errors(shapes[0])
    print("\n".join([*report.error_lines(bench.errors), *report.target_table(bench.verdicts())]))
    figure = options.out.with_suffix(".png")
    print(report.plot(bench.by_dtype(), shapes, title, figure) or f"figure: {figure}")
    write_json(options.out, bench.result())
    print(f"results: {options.out}")
    for row in bench.failures():
        print(f"error: {row['contender']} {row['step']} at {row['shape']}: {row['reason']}")
    return 1 if bench.failures() else 0


def pytest_generate_tests(metafunc: object) -> None:
    """The cases of pytest-benchmark; a hook, so that the script needs no pytest."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    cases = [
        (shape, step, name)
        for shape in shapes_for(device, [], quick=False)
        for step in STEPS_ON[device]
        for name, contender in CONTENDERS.items()
        if step == "r1" or not contender.approximate
    ]
    metafunc.parametrize(("shape", "step", "name"), cases, ids=[f"{s}-{step}-{n}" for s, step, n in cases])


@functools.lru_cache(maxsize=1)
def _check(shape: Shape) -> tuple[dict[tuple[str, str], report.Row], Data]:
    bench = Bench(parse([]))
    rows = bench.blank_rows(shape)
    bench.check(shape, rows)
    return {(str(r["step"]), str(r["contender"])): r for r in rows}, make_data(shape, bench.dtype, bench.device)


def test_attention(benchmark: Callable[..., object], shape: Shape, step: str, name: str) -> None:
    import pytest

    rows, data = _check(shape)
    if rows[step, name]["status"] not in ("ok", "approximate"):
        pytest.skip(str(rows[step, name]["reason"]))
    timed = step_of(step, CONTENDERS[name].approximate)(attend_for(name, shape), data)

    def call() -> None:
        timed()
        if data.q.is_cuda:
            torch.cuda.synchronize()

    benchmark(call)


if __name__ == "__main__":
    sys.exit(main())
