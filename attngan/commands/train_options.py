"""What the options of `attngan train` make of a preset's training; each raises AttnGANError with its remedy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from attngan.checkpoint import load_config
from attngan.config import TrainingConfig
from attngan.errors import AttnGANError
from attngan.losses import OBJECTIVES
from attngan.tasks.base import Task, TrainOptions

Training = TypeVar("Training", bound=TrainingConfig)


def with_objective(training: Training, name: str | None) -> Training:
    """--objective: a name in attngan.losses. "wasserstein" brings its paper's penalty, all others keep the preset's."""
    if name is None:
        return training
    if name not in OBJECTIVES:
        raise AttnGANError(f"--objective {name}", "no such objective", f"choose {', '.join(OBJECTIVES)}")
    # λ = 10 on every step, as in Gulrajani et al. 2017, algorithm 1; without its five critic steps to one of G and its
    # Adam (learning rate 1e-4, β 0 and 0.9).
    if name == "wasserstein":
        return replace(training, objective=name, penalty="wgan-gp", gamma=(10.0, 10.0), penalty_every=1)
    return replace(training, objective=name)


def as_before(task: Task, training: Any, out: Path, options: TrainOptions) -> Any:
    """Training that reads data as the run in this folder does, if there is one."""
    if not (out / "config.json").exists():
        return training
    before = load_config(out).training
    return task.read_alike(training, before, out, options) if type(before) is type(training) else training


def device_named(name: str) -> torch.device:
    """--device: auto takes CUDA where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    known = ["cpu", "cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if name not in known:
        raise AttnGANError(f"--device {name}", "no such device", "use auto, cpu or cuda")
    if name != "cpu" and not torch.cuda.is_available():
        raise AttnGANError(f"--device {name}", "this torch finds no GPU", "use cpu")
    return torch.device(name)
