"""`attngan sample`: pictures or sentences of a run or a shipped generator, and where its attention looks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from attngan.errors import AttnGANError
from attngan_runtime.commands.console import Command, Numbers, option_errors, refuse_options
from attngan_runtime.commands.draw import parse_classes, parse_style
from attngan_runtime.commands.write import OPTIONS, sentence_options
from attngan_runtime.generators.grid import check_picture_path, check_sheet_size, save_grid, save_picture
from attngan_runtime.generators.inputs import truncations

if TYPE_CHECKING:
    from attngan.checkpoint import LoadedGenerator

_WORDS = "of words"  # --attention without a point
_OF_SENTENCES = [str(option.name) for option in OPTIONS]
_OF_PICTURES = ("prompts", "classes", "style", "truncation", "interpolate")


@click.command(cls=Command)
@click.argument("run_or_name")
@click.argument("prompts", nargs=-1, metavar="[PROMPT]...")
@click.option("--seeds", type=Numbers(), help="One picture or sentence a seed; 0-63 if not given, with prompts and for "
              "sentences 0-7.")  # fmt: skip
@click.option("--classes", help="Names or numbers, such as Sneaker,Bag or 3,7; all of them if not given.")
@click.option("--style", help="Name or number of the style to draw prompts in; the first if not given.")
@click.option(
    "--truncation", default="1", show_default=True,
    help="0 to 2; below 1: more typical pictures. Several, such as 0,0.5,1: a row each, seeds to the right.",
)  # fmt: skip
@click.option(
    "--interpolate", type=click.IntRange(min=1), metavar="STEPS",
    help="From each seed to the next in so many steps: a row a pair, or a looping animation if --out is .webp.",
)  # fmt: skip
@click.option(
    "--attention", metavar="[X,Y]", is_flag=False, flag_value=_WORDS,
    help="With prompts, as last option: where each word was looked at. Else what the generator attends to from the "
    "point X,Y of its picture, in pixels from the top left. With --keywords: which of them each word looked at.",
)  # fmt: skip
@sentence_options
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
    from attngan.generators.sentences import writes

    if writes(run_or_name):
        from attngan.commands.sample_text import write

        refuse_options(ctx, _OF_PICTURES, f"{run_or_name} writes sentences")
        if attention not in (None, _WORDS):
            raise AttnGANError(
                f"--attention {attention[:40]}",
                f"{run_or_name} writes sentences, which have no points",
                "write --attention alone, as the last option",
            )
        write(run_or_name, seeds, attention is not None, out, **{name: options[name] for name in _OF_SENTENCES})
    else:
        refuse_options(ctx, _OF_SENTENCES, f"{run_or_name} draws pictures")
        if out is None:
            raise AttnGANError(
                "Missing option '--out'", f"{run_or_name} draws pictures", "name a file, such as grid.png"
            )
        _draw(run_or_name, seeds, attention, out, **{name: options[name] for name in _OF_PICTURES})


def _draw(
    run_or_name: str, seeds: list[int] | None, attention: str | None, out: Path, *, prompts: tuple[str, ...],
    classes: str | None, style: str | None, truncation: str, interpolate: int | None,
) -> None:  # fmt: skip
    check_picture_path(out)
    with option_errors():
        values = [float(value) for value in truncations(truncation.split(","))]
    point = _point(attention) if attention and attention != _WORDS else None
    if seeds is None:
        seeds = list(range(8 if prompts else 64))
    _check_together(seeds, values, interpolate, attention)
    if interpolate and out.suffix.lower() == ".gif":
        raise AttnGANError(f"--out {out}", "animations are written as .webp", "name one, or a .png for a grid")
    from attngan.checkpoint import load_generator

    generator = load_generator(run_or_name)
    if generator.tokenizer or prompts:
        _check_words(generator, prompts, classes, interpolate, point)
        _sample_words(generator, prompts, style, seeds, values, attention == _WORDS, out)
        return
    _check_no_words(generator, style, attention)
    chosen = parse_classes(classes, generator.name, generator.config.class_names)
    if point:
        from attngan.visualization.attention_sheet import attention_sheet

        save_picture(attention_sheet(generator, seeds, chosen, values[0], point), out)
        wrote = f"what {generator.name} attends to from {point[0]},{point[1]}"
    elif interpolate and out.suffix.lower() == ".webp":
        from attngan.visualization.interpolation import write_loop

        wrote = f"a loop of {write_loop(generator, seeds, chosen, interpolate, values[0], out)} frames"
    else:
        pictures, columns = _grid(generator, seeds, chosen, values, interpolate)
        save_grid(pictures, out, columns)
        wrote = f"{len(pictures)} pictures"
    click.echo(f"wrote {wrote} to {out}")


def _check_words(
    generator: LoadedGenerator, prompts: tuple[str, ...], classes: str | None, steps: int | None,
    point: tuple[int, int] | None,
) -> None:  # fmt: skip
    """Raises AttnGANError unless this generator draws from words and all options are for such a one."""
    if generator.tokenizer is None:
        raise AttnGANError(f"prompt '{prompts[0][:40]}'", f"{generator.name} does not draw from words", "leave it out")
    if not prompts:
        raise AttnGANError(
            "PROMPT",
            f"none given, and {generator.name} draws from words",
            'add some in quotes, such as "red heart", or "" for none',
        )
    if classes is not None:
        raise AttnGANError(
            f"--classes {classes}", f"{generator.name} has no classes but prompts", "leave the option out"
        )
    if steps:
        raise AttnGANError(
            f"--interpolate {steps}", "not for a generator that draws from words", "leave the option out"
        )
    if point:
        raise AttnGANError(
            f"--attention {point[0]},{point[1]}",
            f"{generator.name} attends to words, not from a point",
            "write --attention alone, as the last option",
        )


def _check_no_words(generator: LoadedGenerator, style: str | None, attention: str | None) -> None:
    """Raises AttnGANError if an option is for generators that draw from words, which this one does not."""
    if style is not None:
        raise AttnGANError(f"--style {style}", f"{generator.name} does not draw from words", "leave it out")
    if attention == _WORDS:
        raise AttnGANError(
            "--attention", f"{generator.name} does not draw from words", "name a point, such as --attention 12,20"
        )


def _sample_words(
    generator: LoadedGenerator, prompts: tuple[str, ...], style: str | None, seeds: list[int], values: list[float],
    attention: bool, out: Path,
) -> None:  # fmt: skip
    """A row a prompt (and truncation), a column a seed; with attention a row a picture and a column a word."""
    from attngan.generators.prompts import conditions, read_prompts

    number = parse_style(style, generator.name, generator.config.class_names)
    tokens, remarks = read_prompts(generator, prompts)
    for remark in remarks:
        click.echo(f"warning: {remark}", err=True)
    rows = conditions(tokens, number)
    if attention:
        from attngan.visualization.word_sheet import word_sheet

        save_picture(word_sheet(generator, tokens, rows, seeds, values[0]), out)
        click.echo(f"wrote where {generator.name} looks for each word to {out}")
        return
    side, count = generator.config.picture_network.resolution, len(rows) * len(values) * len(seeds)
    columns = len(seeds) if len(rows) * len(values) > 1 else None
    check_sheet_size(count, side, side, columns)
    drawn = [generator.draw(seeds, np.repeat(row[None], len(seeds), 0), value) for row in rows for value in values]
    save_grid(np.concatenate(drawn), out, columns)
    click.echo(f"wrote {count} pictures to {out}")


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


def _grid(
    generator: LoadedGenerator, seeds: list[int], classes: list[int], values: list[float], steps: int | None
) -> tuple[np.ndarray, int | None]:
    """uint8 [B, H, W, C] and the columns of their grid; None = about as many as rows."""
    if steps:
        from attngan.visualization.interpolation import interpolation_grid

        return interpolation_grid(generator, seeds, classes, steps, values[0])
    side = generator.config.picture_network.resolution
    if len(values) > 1:
        # A band of rows for each class: truncations go down and seeds go right, so that a column shows one seed.
        labels: Sequence[int | None] = classes or (None,)
        rows = [(label, value) for label in labels for value in values]
        check_sheet_size(len(rows) * len(seeds), side, side, len(seeds))
        drawn = [generator.draw(seeds, None if c is None else [c] * len(seeds), value) for c, value in rows]
        return np.concatenate(drawn), len(seeds)
    # Seeds go down and classes go right, so that a column shows one class.
    pairs = [(seed, label) for seed in seeds for label in classes or [0]]
    check_sheet_size(len(pairs), side, side, len(classes) or None)
    drawn_classes = [label for _, label in pairs] if classes else None
    return generator.draw([seed for seed, _ in pairs], drawn_classes, values[0]), len(classes) or None
