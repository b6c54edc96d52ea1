"""`attngan train`: options checked, pictures read, then the training loop."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attngan.config import RunConfig
from attngan_runtime.commands.console import Command

if TYPE_CHECKING:
    from attngan.commands.train_plan import Plan


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
def train(**options: Any) -> None:
    """Train a generator; the same command again resumes the run. Ctrl-C and SIGTERM stop and save."""
    # Before torch is loaded: its threads then sleep while they wait for each other. If they spin, two of them beside
    # a busy core are ten times as slow as on an idle machine; asleep, about half as fast (docs/log.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from attngan.commands.train_pace import choose_pace, timed
    from attngan.commands.train_plan import Asked, make_plan
    from attngan.train import train as run
    from attngan.training.changes import how_it_ended

    asked = Asked(**options)
    plan = make_plan(asked)
    config, dataset, out = plan.config, plan.dataset, asked.out
    _print_plan(plan, out)
    prepare = partial(plan.task.prepare, config, dataset, plan.device, plan.tokenizer)
    ended = how_it_ended(out, config, plan.changes.data)
    if asked.dry_run:
        if plan.changes and not ended:
            click.echo(f"note: it would go on with {plan.changes}", err=True)
        _print_sizes(config)
        if ended:
            click.echo(f"it has {ended}; {_to_go_on(ended, config)}")
        else:
            timed(prepare(), plan.precisions, asked.threads, kids=False)
        click.echo("dry run: nothing was trained or written")
        return
    stale = plan.changes.speed and not ended
    config, pace = choose_pace(config, prepare, plan.precisions, asked.threads, out, dataset.unit, stale)
    outcome = run(
        config, dataset, out, plan.device, source=str(asked.data), tensorboard=asked.tensorboard,
        tokenizer=plan.tokenizer, pace=pace, begin=plan.source,
    )  # fmt: skip
    _print_end(outcome, out, bool(ended))


def _print_plan(plan: Plan, out: Path) -> None:
    """What is read, what is odd about it, and what is trained."""
    from attngan.data.split import describe_split

    held_out = describe_split(plan.dataset, plan.config.training.holdout, plan.config.training.seed)
    click.echo(f"data: {plan.dataset.describe()}{held_out}")
    for remark in plan.task.remarks(plan.dataset):
        click.echo(f"note: {remark}", err=True)
    click.echo(f"train: {plan.task.summarise(plan.config)} on {plan.device.type}, into {out}")


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
        click.echo(f"it was finished before, and nothing was written; {_to_go_on(outcome, config)}")
    if outcome == "stopped early":
        click.echo(_to_go_on(outcome, config))


def _to_go_on(ended: str, config: RunConfig) -> str:
    """How a run goes on that has finished or has stopped early."""
    if ended == "stopped early":
        return "go on all the same with: the same command and --patience 0"
    return f"go on with: the same command and --images N, with more than {config.training.images:,}"
