"""The command `python -m attngan_kernels.tune`: options, and the two ways to choose, timed or offline."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from attngan_kernels.tooling import tune_table as tables
from attngan_kernels.tooling.command_line import Parser, compiler_refusal
from attngan_kernels.tooling.tune_candidates import DTYPES, SHARED_LIMITS, Case, candidates, cases

if TYPE_CHECKING:
    from attngan_kernels.tooling.tune_compile import Trial


def main(argv: list[str] | None = None) -> int:
    """The command; its exit status, 1 if a configuration spills or the card was lost."""
    parser = _parser()
    options = parser.parse_args(argv)
    reason = refusal(options)
    if reason is not None:
        parser.error(reason)
    options.out.mkdir(parents=True, exist_ok=True)
    return (tune_offline if options.offline else tune_by_timing)(options)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m attngan_kernels.tune", description="Tune the kernels' tiles.")
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="FOLDER", help="takes triton_configs.json and tuning.json")
    add("--offline", action="store_true", help="choose by registers, spills and shared memory alone; needs no GPU")
    add("--card", nargs="+", default=list(SHARED_LIMITS), help="offline: some of " + ", ".join(SHARED_LIMITS))
    add("--seconds", type=float, default=1500.0, help="stop timing after so long; 1500 if not given")
    add("--head-dim", nargs="+", type=int, default=[], help="D_k: 32, 64, 128; all if not given")
    add("--head-dim-v", nargs="+", type=int, default=[], help="D_v: 32, 64, 128, 256; all if not given")
    add("--dtype", nargs="+", choices=list(DTYPES), default=list(DTYPES))
    add("--workers", type=int, default=os.cpu_count(), help="processes that compile; one a core if not given")
    return parser


def refusal(options: argparse.Namespace) -> str | None:
    """Why these options can't run, with the option, its value and the remedy; or None."""
    reason = compiler_refusal()
    if reason is not None:
        return reason
    for card in options.card:
        if card not in SHARED_LIMITS:
            return f"--card {card} is unknown: try {', '.join(SHARED_LIMITS)}"
    if not options.offline and not torch.cuda.is_available():
        return "no CUDA device here: add --offline to choose by the compiler's figures alone"
    if not wanted_cases(options):
        return f"--head-dim {options.head_dim} --head-dim-v {options.head_dim_v} leave no case: try 64"
    return None


def wanted_cases(options: argparse.Namespace) -> list[Case]:
    """The cases that the filters leave, the most important first."""
    dtypes = [DTYPES[name] for name in options.dtype]
    return [
        case
        for case in cases()
        if case.dtype in dtypes
        and (not options.head_dim or case.d_k in options.head_dim)
        and (not options.head_dim_v or case.d_v in options.head_dim_v)
    ]


def tune_offline(options: argparse.Namespace) -> int:
    """Chooses for the cards named, a process a pass; writes the table after each."""
    from attngan_kernels.tooling.tune_compile import offline_job

    families: dict[tuple[torch.dtype, str], list[Case]] = {}
    for case in sorted(wanted_cases(options), key=lambda c: (c.dtype == torch.float32, c.d_k * c.d_v, c.d_k)):
        families.setdefault((case.dtype, case.name), []).append(case)
    table, trials, bad = tables.current_table(), [], []
    jobs = [(family, options.card) for family in families.values()]
    with multiprocessing.get_context("spawn").Pool(options.workers, maxtasksperchild=1) as pool:
        for choices, tried in pool.imap_unordered(offline_job, jobs):
            trials += tried
            for (card, case), choice in choices.items():
                if choice is None or choice.resources.spilled:
                    bad.append(f"{card} {case.key}: {'nothing compiles' if choice is None else choice}")
                if choice is not None:
                    tables.set_entry(table, card, case, tables.entry(choice.config, choice.resources, "compiled"))
            print(f"{next(iter(choices))[1].name}: {len(choices)} chosen from {len(tried)} compiled", flush=True)
            tables.write_table(options.out / "triton_configs.json", table)
    tables.write_trials(options.out / "tuning.json", trials, {"cards": options.card})
    for line in bad:
        print(f"SPILLS: {line}", file=sys.stderr)
    return 1 if bad else 0


def tune_by_timing(options: argparse.Namespace) -> int:
    """Times the card at hand until --seconds are over; writes the table after each case."""
    from attngan_kernels.tooling.tune_timing import CardLostError, OnDevice, fastest, time_cases

    end = time.monotonic() + options.seconds
    major, minor = torch.cuda.get_device_capability()
    card, wanted, table, trials, lost = f"{major}.{minor}", wanted_cases(options), tables.current_table(), [], None
    jobs = [(card, case, config) for case in wanted for group in candidates(case) for config in group]
    measure = OnDevice("cuda", partial(tables.lookup, table))
    with compile_ahead(jobs, options.workers, end) as figures:
        incumbent = partial(tables.incumbent, table, card)
        results = time_cases(wanted, card, figures, incumbent, measure, lambda: time.monotonic() > end)
        try:
            for case, done in results:
                trials += done
                tables.accept(table, card, case, fastest(done))
                print(report(case, done), flush=True)
                tables.write_table(options.out / "triton_configs.json", table)
        except CardLostError as error:
            lost = str(error)
            print(f"CARD LOST: {lost}", file=sys.stderr)
    about = {"card": card, "device": torch.cuda.get_device_name(), "cuda": torch.version.cuda, "lost": lost}
    tables.write_trials(options.out / "tuning.json", trials, about | {"seconds": options.seconds})
    return 1 if lost else 0


@contextmanager
def compile_ahead(jobs: list[Any], workers: int, end: float) -> Iterator[Iterator[Trial]]:
    """The compiler's figures in the order of `jobs`, from processes that run ahead of the timing.

    They fill Triton's cache, too. After `end` (time.monotonic) the iterator raises multiprocessing.TimeoutError.
    """
    from attngan_kernels.tooling.tune_compile import attempt_job

    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        results = pool.imap(attempt_job, jobs)
        yield (results.next(timeout=max(0.0, end - time.monotonic())) for _ in jobs)


def report(case: Case, done: list[Trial]) -> str:
    """The fastest first, and what was dropped."""
    ranked = sorted((t for t in done if t.ms is not None), key=lambda t: t.ms or 0.0)
    shown = ", ".join(f"{list(t.config)} {t.ms:.3f} ms" for t in ranked[:3])
    dropped = [f"\n  dropped {list(t.config)}: {t.dropped}" for t in done if t.dropped]
    return f"{case.key}: {shown or 'nothing timed'} of {len(done)}{''.join(dropped)}"
