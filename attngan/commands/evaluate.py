"""`attngan evaluate`: a generator's figures beside those of real pictures."""

from __future__ import annotations

import json
from pathlib import Path

import click

from attngan_runtime.commands.console import Command, option_errors
from attngan_runtime.generators.inputs import temperatures


@click.command(cls=Command)
@click.argument("run_or_bundle")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Real pictures, or sentences, to compare "
              "with.")  # fmt: skip
@click.option(
    "--samples", type=click.IntRange(min=10),
    help="Pictures to draw; 2000, or half of --data if that is less. From words: prompts of each kind; 1000. "
    "Sentences of each kind: 1000, or half of --data if that is less.",
)  # fmt: skip
@click.option(
    "--features", metavar="MODULE:FUNCTION",
    help="Your own features, such as Inception's. If not: Open NSFW's, and EfficientNet-Lite0's unless a run was "
    "trained through those.",
)  # fmt: skip
@click.option("--beside", metavar="RUN_OR_BUNDLE", multiple=True, help="From words, once, and for sentences: another "
              "generator, for a column of its own.")  # fmt: skip
@click.option("--temperature", type=float, help="Sentences: 0.05 to 5, at which they are written; 1.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON file to write the figures to as well.")
def evaluate(
    run_or_bundle: str, data: Path, samples: int | None, features: str | None, beside: tuple[str, ...],
    temperature: float | None, out: Path | None,
) -> None:  # fmt: skip
    """A generator's figures against real pictures, real against real beside: KID, FID, precision, recall and more.

    Of a run that held pictures out: how near it is to those that it was shown.

    Of one that draws from words: KID, R-precision and retrieval on held-out and seen concepts, what changes in a
    picture when one word does, and how varied pictures of one caption are.

    Of one that writes: BLEU, Self-BLEU, likelihood of the test sentences, distances of embeddings, key-word coverage.
    RUN/likelihood.safetensors is what likelihood alone gave, for --beside.

    MODULE is found in the current folder too. FUNCTION turns uint8 pictures [N, H, W, 1 or 3] into floats [N, d].
    """
    from attngan_runtime.saving import check_output_file, write_output

    if out is not None:
        check_output_file(out, "figures.json")
    if temperature is not None:
        with option_errors():
            temperatures(temperature)
    from attngan.generators import open_generator
    from attngan.tasks import TASKS

    generator = open_generator(run_or_bundle)
    report = TASKS[generator.source.task].evaluate(generator, beside, data, samples, features, temperature)
    click.echo(report)
    if out is not None:
        write_output(out, (json.dumps(report.as_dict(), indent=2) + "\n").encode())
