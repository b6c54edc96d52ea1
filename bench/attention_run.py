"""One benchmark run: every contender is checked against float64, and what is right is timed."""

from __future__ import annotations

import argparse
import functools
import os
import sys
import time
from collections.abc import Callable

import attention_fresh as fresh
import attention_report as report
import torch
from attention_cases import UNITS, Shape
from attention_contenders import CONTENDERS, NOT_FOR_TORCH, OURS, attempt, attend_for, why_absent
from attention_measure import Clock, Run, ceilings, describe_device, free_bytes, peak_mib_cuda, time_in_turn, versions
from attention_steps import TOLERANCE, Data, error_table, exact_values, largest_error, make_data, shrink, step_of

QUICK_TURNS = (2, 2)
SECONDS, TURNS = 0.6, (5, 30)  # on CUDA, a shape and step: all contenders' turns together, and fewest and most of them
# Memory that the exact values may take. One head of N 4096 takes 1.5 GiB, of N 16384 25 GiB.
CHECK_BYTES = {"cpu": 4 * 2**30, "cuda": 32 * 2**30}
# That the written-out forms may take, if as much is free. At N 16384 d32 their R1 needs 11.6 GiB and, on one CPU
# thread, 46 s.
WRITTEN_OUT_BYTES = {"cpu": 3 * 2**30, "cuda": float("inf")}


