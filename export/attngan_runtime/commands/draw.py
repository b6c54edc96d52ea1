"""What `attngan-run` does with a bundle that draws, and the options it has for that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attngan_runtime.commands.console import option_errors, parse_numbers, print_warnings
from attngan_runtime.errors import AttnGANError

if TYPE_CHECKING:
    from attngan_runtime.bundle import Bundle

OPTIONS = (
    click.Option(["--classes"], help="Pictures: names or numbers, such as Sneaker,Bag or 3,7; all of them if not "
                 "given."),
    click.Option(["--prompt", "prompts"], multiple=True, help="Pictures: what to draw, for a generator that draws from "
                 "words; several times: a row each, seeds to the right."),
    click.Option(["--style"], help="Pictures: a name or number, where the generator has styles; the first if not "
                 "given."),
    click.Option(["--truncation"], type=float, default=1.0, show_default=True, help="Pictures: 0 to 2; below 1 they "
                 "are more typical."),
    click.Option(["--columns"], type=click.IntRange(min=1), help="Pictures: how many a row; if not given, a column a "
                 "class or a row a prompt."),
)  # fmt: skip


def run(
    bundle: Bundle, seeds: list[int] | None, provider: str, out: Path | None, *, classes: str | None,
    prompts: tuple[str, ...], style: str | None, truncation: float, columns: int | None,
) -> None:  # fmt: skip
    """Draws a grid of pictures and writes it to `out`. Raises AttnGANError for options that don't fit the bundle."""
    from attngan_runtime.generators.grid import check_picture_path, check_sheet_size, save_grid
    from attngan_runtime.generators.image import PictureGenerator
    from attngan_runtime.generators.inputs import truncations

    if not out:
        raise AttnGANError("Missing option '--out'", f"{bundle.name} draws pictures", "name a file, such as grid.png")
    check_picture_path(out)
    with option_errors():
        truncations(truncation)
    generator = PictureGenerator.open(bundle, providers=provider)
    numbers = parse_classes(classes, generator.name, generator.classes)
    style_number = parse_style(style, generator.name, generator.styles)
    with option_errors():
        generator.check_prompts(prompts)
    seeds, shown, row = _pictures(seeds or list(range(8 if len(prompts) > 1 else 64)), numbers, prompts)
    check_sheet_size(len(seeds), generator.height, generator.width, columns or row)
    with print_warnings():
        pictures = generator.run(seeds, truncation=truncation, style=style_number, **shown)
    save_grid(pictures, out, columns or row)
    click.echo(f"wrote {len(seeds)} picture{'s' if len(seeds) > 1 else ''} of {generator.name} to {out}")


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


def _pictures(
    seeds: list[int], classes: list[int], prompts: tuple[str, ...]
) -> tuple[list[int], dict[str, Any], int | None]:
    """The seed of each picture, what they show as arguments of `run`, and the pictures in a row (None = any)."""
    if len(prompts) > 1:
        return seeds * len(prompts), {"prompts": [prompt for prompt in prompts for _ in seeds]}, len(seeds)
    if classes:
        # Seeds go down and classes go right, so that a column shows one class.
        return [seed for seed in seeds for _ in classes], {"classes": classes * len(seeds)}, len(classes)
    return seeds, {"prompts": prompts} if prompts else {}, None
