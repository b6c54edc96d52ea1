"""What `attngan-run` does with a bundle that draws, and the options it has for that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attngan_runtime.commands.console import option_errors, parse_numbers, print_warnings
from attngan_runtime.commands.table import tabulate
from attngan_runtime.errors import AttnGANError

if TYPE_CHECKING:
    from attngan_runtime.bundle import Bundle

#: Of every command that draws.
OPTIONS = (
    click.Argument(["words"], nargs=-1, metavar="[PROMPT]..."),
    click.Option(["--classes"], help="Pictures: names or numbers, such as Sneaker,Bag or 3,7; all of them if not "
                 "given."),
    click.Option(["--prompt", "prompts"], multiple=True, help="Pictures: what to draw, for a generator that draws from "
                 "words; several times: a row each. The same as PROMPT."),
    click.Option(["--style"], help="Pictures: a name or number, where the generator has styles; the first if not "
                 "given."),
    click.Option(["--truncation"], default="1", show_default=True, help="Pictures: 0 to 2; below 1 they are more "
                 "typical. Several, such as 0,0.5,1: a row each."),
    click.Option(["--columns"], type=click.IntRange(min=1), help="Pictures: how many beside one another at most; if "
                 "not given, what makes the sheet about as wide as high."),
    click.Option(["--scale"], type=click.IntRange(min=1), default=1, show_default=True, help="Pictures: each pixel is "
                 "a square of so many pixels a side."),
)  # fmt: skip


def run(
    bundle: Bundle, seeds: list[int] | None, provider: str, out: Path | None, *, words: tuple[str, ...],
    classes: str | None, prompts: tuple[str, ...], style: str | None, truncation: str, columns: int | None, scale: int,
) -> None:  # fmt: skip
    """Draws a sheet of pictures and writes it to `out`. Raises AttnGANError for options that don't fit the bundle."""
    from attngan_runtime.generators.grid import check_picture_path, save_picture
    from attngan_runtime.generators.image import PictureGenerator
    from attngan_runtime.generators.sheet import Sheet

    if not out:
        raise AttnGANError("Missing option '--out'", f"{bundle.name} draws pictures", "name a file, such as grid.png")
    check_picture_path(out)
    prompts, values = join_prompts(words, prompts), parse_truncations(truncation)
    generator = PictureGenerator.open(bundle, providers=provider)
    numbers = parse_classes(classes, generator.name, generator.classes)
    style_number = parse_style(style, generator.name, generator.styles)
    with option_errors():
        generator.check_prompts(prompts)
    names = prompts or generator.classes
    subjects = [(number, names[number]) for number in (range(len(prompts)) if prompts else numbers)] or [(0, "")]
    table = tabulate(seeds or usual_seeds(prompts), subjects, values, by_class=not prompts)
    sheet = Sheet(table.rows, table.columns, generator.height, generator.width, columns, scale)
    shown: dict[str, Any] = {"classes": table.subjects} if numbers else {}
    if prompts:
        shown = {"prompts": [prompts[place] for place in table.subjects]}
    with print_warnings():
        pictures = generator.run(table.seeds, truncation=table.truncations, style=style_number, **shown)
    save_picture(sheet.draw(pictures), out)
    click.echo(f"wrote {len(pictures)} picture{'s' if len(pictures) > 1 else ''} of {generator.name} to {out}")


def usual_seeds(prompts: Sequence[str]) -> list[int]:
    """Of pictures, without --seeds."""
    return list(range(8 if prompts else 64))


def join_prompts(words: tuple[str, ...], prompts: tuple[str, ...]) -> tuple[str, ...]:
    """Those given as PROMPT or by --prompt. AttnGANError for both, which is what a forgotten quote looks like."""
    if words and prompts:
        raise AttnGANError(
            f"PROMPT {words[0][:40]}",
            f"beside --prompt {prompts[0][:40]}",
            "put words that belong together in quotes, or write all prompts in one way",
        )
    return words or prompts


def parse_truncations(text: str) -> list[float]:
    """What `--truncation` says, in the order written."""
    from attngan_runtime.generators.inputs import truncations

    with option_errors():
        return [float(value) for value in truncations(text.split(","))]


def parse_style(text: str | None, generator: str, names: Sequence[str]) -> int | None:
    """What `--style` says: the number of one style, by its name or number; without it None."""
    from attngan_runtime.generators.inputs import name_or_number, style_numbers

    if text is None:
        return None
    if not names:
        raise AttnGANError(f"--style {text}", f"{generator} has no styles to choose from", "leave the option out")
    with option_errors():
        return int(style_numbers(name_or_number(text, names), tuple(names))[0])


def parse_classes(text: str | None, generator: str, names: Sequence[str]) -> list[int]:
    """What `--classes` says: numbers in the order written; without it all there are.

    What is a name counts as one: a class called `3` is found by its name, wherever it stands among the classes.
    """
    from attngan_runtime.generators.inputs import class_numbers

    if text is None:
        return list(range(len(names)))
    if not names:
        raise AttnGANError(f"--classes {text}", f"{generator} has no classes", "leave the option out")
    chosen: list[int | str] = []
    for part in [text] if text in names else text.split(","):
        name = part.strip()
        is_number = name not in names and name[:1].isdecimal()
        chosen.extend(parse_numbers(name) if is_number else [name])
    with option_errors():
        return [int(number) for number in class_numbers(chosen, tuple(names))]
