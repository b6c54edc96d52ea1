"""`attngan-export bench`: one bundle, side by side with PyTorch on the machine at hand."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from attngan_export.bench.runners import Runner, eager_runner, file_runners
from attngan_export.forms import FORMS
from attngan_export.forms.workloads import Workload
from attngan_export.table import table
from attngan_export.versions import device, versions
from attngan_runtime import Generator
from attngan_runtime.bundle import MODEL, Bundle
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.onnx_session import usable_cores
from attngan_runtime.saving import check_parent, write_output

BATCHES = (1, 16)
THREADS = min(2, usable_cores() or 2)
_ROUNDS = 20  # of each runner in turn, so that a busy moment of the machine meets all of them
_ROUND = 0.1  # seconds, each; at least one call
_LONGEST = 30.0  # seconds for all rounds at one batch: on a machine that is busy, calls take a thousand times as long
_PROCESSES = 5  # started a runner

Call = Callable[[], object]


def run_bench(path_or_name: str, against: str | None = None) -> dict[str, Any]:
    """Measures ONNX Runtime, and TorchScript, .pt2 and eager PyTorch where they are to be had; by `THREADS` threads.

    against: where the PyTorch weights are. Without it a shipped generator of the bundle's name is taken, if it
    makes the same. Returns what `write_json` writes. Raises AttnGANError if the bundle can't be read.
    """
    bundle = Bundle.load(path_or_name)
    workload = FORMS[bundle.task].workload()
    with tempfile.TemporaryDirectory(prefix="attngan-bench-") as copies, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of words that the generator doesn't know
        runners, notes = _find_runners(bundle, workload, against, Path(copies))
        tokens = workload.tokens(runners[0].generator)
        forms = _measure(bundle.task, workload, runners, tokens)
    return {
        "bundle": bundle.name, "target": bundle.sidecar["target"], "precision": bundle.sidecar["precision"],
        "device": device(), "threads": THREADS, "versions": versions(), "notes": notes,
        **({"tokens_a_sentence": tokens} if tokens else {}),
        "forms": forms,
    }  # fmt: skip


def _measure(task: str, workload: Workload, runners: list[Runner], tokens: float | None) -> dict[str, dict[str, Any]]:
    """Figures by the runner's name; tokens: in a sample, a mean."""
    found: dict[str, dict[str, Any]] = {runner.name: {} for runner in runners}
    for batch in BATCHES:
        parts, calls = len(workload.calls(batch)), [partial(runner.work, workload, batch) for runner in runners]
        for figures, seconds in zip(found.values(), _latencies(calls), strict=True):
            figures[f"batch_{batch}_ms"] = _quantiles([1e3 * each / parts for each in seconds])
            if tokens:
                figures[f"batch_{batch}_tokens_per_s"] = batch * tokens * parts / float(np.median(seconds))
    processes = [[_start_process(task, runner) for runner in runners] for _ in range(_PROCESSES)]
    for figures, started in zip(found.values(), zip(*processes, strict=True), strict=True):
        first, resident, peak = zip(*started, strict=True)
        figures[f"first_{workload.sample}_s"] = _quantiles(first)
        figures["resident_mb"], figures["peak_mb"] = max(resident) / 1e6, max(peak) / 1e6
    return found


def _find_runners(
    bundle: Bundle, workload: Workload, against: str | None, copies: Path
) -> tuple[list[Runner], list[str]]:
    """Those that are to be had here, and notes on those that are not; copies: as `file_runners`."""
    onnx = Runner("ONNX Runtime", Generator.open(bundle, threads=THREADS), (MODEL, str(bundle.folder)))
    if find_spec("torch") is None:
        return [onnx], ['without PyTorch rows: torch is not installed; run: pip install "attngan[export,cpu]"']
    runners = [onnx, *file_runners(bundle, onnx, THREADS, copies)]
    eager = eager_runner(bundle, onnx, THREADS, workload, against)
    if eager is None:
        return runners, ["without an eager PyTorch row: name the weights by --against RUN_OR_NAME"]
    return [*runners, eager], []


def report(figures: dict[str, Any]) -> str:
    """The figures as a table: medians, and how many times as fast as the last row."""
    forms = figures["forms"]
    last = list(forms.values())[-1]
    rates = [key for key in last if key.endswith("_per_s")]
    times = [key for key in last if isinstance(last[key], dict)]
    rows = []
    for name, entry in forms.items():
        cells = [name, *(f"{entry[key]:,.0f}" for key in rates)]
        for key in times:
            value, ratio = entry[key]["median"], last[key]["median"] / entry[key]["median"]
            cells.append(f"{value:.2f} ({ratio:.1f}×)" if len(forms) > 1 else f"{value:.2f}")
        rows.append((*cells, f"{entry['resident_mb']:.0f}", f"{entry['peak_mb']:.0f}"))
    header = ("", *map(_title, (*rates, *times)), "resident, MB", "peak, MB")
    title = f"{figures['bundle']} ({figures['target']}, {figures['precision']}), {figures['device']}, "
    title += f"{figures['threads']} threads; medians" + ("; × as fast as the last row" if len(forms) > 1 else "")
    tokens = figures.get("tokens_a_sentence")
    title += f"; {tokens:.1f} tokens a sentence" if tokens else ""
    return "\n".join([title, table(header, rows, numbers=True), *(f"note: {note}" for note in figures["notes"])])


def _title(key: str) -> str:
    """`batch 1, ms` of batch_1_ms, `batch 1, tokens/s` of batch_1_tokens_per_s, `first image, s` of first_image_s."""
    first, second, *unit = key.replace("_per_", "/").split("_")
    return f"{first} {second}, {' '.join(unit)}"


def check_json_path(path: Path) -> None:
    """Raises AttnGANError if there can be no folder for `path`; costs nothing, so call it before measuring."""
    check_parent(path, "--json")


def write_json(figures: dict[str, Any], path: Path) -> None:
    """Writes the figures. Raises AttnGANError if there can be no folder for them, or the disk refuses."""
    check_json_path(path)
    write_output(path, (json.dumps(figures, indent=2, ensure_ascii=False) + "\n").encode())


def _latencies(calls: Sequence[Call]) -> list[list[float]]:
    """Seconds of every call, the runners in turn; one call a round goes to warming up after another."""
    found: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    start = time.perf_counter()
    for done in range(_ROUNDS):
        if done >= 3 and time.perf_counter() - start > _LONGEST:
            break
        for call, times in zip(calls, found, strict=True):
            call()
            times += _round(call)
    return found


def _round(call: Call) -> list[float]:
    """Seconds of each call made within `_ROUND` seconds; at least one."""
    times: list[float] = []
    while not times or sum(times) < _ROUND:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def _start_process(task: str, runner: Runner) -> tuple[float, int, int]:
    """Seconds from the start of a process until its first picture or sentence; bytes, resident then and at most."""
    command = [sys.executable, "-m", "attngan_export.bench.first_sample", task, *runner.process, str(THREADS)]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True) as process:
            assert process.stdout is not None
            ready = process.stdout.readline()
            seconds = time.perf_counter() - start
            rest = process.stdout.read()
        if ready.strip() != "ready" or process.returncode:
            complaints.seek(0)
            reason = (complaints.read().strip().splitlines() or ["no output"])[-1][:200]
            raise AttnGANError(runner.name, f"could not be used in a process of its own ({reason})")
    resident, peak = map(int, rest.split())
    return seconds, resident, peak


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    low, middle, high = (float(np.quantile(values, q)) for q in (0.1, 0.5, 0.9))
    return {"median": middle, "p10": low, "p90": high, "count": len(values)}
