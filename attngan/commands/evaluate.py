"""`attngan evaluate`: a generator's figures beside those of real pictures."""

from __future__ import annotations

import json
from pathlib import Path

import click

from attngan.errors import AttnGANError
from attngan_runtime.console import Command


@click.command(cls=Command)
@click.argument("run_or_bundle")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Real pictures to compare with.")
@click.option(
    "--samples", type=click.IntRange(min=10),
    help="Pictures to draw; 2000, or half of --data if that is less. From words: prompts of each kind; 1000.",
)  # fmt: skip
@click.option(
    "--features", metavar="MODULE:FUNCTION", help="Your own features, such as Inception's; EfficientNet-Lite0's if not."
)
@click.option("--beside", metavar="RUN_OR_BUNDLE", help="From words: another generator, for a column of its own.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON file to write the figures to as well.")
def evaluate(
    run_or_bundle: str, data: Path, samples: int | None, features: str | None, beside: str | None, out: Path | None
) -> None:
    """A generator's figures against real pictures, real against real beside: KID, FID, precision, recall and more.

    Of one that draws from words: KID, R-precision and retrieval on held-out and seen concepts, and what changes in
    a picture when one word does.

    MODULE is found in the current folder too. FUNCTION turns uint8 pictures [N, H, W, 1 or 3] into floats [N, d].
    """
    if out is not None and not out.absolute().parent.is_dir():
        raise AttnGANError(f"--out {out}: {out.absolute().parent} is no folder; make it, or write elsewhere")
    if out is not None and out.is_dir():
        raise AttnGANError(f"--out {out}: is a folder; name a file, such as {out / 'figures.json'}")
    from attngan.checkpoint import write_atomically
    from attngan.evaluate import evaluate_generator

    report = evaluate_generator(run_or_bundle, data, samples, features, beside)
    click.echo(report)
    if out is not None:
        write_atomically(out, (json.dumps(report.as_dict(), indent=2) + "\n").encode())
