"""Checks a backend on the device at hand against float64: outputs and every gradient of two orders, and forward mode.

The command `python -m attngan_kernels.selfcheck`: runs the cases in processes, prints and writes what they give.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from attngan_kernels import explain
from attngan_kernels.tooling.command_line import Parser
from attngan_kernels.tooling.selfcheck_cases import FULL, QUICK, Case
from attngan_kernels.tooling.selfcheck_errors import compare_case

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}

Row = dict[str, Any]  # of selfcheck.json


def main(argv: list[str] | None = None) -> int:
    """The command; its exit status, 1 if a case is wrong."""
    parser = _parser()
    options = parser.parse_args(argv)
    reason = refusal(options.device, options.backend)
    if reason is not None:
        parser.error(f"--backend {options.backend} --device {options.device}: {reason}")
    rows = []
    for row in check_all(options):
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


def _parser() -> Parser:
    parser = Parser(prog="python -m attngan_kernels.selfcheck", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--backend", default="triton", choices=["triton", "blockwise"])
    add("--quick", action="store_true", help="small shapes alone, as always on the CPU")
    add("--out", type=Path, metavar="FOLDER", help="takes selfcheck.json")
    add("--workers", type=int, default=min(16, os.cpu_count() or 1), help="processes; up to 16 if not given")
    return parser


def refusal(device: str, backend: str) -> str | None:
    """Why this backend can't run on this device; or None."""
    try:
        x = torch.zeros(1, 1, 1, 1, device=device)
        explain(x, x, x, backend=backend)
    except (ValueError, RuntimeError, AssertionError) as error:
        return str(error).splitlines()[0]
    return None


def check_all(options: argparse.Namespace) -> Iterator[Row]:
    """The rows of all cases in all dtypes, in order.

    A process compiles one kernel at a time, a second each, and the full sweep has a thousand.
    """
    cases = QUICK if options.quick or options.device == "cpu" else FULL
    jobs = [(dtype, case, options.backend, options.device) for dtype in DTYPES for case in cases]
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield from pool.imap(check_one, jobs)


def check_one(job: tuple[str, Case, str, str]) -> Row:
    """One case in one dtype: every tensor's error, what is allowed and its scale."""
    dtype, case, backend, device = job
    try:
        errors = compare_case(case, DTYPES[dtype], backend, device)
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
