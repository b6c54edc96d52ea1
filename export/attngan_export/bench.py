"""`attngan-export bench`: one bundle, side by side with PyTorch on the machine at hand."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from attngan_export.bench_forms import Form, eager, job, onnx, shipped, tokens_a_sentence, torch_files
from attngan_export.table import table
from attngan_export.versions import versions
from attngan_runtime.bundle import Bundle
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.onnx_session import usable_cores

BATCHES = (1, 16)
THREADS = min(2, usable_cores() or 2)
_ROUNDS = 20  # of each form in turn, so that a busy moment of the machine meets all of them
_ROUND = 0.1  # seconds, each; at least one call
_LONGEST = 30.0  # seconds for all rounds at one batch: on a machine that is busy, calls take a thousand times as long
_PROCESSES = 5  # started a form

Call = Callable[[], object]


@dataclass
class Measured:
    """Figures of one form: seconds of every call by batch; of processes, seconds to the first picture or sentence and
    bytes, resident then and at most."""

    name: str
    calls: dict[int, list[float]] = field(default_factory=dict)
    first: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)
    peak: list[int] = field(default_factory=list)


def run_bench(path_or_name: str, against: str | None = None) -> dict[str, Any]:
    """Measures ONNX Runtime, and TorchScript, .pt2 and eager PyTorch where they are to be had; by `THREADS` threads.

    against: where the PyTorch weights are. Without it a shipped generator of the bundle's name is taken, if it
    makes the same. Returns what `write_json` writes. Raises AttnGANError if the bundle can't be read.
    """
    bundle = Bundle.load(path_or_name)
    with tempfile.TemporaryDirectory(prefix="attngan-bench-") as copies:
        forms, notes = _forms(bundle, against, Path(copies))
        found = _measured(bundle, forms)
    tokens = tokens_a_sentence(bundle, forms[0]) if bundle.task == "text" else None
    return {
        "bundle": bundle.name, "target": bundle.sidecar["target"], "precision": bundle.sidecar["precision"],
        "device": device(), "threads": THREADS, "versions": versions(), "notes": notes,
        **({"tokens_a_sentence": tokens} if tokens else {}),
        "forms": {entry.name: _figures(entry, tokens) for entry in found},
    }  # fmt: skip


def _measured(bundle: Bundle, forms: list[Form]) -> list[Measured]:
    found = [Measured(form.name) for form in forms]
    for batch in BATCHES:
        ask, parts = job(bundle, batch)
        for entry, seconds in zip(found, _latencies([partial(ask, form.draw) for form in forms]), strict=True):
            entry.calls[batch] = [each / parts for each in seconds]
    for _ in range(_PROCESSES):
        for form, entry in zip(forms, found, strict=True):
            first, resident, peak = _process(form)
            entry.first.append(first)
            entry.resident.append(resident)
            entry.peak.append(peak)
    return found


def _forms(bundle: Bundle, against: str | None, copies: Path) -> tuple[list[Form], list[str]]:
    """Those that are to be had here, and notes on those that are not; copies: as `bench_forms.torch_files`."""
    forms = [onnx(bundle, THREADS)]
    if find_spec("torch") is None:
        return forms, ['without PyTorch rows: torch is not installed; run: pip install "attngan[export,cpu]"']
    forms += torch_files(bundle, THREADS, copies)
    run_or_name = against or shipped(bundle)
    if not run_or_name:
        return forms, ["without an eager PyTorch row: name the weights by --against RUN_OR_NAME"]
    return [*forms, eager(bundle, run_or_name, THREADS)], []


def report(figures: dict[str, Any]) -> str:
    """The figures as a table: medians, and how many times as fast as the last row."""
    forms, tokens = figures["forms"], figures.get("tokens_a_sentence")
    columns = [(f"batch_{batch}_ms", f"batch {batch}, ms") for batch in BATCHES]
    columns.append(("first_sentence_s", "first sentence, s") if tokens else ("first_image_s", "first image, s"))
    last = list(forms.values())[-1]
    rows = []
    for name, entry in forms.items():
        cells = [name, *([f"{entry[f'batch_{batch}_tokens_per_s']:,.0f}" for batch in BATCHES] if tokens else [])]
        for key, _ in columns:
            value, ratio = entry[key]["median"], last[key]["median"] / entry[key]["median"]
            cells.append(f"{value:.2f} ({ratio:.1f}×)" if len(forms) > 1 else f"{value:.2f}")
        rows.append((*cells, f"{entry['resident_mb']:.0f}", f"{entry['peak_mb']:.0f}"))
    speeds = [f"batch {batch}, tokens/s" for batch in BATCHES] if tokens else []
    header = ("", *speeds, *(said for _, said in columns), "resident, MB", "peak, MB")
    title = f"{figures['bundle']} ({figures['target']}, {figures['precision']}), {figures['device']}, "
    title += f"{figures['threads']} threads; medians" + ("; × as fast as the last row" if len(forms) > 1 else "")
    title += f"; {tokens:.1f} tokens a sentence" if tokens else ""
    return "\n".join([title, table(header, rows, numbers=True), *(f"note: {note}" for note in figures["notes"])])


def check_json_path(path: Path) -> None:
    """Raises AttnGANError if the folder of `path` doesn't exist; costs nothing, so call it before measuring."""
    if not path.parent.is_dir():
        raise AttnGANError(f"--json {path}", f"folder {path.parent} does not exist", "create it first")


def write_json(figures: dict[str, Any], path: Path) -> None:
    """Writes the figures. Raises AttnGANError if the folder doesn't exist."""
    check_json_path(path)
    path.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def device() -> str:
    """The processor in words."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _latencies(calls: list[Call]) -> list[list[float]]:
    """Seconds of every call, the forms in turn; one call a round goes to warming up after another form."""
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
    times = [_seconds(call)]
    while sum(times) < _ROUND:
        times.append(_seconds(call))
    return times


def _seconds(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _process(form: Form) -> tuple[float, int, int]:
    """Seconds from the start of a process until its first picture or sentence; bytes, resident then and at most."""
    command = [sys.executable, "-m", "attngan_export.first_image", *form.process, str(THREADS)]
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
            raise AttnGANError(form.name, f"could not be used in a process of its own ({reason})")
    resident, peak = map(int, rest.split())
    return seconds, resident, peak


def _figures(entry: Measured, tokens: float | None) -> dict[str, Any]:
    """As they are written; tokens: a mean sentence's, None for pictures."""
    figures: dict[str, Any] = {}
    for batch, calls in entry.calls.items():
        figures[f"batch_{batch}_ms"] = _quantiles([1e3 * call for call in calls])
        if tokens:
            figures[f"batch_{batch}_tokens_per_s"] = batch * tokens / float(np.median(calls))
    first = "first_sentence_s" if tokens else "first_image_s"
    return figures | {
        first: _quantiles(entry.first),
        "resident_mb": max(entry.resident) / 1e6,
        "peak_mb": max(entry.peak) / 1e6,
    }


def _quantiles(values: list[float]) -> dict[str, float]:
    low, middle, high = (float(np.quantile(values, q)) for q in (0.1, 0.5, 0.9))
    return {"median": middle, "p10": low, "p90": high, "count": len(values)}
