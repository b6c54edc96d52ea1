"""What `attngan train` does at first: times a few steps, or takes the pace that the run began with, and tells it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import torch

from attngan.checkpoint import load_config
from attngan.config import RunConfig, TrainingConfig
from attngan.presets import PRESETS, WORK
from attngan.train import build
from attngan.training.pace import Pace
from attngan.training.run_logger import note
from attngan.training.speed import time_run, with_kids
from attngan.training.task_run import TaskRun

_DAY, _NIGHT = 24 * 3600.0, 8 * 3600.0


def precisions(asked: str | None, training: TrainingConfig, out: Path, device: torch.device) -> list[str]:
    """Those to choose from; the first is tried first: --precision, or that of the run in `out`, or the preset's.

    A preset in bf16 is timed in fp32 too. Where bf16 has to be imitated it is not tried: on a CPU without
    AVX-512-BF16 a step takes two to nine times as long as in fp32.
    """
    if asked:
        return [asked]
    if (out / "config.json").exists():
        return [load_config(out).training.precision]
    return ["fp32", "bf16"] if training.precision == "bf16" and _has_bf16(device) else ["fp32"]


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(asked and asked())


def choose_pace(
    config: RunConfig, prepare: Callable[[], TaskRun], precisions: list[str], threads: int | None, out: Path, unit: str,
    stale: bool = False,
) -> tuple[RunConfig, Pace]:  # fmt: skip
    """The pace of the run in `out`, by --threads if given and by no more than there are; or a new run's, timed.

    stale: whether the steps of that run, or their number, have changed; it is then timed again, with its threads.
    """
    pace = Pace.read(out)
    if pace is None:
        return timed(prepare(), precisions, threads)
    if stale:
        return timed(prepare(), precisions, threads or min(pace.threads, torch.get_num_threads()))
    if pace.per_second:
        click.echo(f"speed: {_rate(config, pace, unit)} when it began")
    return config, replace(pace, threads=threads or min(pace.threads, torch.get_num_threads()))


def timed(run: TaskRun, precisions: list[str], threads: int | None, kids: bool = True) -> tuple[RunConfig, Pace]:
    """The config in the fastest precision, and the pace, which it says. kids: see how many there is time for."""
    counts = [threads] if threads else _thread_counts(run.device)
    note(f"timing steps: threads {_listed(counts)}, {_listed(precisions)}")
    state = build(run.config, run.device)
    pace, precision = time_run(run, state, counts, precisions)
    config = replace(run.config, training=replace(run.plan, precision=precision))
    click.echo(f"speed: {_rate(config, pace, run.dataset.unit)} here; the run takes about {duration(pace.seconds)}")
    if pace.seconds > _DAY:
        note(_too_long(config, pace))
    return config, with_kids(pace, run, state) if kids else pace


def _thread_counts(device: torch.device) -> list[int]:
    """Halves of the cores down to 1; those of OMP_NUM_THREADS alone, or as they are where a GPU does the work."""
    most = torch.get_num_threads()
    if device.type != "cpu" or "OMP_NUM_THREADS" in os.environ:
        return [most]
    return [most >> halving for halving in range(most.bit_length())]


def _listed(values: list[int] | list[str]) -> str:
    return " or ".join(map(str, values))


def _rate(config: RunConfig, pace: Pace, unit: str) -> str:
    rate = f"{pace.per_second:,.0f}" if pace.per_second >= 10 else f"{pace.per_second:.2g}"
    return f"{rate} {unit}/s by {pace.threads} thread{'s' * (pace.threads > 1)} in {config.training.precision}"


def duration(seconds: float) -> str:
    """In the unit that people would use."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} minutes"
    hours = seconds / 3600
    return f"{hours:.1f} hours" if hours < 10 else f"{float(f'{hours:.2g}'):,.0f} hours"


def _too_long(config: RunConfig, pace: Pace) -> str:
    """That it is hopeless, and the preset of the task nearest to it that is not, by its work beside that of this run.

    Nearest: of the largest resolution up to its own, then of as many channels, then of the most work.
    """
    work, problem = WORK.get(config.task), f"{config.preset} takes more than a day here"
    here = pace.seconds / (work(config.network) * config.training.images) if work else 0.0
    resolution, channels = (getattr(config.network, name, 0) for name in ("resolution", "channels"))
    fitting = {
        name: (getattr(network, "resolution", 0), getattr(network, "channels", 0) == channels, seconds)
        for name, (network, training) in PRESETS.items()
        if work and network.task == config.task and not name.startswith("tiny")  # which are for a first look
        if getattr(network, "resolution", 0) <= resolution
        if (seconds := here * work(network) * training.images) < _DAY
    }
    if not fitting:
        fewer = max(int(float(f"{config.training.images * _NIGHT / pace.seconds:.1g}")), 1)
        return f"{problem}, as all presets of its kind; --images {fewer} takes about {duration(_NIGHT)}"
    name = max(fitting, key=fitting.__getitem__)
    more = "" if fitting[name][1] else f" --channels {channels}"
    return f"{problem}; --preset {name}{more} about {duration(fitting[name][2])}"
