"""Pictures of prompts, and where each word was looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from attngan.errors import AttnGANError
from attngan.generators import Source
from attngan.generators.text_to_image import TorchTextToImageGenerator, prompt_conditions
from attngan.sampling.pictures import WHOLE, draw_sheet, read_options
from attngan.visualization.word_sheet import word_sheet
from attngan_runtime.commands.draw import parse_style
from attngan_runtime.commands.table import tabulate
from attngan_runtime.generators.grid import save_picture


def sample_prompts(
    source: Source, seeds: list[int] | None, attention: str | None, out: Path | None, *, classes: str | None,
    style: str | None, interpolate: int | None, **given: Any,
) -> None:  # fmt: skip
    """A row a prompt (and truncation), a column a seed; with attention a row a picture and a column a word."""
    options = read_options(source.written, seeds, attention, out, interpolate=interpolate, **given)
    assert out is not None
    generator, prompts = TorchTextToImageGenerator(source), options.prompts
    _check(generator.name, prompts, classes, interpolate, options.point)
    number = parse_style(style, generator.name, generator.choice_names)
    tokens = generator.tokenizer.encode(prompts)
    for line in tokens.warnings():
        click.echo(f"warning: {line}", err=True)
    rows = prompt_conditions(tokens, number)
    if attention == WHOLE:
        save_picture(word_sheet(generator, tokens, rows, options.seeds, options.truncations[0]), out)
        click.echo(f"wrote where {generator.name} looks for each word to {out}")
        return
    table = tabulate(options.seeds, list(enumerate(prompts)), options.truncations, by_class=False)
    count = draw_sheet(generator, table, options, rows[table.subjects], out)
    click.echo(f"wrote {count} pictures to {out}")


def _check(
    name: str, prompts: tuple[str, ...], classes: str | None, steps: int | None, point: tuple[int, int] | None
) -> None:
    """Raises AttnGANError unless there are prompts, and all options are for a generator that draws from words."""
    if not prompts:
        raise AttnGANError(
            "PROMPT",
            f"none given, and {name} draws from words",
            'add some in quotes, such as "red heart", or "" for none',
        )
    if classes is not None:
        raise AttnGANError(f"--classes {classes}", f"{name} has no classes but prompts", "leave the option out")
    if steps:
        raise AttnGANError(
            f"--interpolate {steps}", "not for a generator that draws from words", "leave the option out"
        )
    if point:
        raise AttnGANError(
            f"--attention {point[0]},{point[1]}",
            f"{name} attends to words, not from a point",
            "write --attention alone",
        )
