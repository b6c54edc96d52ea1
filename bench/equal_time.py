"""Runs of equal CPU time on one thread, to compare recipes: how many images each may show, then its run."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from attngan.checkpoint import load_config
from attngan.config import RunConfig
from attngan.tasks import TASKS
from attngan.tasks.image import ImageRun
from attngan.train import Outcome, build, train
from attngan.training.adversarial import Adversarial
from attngan.training.run_logger import RunLogger

CPU = torch.device("cpu")

Run = tuple[RunConfig, Any, bytes]  #: config, dataset, tokenizer.json

_ROUNDS, _STEPS = 4, 4
_WORDS = 90.0  # seconds that words take before the first picture is drawn


def prepare() -> None:
    """One thread, and nothing measured on the way: what runs are judged by is taken afterwards."""
    torch.set_num_threads(1)
    ImageRun.open_validation = lambda self: (None, "")  # type: ignore[method-assign]
    ImageRun.finish = lambda self, folder: None  # type: ignore[method-assign]


def train_for(minutes: float, variant: Run, reference: Run, folder: Path) -> None:
    """Trains a variant into the folder, or goes on with it; time.json then says what it took.

    It may show as many images as the reference does in that time, times what it is faster, measured side by side.
    """
    config, dataset, tokenizer = variant
    if (folder / "config.json").exists():
        config = load_config(folder)
    else:
        images = _images_in(60 * minutes, variant, reference, folder.parent / "reference.json")
        config = replace(config, training=replace(config.training, images=images))
    began = time.process_time()
    outcome = train(config, dataset, folder, CPU, tokenizer=tokenizer)
    if outcome in (Outcome.INTERRUPTED, Outcome.TERMINATED):
        raise SystemExit(130)
    figures = {"images": config.training.images, "cpu_seconds": time.process_time() - began, "outcome": outcome.value}
    if not (folder / "time.json").exists():
        (folder / "time.json").write_text(json.dumps(figures) + "\n")
    print(folder.name, figures, flush=True)


def _images_in(seconds: float, variant: Run, reference: Run, known: Path) -> int:
    """How many the variant can show; `known` keeps how many the reference could when it was first asked."""
    mine, others = _seconds_of_an_image(variant, reference)
    if not known.exists():
        known.write_text(json.dumps({"images": (seconds - _words(reference)) / others}) + "\n")
    pictures = [seconds - _words(run) for run in (variant, reference)]
    images = json.loads(known.read_text())["images"] * others / mine * pictures[0] / pictures[1]
    print(f"{others / mine:.2f} times as fast as the reference: {images:,.0f} images", flush=True)
    batch = variant[0].training.batch
    return int(images) // batch * batch


def _words(run: Run) -> float:
    """Seconds."""
    return _WORDS * bool(getattr(run[0].training, "matching_images", 0))


def _seconds_of_an_image(*runs: Run) -> list[float]:
    """CPU seconds of each, a mean over the run; their steps are timed in turn, as the machine isn't equally fast."""
    taken = [0.0 for _ in runs]
    with tempfile.TemporaryDirectory() as folder:
        for share in (0.0, 1.0):
            phases = [phase_after(share, run, Path(folder)) for run in runs]
            for turn in range(_ROUNDS):
                for place, phase in enumerate(phases):
                    before = getattr(phase.plan, "adversarial_from", 0.0)
                    weight = (1 - before if share else before) / (_STEPS * phase.plan.batch * (_ROUNDS - 1))
                    taken[place] += weight * _time(phase) * bool(turn)  # the first round warms up
    return taken


def phase_after(share: float, run: Run, folder: Path) -> Adversarial:
    """Its steps after this share of it, of new networks; the folder takes what they record."""
    config, dataset, tokenizer = run
    state = build(config, CPU)
    state.progress.images = int(share * (config.training.images - config.training.batch))
    return Adversarial(
        TASKS[config.task].prepare(config, dataset, CPU, tokenizer), state, folder, RunLogger(folder, False)
    )


def _time(phase: Adversarial) -> float:
    """CPU seconds of some steps."""
    began = time.process_time()
    for _ in range(_STEPS):
        phase.step()
    return time.process_time() - began
