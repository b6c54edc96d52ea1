"""`attngan sample`: pictures or sentences of a run or a shipped generator, and where its attention looks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from attngan_runtime.commands import draw, write
from attngan_runtime.commands.console import Command, Numbers, refuse_options, with_parameters

_LIKE_A_POINT = re.compile(r"[\s+.,;x-]*\d[\d\s+.,;x-]*")


class _Sample(Command):
    """Leaves to PROMPT what follows `--attention` and is no point."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = args[: args.index("--")] if "--" in args else args
        for place, after in enumerate(args[1 : len(options)]):
            if args[place] == "--attention" and not _LIKE_A_POINT.fullmatch(after):
                args[place] = "--attention=whole"
        return super().parse_args(ctx, args)


@click.command(cls=_Sample)
@click.argument("run_or_name")
@click.option("--seeds", type=Numbers(), help="One picture or sentence a seed; 0-63 if not given, with prompts and for "
              "sentences 0-7.")  # fmt: skip
@with_parameters(draw.OPTIONS)
@click.option(
    "--interpolate", type=click.IntRange(min=1), metavar="STEPS",
    help="From each seed to the next in so many steps: a row a pair, or an animation if --out is .webp, .gif or .mp4.",
)  # fmt: skip
@click.option(
    "--attention", metavar="[X,Y]", is_flag=False, flag_value="whole",
    help="With prompts: where each word was looked at. Else what the generator attends to from the "
    "point X,Y of its picture, in pixels from the top left. With --keywords: which of them each word looked at.",
)  # fmt: skip
@with_parameters(write.OPTIONS)
@click.option("--out", type=click.Path(path_type=Path), help="File to write: pictures need one; sentences are printed, "
              "one a line, if not given.")  # fmt: skip
@click.pass_context
def sample(
    ctx: click.Context, run_or_name: str, seeds: list[int] | None, attention: str | None, out: Path | None,
    **options: Any,
) -> None:  # fmt: skip
    """Draw pictures, or write sentences, from a run folder or a shipped generator.

    A generator that draws from words takes prompts, each in quotes: a row a prompt, a column a seed.
    """
    from attngan.generators.source import find_run
    from attngan.tasks import TASKS

    source = find_run(run_or_name)
    task = TASKS[source.task]
    others = {name for other in TASKS.values() for name in other.sample_options} - set(task.sample_options)
    refuse_options(ctx, others, f"{run_or_name} {task.does}")
    task.sample(source, seeds, attention, out, **{name: options[name] for name in task.sample_options})
