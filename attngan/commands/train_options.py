"""What the options of `attngan train` make of a preset's training; each raises AttnGANError with its remedy."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from attngan.checkpoint import read_tokenizer
from attngan.config import RunConfig, TrainingConfig
from attngan.data.image_dataset import count_of
from attngan.errors import AttnGANError
from attngan.losses import OBJECTIVES
from attngan.presets import preset
from attngan.run_folder import begun_run, read_object
from attngan.training.changes import check_preset
from attngan.training.run_logger import note
from attngan_runtime.bundle import TOKENIZER

Training = TypeVar("Training", bound=TrainingConfig)


def with_objective(training: Training, name: str | None) -> Training:
    """--objective: a name in attngan.losses. "wasserstein" brings its paper's penalty, all others keep the preset's."""
    if name is None or name == training.objective:
        return training
    if name not in OBJECTIVES:
        raise AttnGANError(f"--objective {name}", "no such objective", f"choose {', '.join(OBJECTIVES)}")
    # λ = 10 on every step, as in Gulrajani et al. 2017, algorithm 1; without its five critic steps to one of G and its
    # Adam (learning rate 1e-4, β 0 and 0.9).
    if name == "wasserstein":
        return replace(training, objective=name, penalty="wgan-gp", gamma=(10.0, 10.0), penalty_every=1)
    return replace(training, objective=name)


def with_numbers(
    training: Training, images: int | None, batch: int | None, gamma: str | None, learning_rate: str | None
) -> Training:
    """--images, --batch, --gamma and --learning-rate, those that are given."""
    if gamma is not None and training.penalty == "none":
        raise AttnGANError(f"--gamma {gamma}", "this run has no penalty that it could weigh", "leave it out")
    given: dict[str, Any] = {
        "images": images, "batch": batch, "gamma": gamma and _pair("--gamma", gamma),
        "learning_rate": learning_rate and _pair("--learning-rate", learning_rate),
    }  # fmt: skip
    return replace(training, **{name: value for name, value in given.items() if value is not None})


def _pair(option: str, text: str) -> tuple[float, float]:
    """One number for the whole run, or FIRST,LAST."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in (1, 2) or not all(0 < value < math.inf for value in values):
        raise AttnGANError(f"{option} {text}", "", "use a number above 0, or two as FIRST,LAST, such as 1,0.1")
    return values[0], values[-1]


def begin_or_go_on(out: Path, preset_name: str | None) -> tuple[RunConfig | None, str, Any, Any]:
    """The config of the run in --out, or None; then preset, network and training to begin with, which are its own."""
    begun = begun_run(out)
    if begun:
        check_preset(out, begun, preset_name or begun.preset)
        return begun, begun.preset, begun.network, begun.training
    if preset_name is None:
        raise AttnGANError("--preset", f"not given, and {out} holds no run", "choose one of `attngan presets`")
    return None, preset_name, *preset(preset_name)


def check_classes(out: Path, begun: RunConfig | None, unconditional: bool) -> None:
    """AttnGANError if the run in --out draws classes, and is to draw without."""
    if unconditional and begun and begun.class_names:
        raise AttnGANError("--unconditional", f"{out} draws classes", "leave it out, or name another --out")


def column_before(out: Path) -> str:
    """The column of a table that the run in --out reads; empty if there is no run, or no column."""
    return str(read_object(out / "data.json").get("column", ""))


def as_begun(begun: RunConfig, config: RunConfig, tokenizer: bytes, out: Path) -> tuple[RunConfig, bytes]:
    """The config and tokenizer.json of data, with the words of the run that goes on with them."""
    if not (out / TOKENIZER).exists():
        return config, tokenizer
    own = read_tokenizer(out)
    new = _words(tokenizer) - _words(own)
    if new:
        note(f"{count_of(len(new), 'word')} of --data not known to {out}, which keeps the words that it began with")
    return replace(config, network=replace(config.network, vocabulary=begun.network.vocabulary)), own


def _words(tokenizer: bytes) -> set[str]:
    return set(json.loads(tokenizer)["model"]["vocab"])


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
