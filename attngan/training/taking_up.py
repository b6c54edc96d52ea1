"""A run takes up what has changed: its files are made fit for it, so that the next start finds nothing to do."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from attngan.checkpoint import GENERATOR, load_tensors, save_tensors
from attngan.config import RunConfig
from attngan.errors import AttnGANError
from attngan.run_split import write_split
from attngan.training.beginning import names_of, rows_by_name
from attngan.training.changes import Changes, images_done
from attngan.training.likelihood import CHECKPOINT as LIKELIHOOD
from attngan.training.likelihood import NOTHING_BEST
from attngan.training.run_logger import RunLogger
from attngan.training.state import CHECKPOINT, PREVIOUS
from attngan.training.task_run import TaskRun
from attngan.training.word_learning import FILE as TEXT_ENCODER

_MOMENTS = (".exp_avg_sq", ".exp_avg")  # of Adam, a row each like the weight's


def take_up(changes: Changes, run: TaskRun, folder: Path, logger: RunLogger, source: str) -> None:
    """Records the changes, of which config.json is left to write: a kill before that repeats what is not done.

    AttnGANError if the disk refuses.
    """
    if changes.begun and (changes.data or names_of(changes.begun) != names_of(run.config)):
        _adapt(folder, changes.begun, run.config, changes.data)
    logger.change(images_done(folder), str(changes))
    if changes.data:
        write_data(run, folder, logger, source)


def write_data(run: TaskRun, folder: Path, logger: RunLogger, source: str) -> None:
    """What a run is trained on: data.json for people, and split.safetensors, by which its next start goes."""
    logger.save_data(source, run.dataset, run.plan.holdout)
    write_split(folder, run.dataset, run.plan.holdout, run.plan.seed)


def _adapt(folder: Path, begun: RunConfig, config: RunConfig, other_data: bool) -> None:
    """Rows of classes and styles by their names, and nothing that is best: it was measured on other data.

    A new row is the mean of the others, in the networks and in what Adam knows of them. Each file says which rows it
    has from then on, so that a start after a kill does not move them again. One that is missing or damaged is left to
    whoever reads it.
    """
    now = names_of(config)
    for name in (PREVIOUS, CHECKPOINT, GENERATOR, TEXT_ENCODER, LIKELIHOOD):
        try:
            tensors, about = load_tensors(folder / name, checked=True)
        except AttnGANError:
            continue
        then = about.get("rows") or names_of(begun)
        tensors = {key: _rows(key, value, then, now) for key, value in tensors.items()}
        about = _without_best(about) if other_data else about
        network = {"network": asdict(config.network)} if "network" in about else {}
        save_tensors(folder / name, tensors, about | network | {"rows": now})


def _rows(key: str, value: Tensor, then: dict[str, list[str]], now: dict[str, list[str]]) -> Tensor:
    weight = next((key.removesuffix(moment) for moment in _MOMENTS if key.endswith(moment)), key)
    return rows_by_name(weight, value, then, now)


def _without_best(about: dict[str, Any]) -> dict[str, Any]:
    about = {name: value for name, value in about.items() if name != "best"}
    if "progress" in about:
        about["progress"] = about["progress"] | {"best": None, "collapsed": 0, "stopped_early": False}
    return about | (NOTHING_BEST if "best_nll" in about else {})
