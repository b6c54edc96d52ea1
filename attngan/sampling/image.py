"""Pictures of a generator without words, as grids, interpolations and attention maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from attngan.errors import AttnGANError
from attngan.generators import Source
from attngan.generators.image import TorchImageGenerator
from attngan.sampling.pictures import WHOLE, read_options
from attngan.visualization.attention_sheet import attention_sheet
from attngan.visualization.interpolation import interpolation_grid, write_loop
from attngan_runtime.commands.draw import parse_classes
from attngan_runtime.generators.grid import check_sheet_size, save_grid, save_picture


def sample_pictures(
    source: Source, seeds: list[int] | None, attention: str | None, out: Path | None, *, prompts: tuple[str, ...],
    classes: str | None, style: str | None, truncation: str, interpolate: int | None,
) -> None:  # fmt: skip
    """Writes what the options ask for and says so; AttnGANError for options that don't fit."""
    seeds = list(range(8 if prompts else 64)) if seeds is None else seeds
    options = read_options(source.written, seeds, attention, out, truncation, interpolate)
    assert out is not None
    generator = TorchImageGenerator(source)
    if prompts:
        raise AttnGANError(f"prompt '{prompts[0][:40]}'", f"{generator.name} does not draw from words", "leave it out")
    if style is not None:
        raise AttnGANError(f"--style {style}", f"{generator.name} does not draw from words", "leave it out")
    if attention == WHOLE:
        raise AttnGANError(
            "--attention", f"{generator.name} does not draw from words", "name a point, such as --attention 12,20"
        )
    chosen, values = parse_classes(classes, generator.name, generator.choice_names), options.truncations
    if options.point:
        save_picture(attention_sheet(generator, seeds, chosen, values[0], options.point), out)
        wrote = f"what {generator.name} attends to from {options.point[0]},{options.point[1]}"
    elif interpolate and out.suffix.lower() == ".webp":
        wrote = f"a loop of {write_loop(generator, seeds, chosen, interpolate, values[0], out)} frames"
    else:
        pictures, columns = _grid(generator, seeds, chosen, values, interpolate)
        save_grid(pictures, out, columns)
        wrote = f"{len(pictures)} pictures"
    click.echo(f"wrote {wrote} to {out}")


def _grid(
    generator: TorchImageGenerator, seeds: list[int], classes: list[int], values: list[float], steps: int | None
) -> tuple[np.ndarray, int | None]:
    """uint8 [B, H, W, C] and the columns of their grid; None = about as many as rows."""
    if steps:
        return interpolation_grid(generator, seeds, classes, steps, values[0])
    side = generator.resolution
    if len(values) > 1:
        # A band of rows for each class: truncations go down and seeds go right, so that a column shows one seed.
        labels: Sequence[int | None] = classes or (None,)
        rows = [(label, value) for label in labels for value in values]
        check_sheet_size(len(rows) * len(seeds), side, side, len(seeds))
        drawn = [generator.sample(seeds, _all_of(c, len(seeds)), value) for c, value in rows]
        return np.concatenate(drawn), len(seeds)
    # Seeds go down and classes go right, so that a column shows one class.
    pairs = [(seed, label) for seed in seeds for label in classes or [0]]
    check_sheet_size(len(pairs), side, side, len(classes) or None)
    conditions = np.array([label for _, label in pairs]) if classes else None
    return generator.sample([seed for seed, _ in pairs], conditions, values[0]), len(classes) or None


def _all_of(label: int | None, count: int) -> np.ndarray | None:
    return None if label is None else np.full(count, label, np.int64)
