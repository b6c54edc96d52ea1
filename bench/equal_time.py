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
_WARMING, _STEPS = 3, 12  # steps before the measured ones, and those
_WORDS = 90  # seconds that words take before the first picture is drawn


def prepare() -> None:
    """One thread, and nothing measured on the way: what runs are judged by is taken afterwards."""
    torch.set_num_threads(1)
    ImageRun.open_validation = lambda self: (None, "")  # type: ignore[method-assign]
    ImageRun.finish = lambda self, folder: None  # type: ignore[method-assign]


def train_for(minutes: float, config: RunConfig, dataset: Any, tokenizer: bytes, folder: Path) -> None:
    """Trains a variant into the folder, or goes on with it; time.json then says what it took."""
    if (folder / "config.json").exists():
        config = load_config(folder)
    else:
        images = _images_in(60 * minutes, config, dataset, tokenizer)
        config = replace(config, training=replace(config.training, images=images))
    began = time.process_time()
    outcome = train(config, dataset, folder, CPU, tokenizer=tokenizer)
    if outcome in (Outcome.INTERRUPTED, Outcome.TERMINATED):
        raise SystemExit(130)
    figures = {"images": config.training.images, "cpu_seconds": time.process_time() - began, "outcome": outcome.value}
    (folder / "time.json").write_text(json.dumps(figures) + "\n")
    print(folder.name, figures, flush=True)


def _images_in(seconds: float, config: RunConfig, dataset: Any, tokenizer: bytes) -> int:
    """How many can be shown, by the measured speed at the beginning and at the end of the run."""
    plan = config.training
    begin, end = (_rate(config, dataset, tokenizer, share) for share in (0.0, 1.0))
    before = getattr(plan, "adversarial_from", 0.0)
    seconds -= _WORDS * bool(getattr(plan, "matching_images", 0))
    images = seconds / (before / begin + (1 - before) / end)
    print(f"{begin:.1f} images/s at first, {end:.1f} at the end: {images:,.0f} images", flush=True)
    return int(images) // plan.batch * plan.batch


def _rate(config: RunConfig, dataset: Any, tokenizer: bytes, share: float) -> float:
    """Images per CPU second after this share of the run."""
    plan = config.training
    state = build(config, CPU)
    state.progress.images = int(share * (plan.images - plan.batch))
    with tempfile.TemporaryDirectory() as folder:
        run = TASKS[config.task].prepare(config, dataset, CPU, tokenizer)
        phase = Adversarial(run, state, Path(folder), RunLogger(Path(folder), False))
        for _ in range(_WARMING):
            phase.step()
        began = time.process_time()
        for _ in range(_STEPS):
            phase.step()
        return _STEPS * plan.batch / (time.process_time() - began)
