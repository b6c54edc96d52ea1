"""`attngan sample`: pictures of a run or a shipped generator."""

from __future__ import annotations

from pathlib import Path

import click

from attngan_runtime.console import Command, Numbers
from attngan_runtime.grid import check_picture_path, check_sheet_size, save_grid
from attngan_runtime.inputs import chosen_classes, naming_the_option, truncations


@click.command(cls=Command)
@click.argument("run_or_name")
@click.option("--seeds", type=Numbers(), default="0-63", show_default=True, help="One picture a seed.")
@click.option("--classes", help="Names or numbers, such as Sneaker,Bag or 3,7; all of them if not given.")
@click.option(
    "--truncation", type=float, default=1.0, show_default=True, help="0 to 2; below 1: more typical pictures."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Picture file to write.")
def sample(run_or_name: str, seeds: list[int], classes: str | None, truncation: float, out: Path) -> None:
    """Draw a grid of pictures from a run folder or a shipped generator."""
    check_picture_path(out)
    with naming_the_option():
        truncations(truncation)
    from attngan.checkpoint import load_generator

    generator = load_generator(run_or_name)
    chosen = chosen_classes(classes, generator.name, generator.config.class_names)
    # Seeds go down and classes go right, so that a column shows one class.
    pairs = [(seed, label) for seed in seeds for label in chosen or [0]]
    side = generator.config.network.resolution
    check_sheet_size(len(pairs), side, side, len(chosen) or None)
    pictures = generator.draw([s for s, _ in pairs], [c for _, c in pairs] if chosen else None, truncation)
    save_grid(pictures, out, len(chosen) or None)
    click.echo(f"wrote {len(pictures)} pictures to {out}")
