"""Forty sentences about key words that a generator never saw together, and forty about anything; unpicked.

    python bench/sentence_sheet.py RUN_OR_NAME --data lines.txt --out attngan/pretrained/captions/samples.md

The rule: key words of every n-th held-out sentence in the order of the file, so that there are 40, as
`attngan evaluate` draws them; sentence number i is written from seed i, at temperature 1 from all words.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from attngan.data import load_lines
from attngan.evaluation.sentences import draw_keywords
from attngan.generators import open_generator

COUNT = 40


@click.command()
@click.argument("run_or_name")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="What it was trained on.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Markdown file to write.")
def main(run_or_name: str, data: Path, out: Path) -> None:
    """Writes the tables."""
    writer = open_generator(run_or_name)
    network, plan = writer.config.network, writer.config.training
    lines = load_lines(data, longest=network.length - 1)
    held_out = lines.split(plan.holdout, plan.seed)[1]
    real = lines.take(held_out[np.linspace(0, len(held_out) - 1, COUNT).astype(np.int64)])
    keywords, seeds = draw_keywords(real.words), list(range(COUNT))
    about, free = (writer.write(seeds, words, 1.0) for words in (keywords, None))
    asked = map(", ".join, keywords)
    rows = [f"| {seed} | {words} | {text} |" for seed, words, text in zip(seeds, asked, about, strict=True)]
    text = ["| seed | key words | sentence |", "|---|---|---|", *rows, "", "| seed | about anything |", "|---|---|"]
    out.write_text(
        "\n".join([*text, *(f"| {seed} | {words} |" for seed, words in zip(seeds, free, strict=True))]) + "\n"
    )
    click.echo(f"wrote {out}")


if __name__ == "__main__":
    main()
