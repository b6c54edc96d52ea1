"""`attngan memorisation`: whether a generator copies its training pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from attngan.errors import AttnGANError
from attngan_runtime.commands.console import Command

if TYPE_CHECKING:
    from attngan.data import ImageDataset
    from attngan.generators.pictures import OpenGenerator


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
    from attngan.evaluation.memorisation import measure_into
    from attngan.generators.pictures import open_generator

    generator = open_generator(run_or_bundle)
    folder = _folder(generator, out)
    training, unseen = _pictures(generator, data, held_out)
    click.echo(measure_into(generator.draw, training, unseen, folder, samples))
    click.echo(
        f"wrote memorisation.json, and pictures beside their nearest training pictures: {folder / 'neighbours.png'}"
    )


def _folder(generator: OpenGenerator, out: Path | None) -> Path:
    """Where the result goes; AttnGANError if it can't, or if nobody said where."""
    from attngan.run_folder import check_output_folder

    if out is None and generator.run is None:
        raise AttnGANError("--out", f"not given, and {generator.name} is no run folder", "name a folder for the result")
    folder = out or Path(generator.name)
    check_output_folder(folder)
    return folder


def _pictures(generator: OpenGenerator, data: Path, held_out: Path | None) -> tuple[ImageDataset, ImageDataset]:
    """(training pictures, held-out pictures); what a run held out of `data` never counts as training pictures."""
    from attngan.data.split import split, take

    plan = generator.run[1].training if generator.run else None
    if held_out is None and not (plan and plan.holdout):
        raise AttnGANError(
            "--held-out",
            f"not given, and {generator.name} held no pictures out",
            "name pictures that training never saw",
        )
    pictures = generator.read(data)
    generator.check_classes(pictures, f"--data {data}")
    own = None
    if plan and plan.holdout and generator.trained_on(pictures):
        seen, unseen = split(pictures, plan.holdout, plan.seed)
        pictures, own = take(pictures, seen), take(pictures, unseen)
    if held_out is not None:
        return generator.labelled(pictures), generator.labelled(generator.read(held_out))
    if own is None:
        raise AttnGANError(
            f"--data {data}", f"not the pictures that {generator.name} was trained on", "name those, or give --held-out"
        )
    return generator.labelled(pictures), generator.labelled(own)
