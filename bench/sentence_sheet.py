"""Forty sentences about key words that a generator never saw together, and forty about anything; unpicked.

    python bench/sentence_sheet.py RUN_OR_NAME --data lines.txt --out attngan/pretrained/captions/samples.md

The rule: key words of every n-th held-out sentence in the order of the file, so that there are 40, as
`attngan evaluate` draws them; sentence number i is written from seed i, at temperature 1 from all words.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from output import markdown_table

from attngan.evaluation.sentences import draw_keywords
from attngan.generators import open_generator
from attngan.tasks import TASKS

COUNT = 40


@click.command()
@click.argument("run_or_name")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="What it was trained on.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Markdown file to write.")
def main(run_or_name: str, data: Path, out: Path) -> None:
    """Writes the tables."""
    generator = open_generator(run_or_name)
    network, plan = generator.config.network, generator.config.training
    lines = TASKS["text"].read(data, network)
    _, held_out = lines.split(plan.holdout, plan.seed)
    chosen = lines.take(held_out[np.linspace(0, len(held_out) - 1, COUNT).astype(np.int64)])
    asked, seeds = draw_keywords(chosen.words), range(COUNT)
    about, free = (generator.write(seeds, keywords, 1.0) for keywords in (asked, None))
    numbers, shown = list(map(str, seeds)), map(", ".join, asked)
    with_words = markdown_table(("seed", "key words", "sentence"), zip(numbers, shown, about, strict=True))
    without = markdown_table(("seed", "about anything"), zip(numbers, free, strict=True))
    out.write_text("\n".join([*with_words, "", *without]) + "\n")
    click.echo(f"wrote {out}")


if __name__ == "__main__":
    main()
