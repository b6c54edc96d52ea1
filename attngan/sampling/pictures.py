"""Options of `attngan sample` that all generators of pictures share."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from attngan.errors import AttnGANError
from attngan_runtime.commands.console import option_errors
from attngan_runtime.generators.grid import check_picture_path
from attngan_runtime.generators.inputs import truncations

WHOLE = "whole"  #: --attention without a point


class Asked(NamedTuple):
    """What was asked for, read and checked."""

    truncations: list[float]
    point: tuple[int, int] | None  #: of --attention X,Y


def read_options(
    name: str, seeds: list[int], attention: str | None, out: Path | None, truncation: str, interpolate: int | None
) -> Asked:
    """AttnGANError naming the first option that can't be read, or that asks for other pictures than another one."""
    if out is None:
        raise AttnGANError("Missing option '--out'", f"{name} draws pictures", "name a file, such as grid.png")
    check_picture_path(out)
    with option_errors():
        values = [float(value) for value in truncations(truncation.split(","))]
    point = _point(attention) if attention and attention != WHOLE else None
    _check_together(seeds, values, interpolate, attention)
    if interpolate and out.suffix.lower() == ".gif":
        raise AttnGANError(f"--out {out}", "animations are written as .webp", "name one, or a .png for a grid")
    return Asked(values, point)


def _point(text: str) -> tuple[int, int]:
    x, comma, y = (part.strip() for part in text.partition(","))
    if not (comma and x.isdecimal() and y.isdecimal() and max(len(x), len(y)) < 10):
        raise AttnGANError(
            f"--attention {text[:40]}",
            "is not a point",
            "write X,Y in pixels from the top left, as 12,20, or with prompts --attention alone, as the last option",
        )
    return int(x), int(y)


def _check_together(seeds: list[int], values: list[float], steps: int | None, attention: str | None) -> None:
    """Raises AttnGANError where two options ask for different pictures."""
    if steps and attention:
        raise AttnGANError(f"--attention {attention}", "not together with --interpolate", "leave one of them out")
    if len(values) > 1 and (steps or attention):
        other = "--interpolate" if steps else "--attention"
        raise AttnGANError("--truncation", f"{len(values)} values, where {other} takes one", "give one of them")
    if steps and len(seeds) < 2:
        raise AttnGANError(
            f"--interpolate {steps}", "one seed has no other to go to", "give several, such as --seeds 0-3"
        )
