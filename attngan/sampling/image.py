"""Pictures of a generator without words, as grids, interpolations and attention maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from attngan.errors import AttnGANError
from attngan.generators import Source
from attngan.generators.image import TorchImageGenerator
from attngan.sampling.pictures import WHOLE, Asked, draw_sheet, read_options
from attngan.visualization.animation import ANIMATIONS
from attngan.visualization.attention_sheet import attention_sheet
from attngan.visualization.interpolation import interpolation_grid, write_loop
from attngan_runtime.commands.draw import parse_classes
from attngan_runtime.commands.table import tabulate
from attngan_runtime.generators.grid import save_grid, save_picture


def sample_pictures(
    source: Source, seeds: list[int] | None, attention: str | None, out: Path | None, *, classes: str | None,
    style: str | None, interpolate: int | None, **given: Any,
) -> None:  # fmt: skip
    """Writes what the options ask for and says so; AttnGANError for options that don't fit."""
    options = read_options(source.written, seeds, attention, out, interpolate=interpolate, **given)
    assert out is not None
    generator = TorchImageGenerator(source)
    _check(generator.name, options, style, attention)
    numbers, values = parse_classes(classes, generator.name, generator.choice_names), options.truncations
    if options.point:
        save_picture(attention_sheet(generator, options.seeds, numbers, values[0], options.point), out)
        wrote = f"what {generator.name} attends to from {options.point[0]},{options.point[1]}"
    elif interpolate and out.suffix.lower() in ANIMATIONS:
        wrote = f"a loop of {write_loop(generator, options.seeds, numbers, interpolate, values[0], out)} frames"
    elif interpolate:
        pictures, columns = interpolation_grid(generator, options.seeds, numbers, interpolate, values[0])
        save_grid(pictures, out, columns)
        wrote = f"{len(pictures)} pictures"
    else:
        subjects = [(number, generator.choice_names[number]) for number in numbers] or [(0, "")]
        table = tabulate(options.seeds, subjects, values, by_class=True)
        conditions = np.array(table.subjects) if numbers else None
        wrote = f"{draw_sheet(generator, table, options, conditions, out)} pictures"
    click.echo(f"wrote {wrote} to {out}")


def _check(name: str, options: Asked, style: str | None, attention: str | None) -> None:
    """Raises AttnGANError for options of a generator that draws from words."""
    problem = f"{name} does not draw from words"
    if options.prompts:
        raise AttnGANError(f"prompt '{options.prompts[0][:40]}'", problem, "leave it out")
    if style is not None:
        raise AttnGANError(f"--style {style}", problem, "leave it out")
    if attention == WHOLE:
        raise AttnGANError("--attention", problem, "name a point, such as --attention 12,20")
