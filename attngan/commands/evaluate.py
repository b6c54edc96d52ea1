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
@click.option(
    "--features", metavar="MODULE:FUNCTION", help="Your own features, such as Inception's; EfficientNet-Lite0's if not."
)
def evaluate(run_or_bundle: str, data: Path, samples: int | None, features: str | None) -> None:
    """KID, FID, precision, recall, density and coverage of generated against real pictures, real against real beside.

    MODULE is found in the current folder too. FUNCTION turns uint8 pictures [N, H, W, 1 or 3] into floats [N, d].
    """
    from attngan.evaluate import evaluate_generator

    click.echo(evaluate_generator(run_or_bundle, data, samples, features))
