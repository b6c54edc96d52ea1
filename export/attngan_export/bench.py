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
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from attngan_export.first_image import PROMPT
from attngan_export.folder import TORCHSCRIPT
from attngan_export.golden import golden_error, golden_inputs
from attngan_export.table import table
from attngan_export.verify import contents
from attngan_export.versions import versions
from attngan_runtime.bundle import Bundle
from attngan_runtime.errors import AttnGANError
from attngan_runtime.onnx_session import open_session, usable_cores
from attngan_runtime.pixels import to_uint8
from attngan_runtime.sidecar import MODEL
from attngan_runtime.tokens import Tokenizer

BATCHES = (1, 16)
THREADS = min(2, usable_cores() or 2)
_ROUNDS = 20  # of each form in turn, so that a busy moment of the machine meets all of them
_ROUND = 0.1  # seconds, each; at least one call
_LONGEST = 30.0  # seconds for all rounds at one batch: on a machine that is busy, calls take a thousand times as long
_PROCESSES = 5  # started a form

Call = Callable[[], object]
Feeds = dict[str, np.ndarray]
Draw = Callable[[Feeds], np.ndarray]


@dataclass
class Measured:
    """Figures of one form: seconds of every call by batch, seconds to the first picture, peak bytes."""

    name: str
    calls: dict[int, list[float]] = field(default_factory=dict)
    first: list[float] = field(default_factory=list)
    peak: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Form:
    """One way to draw: its call at a batch, and what `first_image` is started with."""

    name: str
    call: Callable[[int], Call]
    process: tuple[str, str]


def run_bench(path_or_name: str, against: str | None = None) -> dict[str, Any]:
    """Measures ONNX Runtime, and TorchScript and eager PyTorch where they are to be had; all with `THREADS` threads.

    against: where the PyTorch weights are. Without it a shipped generator of the bundle's name is taken, if it
    draws the same pictures. Returns what `write_json` writes. Raises AttnGANError if the bundle can't be read.
    """
    bundle = Bundle.load(path_or_name)
    forms, notes = [_onnx(bundle)], []
    if find_spec("torch") is None:
        notes.append('without PyTorch rows: torch is not installed; run: pip install "attngan[export,cpu]"')
    else:
        forms += [_torchscript(bundle)] if TORCHSCRIPT in contents(bundle) else []
        run_or_name = against or _shipped(bundle)
        if run_or_name:
            forms.append(_eager(bundle, run_or_name))
        else:
            notes.append("without an eager PyTorch row: name the weights by --against RUN_OR_NAME")
    found = [Measured(form.name) for form in forms]
    for batch in BATCHES:
        for entry, calls in zip(found, _latencies([form.call(batch) for form in forms]), strict=True):
            entry.calls[batch] = calls
    for _ in range(_PROCESSES):
        for form, entry in zip(forms, found, strict=True):
            seconds, peak = _process(*form.process)
            entry.first.append(seconds)
            entry.peak.append(peak)
    return {
        "bundle": bundle.name, "target": bundle.sidecar["target"], "precision": bundle.sidecar["precision"],
        "device": device(), "threads": THREADS, "versions": versions(), "notes": notes,
        "forms": {entry.name: _figures(entry) for entry in found},
    }  # fmt: skip


def report(figures: dict[str, Any]) -> str:
    """The figures as a table: medians, and how many times as fast as the last row."""
    forms = figures["forms"]
    last = list(forms.values())[-1]
    rows = []
    for name, entry in forms.items():
        cells = [name]
        for key in (*(f"batch_{batch}_ms" for batch in BATCHES), "first_image_s"):
            value, ratio = entry[key]["median"], last[key]["median"] / entry[key]["median"]
            cells.append(f"{value:.2f} ({ratio:.1f}×)" if len(forms) > 1 else f"{value:.2f}")
        rows.append((*cells, f"{entry['peak_mb']:.0f}"))
    header = ("", *(f"batch {batch}, ms" for batch in BATCHES), "first image, s", "peak, MB")
    title = f"{figures['bundle']} ({figures['target']}, {figures['precision']}), {figures['device']}, "
    title += f"{figures['threads']} threads; medians" + ("; × as fast as the last row" if len(forms) > 1 else "")
    return "\n".join([title, table(header, rows, numbers=True), *(f"note: {note}" for note in figures["notes"])])


def check_json_path(path: Path) -> None:
    """Raises AttnGANError if the folder of `path` doesn't exist; costs nothing, so call it before measuring."""
    if not path.parent.is_dir():
        raise AttnGANError(f"--json {path}: folder {path.parent} does not exist; create it first")


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


