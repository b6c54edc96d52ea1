"""`attngan evaluate`: a generator's figures beside those of real pictures."""

from __future__ import annotations

from pathlib import Path

import click

from attngan_runtime.console import Command


@click.command(cls=Command)
@click.argument("run_or_bundle")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Real pictures to compare with.")
@click.option(
    "--samples", type=click.IntRange(min=10), help="Pictures to draw; 2000, or half of --data if that is less."
)
def evaluate(run_or_bundle: str, data: Path, samples: int | None) -> None:
    """KID of generated against real pictures, and of real against real beside it."""
    from attngan.evaluate import evaluate_generator

    click.echo(evaluate_generator(run_or_bundle, data, samples))
