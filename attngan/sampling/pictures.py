"""Options of `attngan sample` that all generators of pictures share."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from attngan.errors import AttnGANError
from attngan.generators.image import TorchImageGenerator
from attngan.visualization.animation import ANIMATIONS, FILM, check_animation_path
from attngan_runtime.commands.draw import join_prompts, parse_truncations, usual_seeds
from attngan_runtime.commands.table import Table
from attngan_runtime.generators.grid import check_picture_path, save_picture
from attngan_runtime.generators.sheet import Sheet

WHOLE = "whole"  #: --attention without a point


class Asked(NamedTuple):
    """What was asked for, read and checked."""

    seeds: list[int]
    prompts: tuple[str, ...]
    truncations: list[float]
    point: tuple[int, int] | None  #: of --attention X,Y
    columns: int | None
    scale: int


def read_options(
    name: str, seeds: list[int] | None, attention: str | None, out: Path | None, *, words: tuple[str, ...],
    prompts: tuple[str, ...], truncation: str, interpolate: int | None, columns: int | None, scale: int,
) -> Asked:  # fmt: skip
    """AttnGANError naming the first option that can't be read, or that asks for other pictures than another one."""
    if out is None:
        raise AttnGANError("Missing option '--out'", f"{name} draws pictures", "name a file, such as grid.png")
    _check_path(out, interpolate)
    prompts, values = join_prompts(words, prompts), parse_truncations(truncation)
    seeds = seeds or usual_seeds(prompts)
    point = _point(attention) if attention and attention != WHOLE else None
    _check_together(seeds, values, interpolate, attention)
    other = f"--interpolate {interpolate}" if interpolate else _typed(attention) if attention else ""
    for option, given in (("columns", columns), ("scale", scale if scale > 1 else None)):
        if other and given:
            raise AttnGANError(f"--{option} {given}", f"not together with {other}", "leave one of them out")
    return Asked(seeds, prompts, values, point, columns, scale)


def draw_sheet(
    generator: TorchImageGenerator, table: Table, options: Asked, conditions: np.ndarray | None, out: Path
) -> int:
    """Writes the sheet of a table's pictures and returns how many; conditions: a row a picture."""
    side = generator.resolution
    sheet = Sheet(table.rows, table.columns, side, side, options.columns, options.scale)
    seeds, values = np.array(table.seeds), np.array(table.truncations)
    pictures = np.empty((len(seeds), side, side, generator.channels), np.uint8)
    for value in options.truncations:
        places = np.flatnonzero(values == value)
        some = None if conditions is None else conditions[places]
        pictures[places] = generator.sample(seeds[places], some, value)
    save_picture(sheet.draw(pictures), out)
    return len(pictures)


def _check_path(out: Path, interpolate: int | None) -> None:
    """Raises AttnGANError unless what is asked for can be written there."""
    suffix = out.suffix.lower()
    if interpolate and suffix in ANIMATIONS:
        check_animation_path(out)
    elif suffix == FILM:
        raise AttnGANError(f"--out {out}", "a film goes from seed to seed", "add --interpolate 30, or name a .png")
    else:
        check_picture_path(out)


def _typed(attention: str) -> str:
    """The option as it was given."""
    return "--attention" if attention == WHOLE else f"--attention {attention[:40]}"


def _point(text: str) -> tuple[int, int]:
    x, comma, y = (part.strip() for part in text.partition(","))
    if not (comma and x.isdecimal() and y.isdecimal() and max(len(x), len(y)) < 10):
        raise AttnGANError(
            f"--attention {text[:40]}",
            "is not a point",
            "write X,Y in pixels from the top left, as 12,20, or with prompts --attention alone",
        )
    return int(x), int(y)


def _check_together(seeds: list[int], values: list[float], steps: int | None, attention: str | None) -> None:
    """Raises AttnGANError where two options ask for different pictures."""
    if steps and attention:
        raise AttnGANError(_typed(attention), "not together with --interpolate", "leave one of them out")
    if len(values) > 1 and (steps or attention):
        other = "--interpolate" if steps else "--attention"
        raise AttnGANError("--truncation", f"{len(values)} values, where {other} takes one", "give one of them")
    if steps and len(seeds) < 2:
        raise AttnGANError(
            f"--interpolate {steps}", "one seed has no other to go to", "give several, such as --seeds 0-3"
        )