def _onnx(bundle: Bundle) -> Form:
    session = open_session(bundle.model, None, THREADS, MODEL)
    output = [bundle.sidecar["output"]["name"]]

    def draw(feeds: Feeds) -> np.ndarray:
        return np.asarray(session.run(output, feeds)[0])

    return Form("ONNX Runtime", lambda batch: _call(draw, bundle, batch), ("runtime", str(bundle.folder)))


def _torchscript(bundle: Bundle) -> Form:
    from attngan_export.torchscript import load_torchscript

    draw = _torch_draw(load_torchscript(contents(bundle)[TORCHSCRIPT]))
    return Form("TorchScript", lambda batch: _call(draw, bundle, batch), ("torchscript", str(bundle.folder)))


def _eager(bundle: Bundle, run_or_name: str) -> Form:
    draw = _torch_draw(_module(bundle, run_or_name))
    return Form("PyTorch, eager", lambda batch: _call(draw, bundle, batch), ("torch", run_or_name))


def _torch_draw(module: Any) -> Draw:
    import torch

    from attngan_export.gate import as_tuple

    def draw(feeds: Feeds) -> np.ndarray:
        torch.set_num_threads(THREADS)
        with torch.inference_mode():
            return as_tuple(module(*(torch.from_numpy(value) for value in feeds.values())))[0].numpy()

    return draw


def _call(draw: Draw, bundle: Bundle, batch: int) -> Call:
    """From what a user asks for to pictures as screens have them: words become tokens, and [−1, 1] becomes uint8."""
    feeds, tokenizer = _inputs(bundle, batch), bundle.open_tokenizer()

    def call() -> object:
        if isinstance(tokenizer, Tokenizer):
            tokens = tokenizer.encode([PROMPT] * batch)
            feeds.update(tokens=tokens.ids, mask=tokens.mask)
        return to_uint8(draw(feeds))

    return call


def _module(bundle: Bundle, run_or_name: str) -> Any:
    """The bundle's generator in PyTorch. Raises AttnGANError if the weights draw other pictures."""
    import torch

    from attngan.checkpoint import load_generator
    from attngan_export.describe import describe_inputs
    from attngan_export.export import form_of

    # Without maps in any case: they are not drawn here.
    generator = load_generator(run_or_name)
    form = form_of(generator, "z" if bundle.z_dim else "seed", bundle.sidecar["precision"])
    feeds = golden_inputs(bundle.sidecar)
    same = bundle.sidecar["inputs"] == describe_inputs(form, generator.config)
    if same:
        with torch.no_grad():
            pictures = form.module(*(torch.from_numpy(value) for value in feeds.values())).numpy()
        same = pictures.shape[1:] == bundle.shape
        same = same and golden_error(bundle.sidecar, pictures) <= bundle.sidecar["golden"]["tolerance"]
    if not same:
        raise AttnGANError(f"--against {run_or_name}: draws other pictures than {bundle.folder}; name its own run")
    return form.module


def _shipped(bundle: Bundle) -> str | None:
    """The bundle's name, if PyTorch weights of that name are shipped and are its own."""
    from attngan.checkpoint import PRETRAINED

    if not (PRETRAINED / bundle.name / "config.json").is_file():
        return None
    try:
        _module(bundle, str(PRETRAINED / bundle.name))
    except AttnGANError:
        return None
    return str(PRETRAINED / bundle.name)


def _inputs(bundle: Bundle, batch: int) -> dict[str, np.ndarray]:
    """The golden inputs, repeated to `batch` pictures."""
    return {name: np.resize(value, (batch, *value.shape[1:])) for name, value in golden_inputs(bundle.sidecar).items()}


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


def _process(kind: str, path: str) -> tuple[float, int]:
    """Seconds from the start of a process until its first picture, and its peak memory in bytes."""
    command = [sys.executable, "-m", "attngan_export.first_image", kind, path, str(THREADS)]
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
            raise AttnGANError(f"{path}: could not be drawn from in a process of its own ({reason})")
    return seconds, int(rest)


def _figures(entry: Measured) -> dict[str, Any]:
    figures: dict[str, Any] = {
        f"batch_{batch}_ms": _quantiles([1e3 * call for call in calls]) for batch, calls in entry.calls.items()
    }
    return figures | {"first_image_s": _quantiles(entry.first), "peak_mb": max(entry.peak) / 1e6}


def _quantiles(values: list[float]) -> dict[str, float]:
    low, middle, high = (float(np.quantile(values, q)) for q in (0.1, 0.5, 0.9))
    return {"median": middle, "p10": low, "p90": high, "count": len(values)}