class Bench:
    """options: device, dtype, steps, contenders, quick, seconds, as `bench_attention` parses them.

    Everything ends up in `rows`, dictionaries as `row` makes them.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.device = torch.device(options.device)
        self.kind = self.device.type
        self.dtype: torch.dtype = getattr(torch, options.dtype)
        self.began = time.monotonic()
        self.clock = Clock(self.device)
        self.ceilings = ceilings(self.device, self.dtype, options.quick)
        self.rows: list[report.Row] = []
        self.errors: list[dict[str, object]] = []

    def out_of_time(self) -> bool:
        return time.monotonic() - self.began > self.options.seconds

    def row(self, shape: Shape, step: str, name: str) -> report.Row:
        """status: ok, approximate, wrong, raises, absent, or not run; reason: why, where it isn't ok.

        error: the largest relative error (2-norm) among what the step returns; checked_at: the shape it was taken at.
        ms: quantiles. of_floor: floor's time over the median. peak_mib: what the step adds to the memory in use.
        """
        about = {"shape": str(shape), "numbers": [*shape.numbers, int(shape.causal)], "dtype": self.options.dtype}
        figures = dict.fromkeys(("error", "checked_at", "ms", "tflop_per_s", "of_floor", "peak_mib"))
        return {**about, "step": step, "contender": name, "status": "ok", "reason": "", **figures}

    def blank_rows(self, shape: Shape) -> list[report.Row]:
        names = [(n, s) for n in self.options.contenders for s in self.options.steps]
        return [self.row(shape, s, n) for n, s in names if s == "r1" or not CONTENDERS[n].approximate]

    def run_shape(self, shape: Shape) -> list[report.Row]:
        """Checks all contenders, then times those that are right, step by step."""
        rows = self.blank_rows(shape)
        self.rows += rows
        if not self.out_of_time():
            self.check(shape, rows)
        data = make_data(shape, self.dtype, self.device)
        for step in self.options.steps:
            ready = [r for r in rows if r["step"] == step and r["status"] in ("ok", "approximate")]
            if not self.out_of_time():
                self.time_step(shape, step, ready, data)
                continue
            for row in ready:
                row.update(status="not run", reason=f"the {self.options.seconds:.0f} seconds were over")
        return rows

    def check(self, shape: Shape, rows: list[report.Row]) -> None:
        """Gives each row its error, or the reason why the contender can't take part."""
        budget = min(CHECK_BYTES[self.kind], 0.4 * free_bytes(self.device))
        at = shrink(shape, budget)
        data = make_data(at, self.dtype, self.device)
        exact = exact_values(data, at.causal, budget)
        may_take = self.may_take()
        for row in rows:
            name, step = str(row["contender"]), str(row["step"])
            reason = why_absent(name, shape, step, self.kind, may_take)
            if reason:
                row.update(status="absent", reason=reason)
            else:
                row.update(checked_at=str(at), **self.verdict(name, step, at, data, exact))

    def may_take(self) -> float:
        return min(WRITTEN_OUT_BYTES[self.kind], free_bytes(self.device))

    def verdict(
        self, name: str, step: str, at: Shape, data: Data, exact: dict[str, list[torch.Tensor]]
    ) -> dict[str, object]:
        approximate = CONTENDERS[name].approximate
        got, reason = self.attempt(name, lambda: step_of(step, approximate)(attend_for(name, at), data)())
        if reason:
            return {"status": "raises", "reason": reason}
        error = float(f"{largest_error(got, exact['finite_difference' if approximate else step]):.2g}")
        if approximate:
            return {"status": "approximate", "error": error, "reason": "error: against the penalty along one direction"}
        if error > TOLERANCE[self.dtype]:
            reason = f"WRONG: relative error {error:.1e}, at most {TOLERANCE[self.dtype]:.0e} is right"
            return {"status": "wrong", "error": error, "reason": reason}
        return {"status": "ok", "error": error}

    def attempt(self, name: str, run: Run) -> tuple[list[torch.Tensor], str]:
        """As `attention_contenders.attempt`; ends the run if the GPU can't be used after it."""
        got, reason = attempt(run)
        try:
            if self.kind == "cuda":
                torch.cuda.synchronize()
        except RuntimeError as error:
            raise SystemExit(f"error: {name} broke the device, nothing after it can be measured: {error}") from error
        if reason and self.kind == "cuda":
            torch.cuda.empty_cache()  # an allocation that failed leaves the cache in pieces
        return got, reason

    def time_step(self, shape: Shape, step: str, rows: list[report.Row], data: Data) -> None:
        """Fills in times and peak memory. A contender that fails at the full size is listed and left out."""
        prepare: dict[str, Callable[[], Run]] = {}
        for row in rows:
            name = str(row["contender"])
            make = functools.partial(step_of(step, CONTENDERS[name].approximate), attend_for(name, shape), data)
            reason = ""
            if row["checked_at"] != str(shape):  # else the check has run it at this size, and warmed it up
                _, reason = self.attempt(name, lambda make=make: make()())
            if reason:
                row.update(status="raises", reason=reason)
            else:
                prepare[name] = make
        if not prepare:
            return
        times, reason = self.times(shape, step, prepare)
        for row in (r for r in rows if r["contender"] in prepare and r["contender"] not in times):
            row.update(status="raises", reason=reason)
        for row in (r for r in rows if r["contender"] in times):
            row["ms"] = times[str(row["contender"])]
            if row["status"] == "ok":
                row.update(self.rates(shape, step, row["ms"]["median"]))
            self.measure_peak(shape, row, prepare[str(row["contender"])])

    def times(self, shape: Shape, step: str, prepare: dict[str, Callable[[], Run]]) -> tuple[dict, str]:
        """Quantiles by contender, on the CPU from a fresh process; a reason where that failed."""
        if self.kind == "cpu" and not self.options.quick:
            quantiles, reason = fresh.times(shape, step, list(prepare), self.options.dtype)
            return quantiles or {}, reason
        turns = QUICK_TURNS if self.options.quick else TURNS
        return time_in_turn(prepare, self.clock, SECONDS, turns), ""

    def rates(self, shape: Shape, step: str, ms: float) -> dict[str, float]:
        flop_per_s, bytes_per_s = 1e12 * self.ceilings["tflop_per_s"], 1e9 * self.ceilings["gb_per_s"]
        floor = shape.floor_seconds(step, self.dtype.itemsize, flop_per_s, bytes_per_s)
        rate, share = shape.flop(step) / (1e9 * ms), 1e3 * floor / ms
        return {"tflop_per_s": float(f"{rate:.3g}"), "of_floor": float(f"{share:.3g}")}

    def measure_peak(self, shape: Shape, row: report.Row, make: Callable[[], Run]) -> None:
        """On the GPU always; on the CPU, where it takes a fresh process each, for R1 at the marked shapes."""
        if self.kind == "cuda":
            row["peak_mib"] = round(peak_mib_cuda(make), 1)
        elif row["step"] == "r1" and "memory" in shape.marks.split():
            peak, reason = fresh.peak_mib(shape, "r1", str(row["contender"]), self.options.dtype)
            row["peak_mib"] = None if peak is None else round(peak, 1)
            row["reason"] = row["reason"] or reason

    def measure_errors(self, shape: Shape) -> None:
        """The error table of our own backends and the math path."""
        names = [n for n in (*OURS, "sdpa-math") if n in self.options.contenders]
        there = {n: attend_for(n, shape) for n in names if not why_absent(n, shape, "r1", self.kind, self.may_take())}
        self.errors = error_table(shape, self.device, there, CHECK_BYTES[self.kind])

    def failures(self) -> list[report.Row]:
        """Rows of ours that are wrong, or raise for another cause than too little memory."""
        mine = [r for r in self.rows if r["contender"] in OURS]
        return [r for r in mine if r["status"] == "wrong" or (r["status"] == "raises" and "memory" not in r["reason"])]

    def verdicts(self) -> list[dict[str, object]]:
        return report.judge(self.by_dtype(), self.kind, self.options.dtype)

    def by_dtype(self) -> report.Rows:
        return report.Rows(self.rows, self.options.dtype)

    def result(self) -> dict[str, object]:
        """What the JSON holds."""
        return {
            "device": describe_device(self.device),
            "versions": {"python": sys.version.split()[0], **versions()},
            "dtype": self.options.dtype,
            "ceilings": self.ceilings,
            "units": {step: sum(units) for step, units in UNITS.items()},
            "tuned_table": os.environ.get("ATTNGAN_KERNELS_TUNED"),
            "not_for_torch": NOT_FOR_TORCH,
            "seconds": round(time.monotonic() - self.began, 1),
            "targets": self.verdicts(),
            "errors": self.errors,
            "rows": self.rows,
        }
