"""`attngan train`: options checked, pictures read, then the training loop."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from attngan.config import RunConfig
from attngan.errors import AttnGANError
from attngan_runtime.commands.console import Command


@click.command(cls=Command)
@click.option(
    "--preset", "preset_name", help="What to train; `attngan presets` lists them. A run that goes on has its own."
)
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder, zip, tar, Parquet or IDX of pictures; with captions for a preset that draws from words; for one that "
    "writes a file of sentences, one a line or in a column.",
)
@click.option(
    "--column", help="Of a CSV or JSON lines, the one of the sentences; text, caption or sentence if not given."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Run folder. The run in it goes on, with "
              "the options that are given and else with its own.")  # fmt: skip
@click.option("--from", "begin", metavar="NAME_OR_RUN", help="Begin with the weights of this generator.")
@click.option("--images", type=click.IntRange(min=1), help="Real pictures to show in all; the preset's if not given. "
              "More than before goes on with a run.")  # fmt: skip
@click.option("--sentences", type=click.IntRange(min=1), help="Real sentences to show against the discriminator, after "
              "likelihood; the preset's if not given.")  # fmt: skip
@click.option("--batch", type=click.IntRange(min=1), help="Pictures or sentences a step; the preset's if not given.")
@click.option("--gamma", metavar="FIRST[,LAST]", help="Weight of R1 + R2 over the run; the preset's if not given.")
@click.option("--learning-rate", metavar="FIRST[,LAST]", help="Of Adam over the run; the preset's if not given.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="[default: 0]")
@click.option(
    "--channels", type=click.Choice(["1", "3", "4"]), help="1 grey, 3 RGB, 4 RGBA; the preset's if not given."
)
@click.option(
    "--fit", type=click.Choice(["crop", "pad", "stretch"]), help="Pictures that are not square: their middle, all of "
    "them with a transparent or white border, or all distorted. [default: crop]",
)  # fmt: skip
@click.option("--unconditional", is_flag=True, help="Ignore the classes of the pictures.")
@click.option(
    "--penalty", type=click.Choice(["none", "r1+r2"]), help="Of sentences: none if not given; r1+r2 is exact, through "
    "attention.",
)  # fmt: skip
@click.option("--objective", help="A name in attngan.losses; relativistic if not given.")
@click.option(
    "--augment", default=None, help="adaptive (the default), none, or a fixed probability from 0 to 0.8, such as 0.3."
)
@click.option(
    "--holdout", type=click.IntRange(min=0), default=None,
    help="Pictures never trained on, to see overfitting by; if not given a tenth, 20 to 1,000, at most a fifth.",
)  # fmt: skip
@click.option(
    "--patience", type=click.IntRange(min=0), default=None,
    help="Stop after so many KIDs in a row that show a collapse; 0 never stops, and goes on with a run that was "
    "stopped. [default: 6]",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice(["fp32", "bf16"]),
    help="Of convolutions; if not given the preset's, bf16 only where it is faster here.",
)  # fmt: skip
@click.option("--threads", type=click.IntRange(min=1), help="Of the CPU; if not given as many as are the fastest here.")
@click.option("--tensorboard", is_flag=True, help="Write OUT/tensorboard as well.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, or auto: cuda where there is one.")
@click.option("--dry-run", is_flag=True, help="Say what would run, and write nothing.")
def train(
    preset_name: str | None, data: Path, column: str | None, out: Path, begin: str | None, images: int | None,
    sentences: int | None, batch: int | None, gamma: str | None, learning_rate: str | None, seed: int | None,
    channels: str | None, fit: str | None, unconditional: bool, penalty: str | None, objective: str | None,
    augment: str | None, holdout: int | None, patience: int | None, precision: str | None, threads: int | None,
    tensorboard: bool, device: str, dry_run: bool,
) -> None:  # fmt: skip
    """Train a generator; the same command again resumes the run. Ctrl-C and SIGTERM stop and save."""
    # Before torch is loaded: its threads then sleep while they wait for each other. If they spin, two of them beside
    # a busy core are ten times as slow as on an idle machine; asleep, about half as fast (docs/log.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from attngan.commands.train_options import (
        as_begun,
        begin_or_go_on,
        column_before,
        device_named,
        with_numbers,
        with_objective,
    )
    from attngan.commands.train_pace import choose_pace, precisions, timed
    from attngan.generators.source import find_run
    from attngan.tasks import TASKS
    from attngan.tasks.base import TrainOptions, with_patience
    from attngan.train import train as run
    from attngan.training.beginning import check_beginning
    from attngan.training.changes import check_settings, find_changes, how_it_ended
    from attngan.training.run_logger import check_tensorboard

    if images and sentences:
        raise AttnGANError(f"--images {images}", f"--sentences {sentences} is given too", "leave one out")
    begun, preset_name, network, training = begin_or_go_on(out, preset_name)
    source = find_run(begin) if begin else None
    options = TrainOptions(
        preset_name, channels, unconditional, penalty, augment, holdout, patience, bool(begin), fit, bool(sentences)
    )
    task = TASKS[network.task]
    training = with_objective(replace(training, seed=training.seed if seed is None else seed), objective)
    network, training = task.configure(network, training, options)
    training = with_numbers(training, images or sentences, batch, gamma, learning_rate)
    if tensorboard:
        check_tensorboard()
    where = device_named(device)
    _check_place(out, data)
    choice = precisions(precision, training, out, where)
    training = replace(training, precision=choice[0])
    if begun:
        check_settings(out, begun, network, training)
    column = column or column_before(out, data)
    dataset = task.read_column(data, network, column) if column else task.read(data, network, training)
    if begun is None or holdout not in (None, begun.training.holdout):
        training = task.hold_out(training, options, dataset)
    training = with_patience(training, patience, dataset.noun)
    if begun and not begun.class_names:
        options = replace(options, unconditional=True)
    config, tokenizer = task.complete(network, training, options, dataset)
    if begun:
        config, tokenizer = as_begun(begun, config, tokenizer, out)
    config, changes = find_changes(out, config, dataset)
    task.check_holdout(config.training, dataset)
    if source:
        check_beginning(source, config)
    held_out = f"; {config.training.holdout:,} held out" if config.training.holdout else ""
    click.echo(f"data: {dataset.describe()}{held_out}")
    for remark in task.remarks(dataset):
        click.echo(f"note: {remark}", err=True)
    click.echo(f"train: {task.summarise(config)} on {where.type}, into {out}")
    ended = bool(how_it_ended(out, config, changes.data))
    prepare = partial(task.prepare, config, dataset, where, tokenizer)
    if dry_run:
        if changes:
            click.echo(f"note: it would go on with {changes}", err=True)
        _print_sizes(config)
        timed(prepare(), choice, threads, kids=False)
        click.echo("dry run: nothing was trained or written")
        return
    config, pace = choose_pace(config, prepare, choice, threads, out, dataset.unit, changes.speed and not ended)
    outcome = run(
        config,
        dataset,
        out,
        where,
        source=str(data),
        tensorboard=tensorboard,
        tokenizer=tokenizer,
        pace=pace,
        begin=source,
    )
    _print_end(outcome, out, ended)


def _check_place(out: Path, data: Path) -> None:
    """Before minutes of reading pictures; `begun_run` looks at the rest."""
    from attngan.run_folder import check_output_folder

    if data.is_dir() and out.resolve().is_relative_to(data.resolve()):
        raise AttnGANError(
            f"--out {out}", "lies inside --data, whose pictures it would join", "name a folder elsewhere"
        )
    check_output_folder(out)


def _print_sizes(config: RunConfig) -> None:
    import torch

    from attngan.train import build

    trainer = build(config, torch.device("cpu")).trainer
    for role, module in (("generator", trainer.generator), ("discriminator", trainer.discriminator)):
        click.echo(f"{role}: {sum(p.numel() for p in module.parameters()):,} parameters")


def _print_end(outcome: str, out: Path, before: bool) -> None:
    """How it ended and what to do next; Ctrl-C exits with 130, SIGTERM with 0. before: it had ended already."""
    from attngan.checkpoint import GENERATOR, load_about, load_config
    from attngan.tasks import TASKS

    if outcome in ("interrupted", "terminated"):
        click.echo(f"stopped and saved: run the same command again to go on with {out}", err=True)
        sys.exit(130 if outcome == "interrupted" else 0)
    best = load_about(out / GENERATOR).get("best")
    config = load_config(out)
    click.echo(TASKS[config.task].describe_result(out, best, outcome == "stopped early"))
    if before and outcome == "finished":
        more = f"--images N, with more than {config.training.images:,}"
        click.echo(f"it was finished before, and nothing was written; go on with: the same command and {more}")
    if outcome == "stopped early":
        click.echo("go on all the same with: the same command and --patience 0")
