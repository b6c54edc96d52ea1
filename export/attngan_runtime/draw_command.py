"""What `attngan-run` does with a bundle that draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from attngan_runtime.bundle import Bundle
from attngan_runtime.console import printed_warnings
from attngan_runtime.errors import AttnGANError
from attngan_runtime.grid import check_picture_path, check_sheet_size, save_grid
from attngan_runtime.inputs import chosen_classes, chosen_style, naming_the_option, truncations
from attngan_runtime.picture_generator import PictureGenerator


def draw(
    bundle: Bundle, seeds: list[int] | None, provider: str, out: Path, *, classes: str | None,
    prompts: tuple[str, ...], style: str | None, truncation: float, columns: int | None,
) -> None:  # fmt: skip
    """Draws a grid of pictures and writes it to `out`. Raises AttnGANError for options that don't fit the bundle."""
    check_picture_path(out)
    with naming_the_option():
        truncations(truncation)
    generator = PictureGenerator.open(bundle, providers=provider)
    chosen = chosen_classes(classes, generator.name, generator.classes)
    number = chosen_style(style, generator.name, generator.styles)
    _check_prompts(prompts, generator)
    seeds, shown, row = _asked(seeds or list(range(8 if len(prompts) > 1 else 64)), chosen, prompts)
    check_sheet_size(len(seeds), generator.height, generator.width, columns or row)
    with printed_warnings():
        pictures = generator.run(seeds, truncation=truncation, style=number, **shown)
    save_grid(pictures, out, columns or row)
    click.echo(f"wrote {len(seeds)} picture{'s' if len(seeds) > 1 else ''} of {generator.name} to {out}")


def _asked(
    seeds: list[int], classes: list[int], prompts: tuple[str, ...]
) -> tuple[list[int], dict[str, Any], int | None]:
    """The seed of each picture, what they show as arguments of `run`, and the pictures in a row (None = any)."""
    if len(prompts) > 1:
        return seeds * len(prompts), {"prompts": [prompt for prompt in prompts for _ in seeds]}, len(seeds)
    if classes:
        # Seeds go down and classes go right, so that a column shows one class.
        return [seed for seed in seeds for _ in classes], {"classes": classes * len(seeds)}, len(classes)
    return seeds, {"prompts": prompts} if prompts else {}, None


def _check_prompts(prompts: tuple[str, ...], generator: PictureGenerator) -> None:
    """Raises AttnGANError, naming the option, for prompts that can't be read, are missing or of no use."""
    if generator.tokenizer is None:
        if prompts:
            raise AttnGANError(f"--prompt '{prompts[0][:40]}'", f"{generator.name} draws without words", "leave it out")
        return
    if not prompts:
        raise AttnGANError(
            "--prompt", f"{generator.name} draws what words say", "give some, such as --prompt 'red heart'"
        )
    with naming_the_option():
        generator.tokenizer.encode(prompts)
