"""`attngan memorisation`: whether a generator copies its training pictures."""

from __future__ import annotations

from pathlib import Path

import click

from attngan.errors import AttnGANError
from attngan_runtime.commands.console import Command


@click.command(cls=Command)
@click.argument("run_or_bundle")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="The pictures that it was trained on.")
@click.option(
    "--held-out",
    type=click.Path(path_type=Path),
    help="Pictures of the same kind that training never saw; a run's own if it held some out.",
)
@click.option("--samples", type=click.IntRange(min=20), default=500, show_default=True, help="Pictures to draw.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for memorisation.json and neighbours.png; a run's own if not given.",
)
def memorisation(run_or_bundle: str, data: Path, held_out: Path | None, samples: int, out: Path | None) -> None:
    """Whether generated pictures are nearer to training pictures than real ones are that training never saw."""
    from attngan.generators import open_generator
    from attngan.run_folder import check_output_folder
    from attngan.tasks import TASKS

    generator = open_generator(run_or_bundle)
    if out is None and not generator.source.is_run:
        raise AttnGANError("--out", f"not given, and {run_or_bundle} is no run folder", "name a folder for the result")
    folder = out or Path(run_or_bundle)
    check_output_folder(folder)
    click.echo(TASKS[generator.source.task].measure_copies(generator, data, held_out, folder, samples))
    click.echo(
        f"wrote memorisation.json, and pictures beside their nearest training pictures: {folder / 'neighbours.png'}"
    )
