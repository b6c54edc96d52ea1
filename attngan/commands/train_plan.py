"""What `attngan train` is asked to do, checked against presets, the data and the run that may be there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from attngan.commands.train_options import (
    as_begun,
    begin_or_go_on,
    check_classes,
    column_before,
    device_named,
    with_numbers,
    with_objective,
)
from attngan.commands.train_pace import precisions
from attngan.config import RunConfig
from attngan.data import Dataset
from attngan.errors import AttnGANError
from attngan.generators.source import Source, find_run
from attngan.run_folder import check_output_folder
from attngan.tasks import TASKS
from attngan.tasks.base import Task, TrainOptions, with_patience
from attngan.training.beginning import check_beginning, has_begun_from
from attngan.training.changes import Changes, check_settings, find_changes, fix_split
from attngan.training.run_logger import check_tensorboard


@dataclass(frozen=True)
class Asked:
    """The options of the command, by their names."""

    preset_name: str | None
    data: Path
    column: str | None
    out: Path
    begin: str | None
    images: int | None
    sentences: int | None
    batch: int | None
    gamma: str | None
    learning_rate: str | None
    seed: int | None
    channels: str | None
    fit: str | None
    unconditional: bool
    penalty: str | None
    objective: str | None
    augment: str | None
    holdout: int | None
    patience: int | None
    precision: str | None
    threads: int | None
    tensorboard: bool
    device: str
    dry_run: bool


@dataclass(frozen=True)
class Plan:
    """What is to be trained, on what, and from where."""

    config: RunConfig
    tokenizer: bytes
    dataset: Dataset
    changes: Changes
    source: Source | None  #: of the weights to begin with
    precisions: list[str]  #: to choose from
    device: torch.device

    @property
    def task(self) -> Task:
        return TASKS[self.config.task]


def make_plan(asked: Asked) -> Plan:
    """Reads the data; AttnGANError for what can't be done, as far as possible before."""
    if asked.images and asked.sentences:
        raise AttnGANError(f"--images {asked.images}", f"--sentences {asked.sentences} is given too", "leave one out")
    begun, preset, network, training = begin_or_go_on(asked.out, asked.preset_name)
    going = begun and asked.begin and has_begun_from(asked.out, begun, asked.begin)
    source = find_run(asked.begin) if asked.begin and not going else None
    check_classes(asked.out, begun, asked.unconditional)
    network, training, options = _configure(asked, preset, network, training, bool(source))
    if asked.tensorboard:
        check_tensorboard()
    device = device_named(asked.device)
    _check_place(asked.out, asked.data)
    choice = precisions(asked.precision, training, asked.out, device)
    training = replace(training, precision=choice[0])
    if begun:
        check_settings(asked.out, begun, network, training)
    dataset = _read(asked, TASKS[network.task], network, training)
    config, tokenizer = _complete(asked, begun, network, training, options, dataset)
    config, changes = find_changes(asked.out, config, dataset)
    TASKS[config.task].check_holdout(config.training, dataset)
    if source:
        check_beginning(source, config)
    return Plan(config, tokenizer, dataset, changes, source, choice, device)


def _configure(asked: Asked, preset: str, network: Any, training: Any, begin: bool) -> tuple[Any, Any, TrainOptions]:
    """Network and training as the options change them. begin: with the weights of another generator."""
    options = TrainOptions(
        preset, asked.channels, asked.unconditional, asked.penalty, asked.augment, asked.holdout, asked.patience,
        begin=begin, fit=asked.fit, sentences=bool(asked.sentences),
    )  # fmt: skip
    seed = training.seed if asked.seed is None else asked.seed
    training = with_objective(replace(training, seed=seed), asked.objective)
    network, training = TASKS[network.task].configure(network, training, options)
    images = asked.images or asked.sentences
    return network, with_numbers(training, images, asked.batch, asked.gamma, asked.learning_rate), options


def _check_place(out: Path, data: Path) -> None:
    """Before minutes of reading pictures."""
    if data.is_dir() and out.resolve().is_relative_to(data.resolve()):
        raise AttnGANError(
            f"--out {out}", "lies inside --data, whose pictures it would join", "name a folder elsewhere"
        )
    check_output_folder(out)


def _read(asked: Asked, task: Task, network: Any, training: Any) -> Dataset:
    if asked.column:
        return task.read_column(asked.data, network, asked.column)
    before = column_before(asked.out)
    return (
        task.read_again(asked.data, network, training, before) if before else task.read(asked.data, network, training)
    )


def _complete(
    asked: Asked, begun: RunConfig | None, network: Any, training: Any, options: TrainOptions, dataset: Dataset
) -> tuple[RunConfig, bytes]:
    """The config and tokenizer.json of these data, in a run that is there with its words and its held-out samples."""
    task, split = TASKS[network.task], begun and fix_split(asked.out, dataset, begun)
    if begun is None:
        training = replace(task.hold_out(training, options, dataset), holdout_asked=asked.holdout)
    elif asked.holdout not in (None, begun.training.holdout, begun.training.holdout_asked):
        training = task.hold_out(training, options, dataset)
    elif split:
        training = replace(training, holdout=len(split.held_out))
    training = with_patience(training, asked.patience, dataset.noun)
    if begun and not begun.class_names:
        options = replace(options, unconditional=True)
    config, tokenizer = task.complete(network, training, options, dataset)
    return as_begun(begun, config, tokenizer, asked.out) if begun else (config, tokenizer)
