"""Does a bundle of sentences write what PyTorch writes? Greedily, about the key words of 1,000 test sentences.

    python bench/text_parity.py BUNDLE_OR_NAME RUN_OR_NAME --data test.txt     writes bench/results/text_parity.json

Token for token; a sentence that parts from PyTorch's counts as a near tie if the two likeliest tokens lie within 1e-4
in PyTorch's scores where it does, and as a fault otherwise.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from output import write_json

from attngan.data import load_lines
from attngan.evaluation.sentences import draw_keywords
from attngan.generators import open_generator
from attngan.generators.text import TorchTextGenerator
from attngan_export.forms.text import TextForm
from attngan_export.versions import versions
from attngan_runtime import SentenceGenerator

SENTENCES = 1000
RESULTS = Path("bench/results/text_parity.json")


def compare(bundle: SentenceGenerator, generator: TorchTextGenerator, asked: list[str]) -> dict[str, Any]:
    """How many sentences are the same, part at a near tie, and part elsewhere; the largest score difference."""
    seeds = list(range(len(asked)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # key words of a test text that the training text has not
        ours = bundle.write(seeds, keywords=asked, top_k=1)
    words, count = generator.read_keywords(asked), len(asked)
    inputs = {
        "keywords": torch.from_numpy(words.ids), "mask": torch.from_numpy(words.mask), "seed": torch.tensor(seeds),
        "temperature": torch.ones(count), "top_k": torch.ones(count, dtype=torch.int64), "top_p": torch.ones(count),
    }  # fmt: skip
    with torch.no_grad():
        outputs = generator.network(*inputs.values())
    tokens, scores = (output.numpy() for output in outputs)
    ties = TextForm(generator.network).ties(inputs, outputs).numpy()
    other = ours.tokens != tokens
    first = other & (np.cumsum(other, 1) == 1)
    same = ~other.any(1)
    return {
        "sentences": count,
        "tokens": int((tokens > 0).sum()),
        "same": int(same.sum()),
        "parted_at_a_near_tie": int((first & ties).any(1).sum()),
        "parted_elsewhere": int((first & ~ties).any(1).sum()),
        "largest_difference_of_log_probability": float(np.abs(ours.log_probability - scores)[same].max()),
    }


@click.command()
@click.argument("bundle_or_name")
@click.argument("run_or_name")
@click.option("--data", required=True, type=click.Path(path_type=Path))
def main(bundle_or_name: str, run_or_name: str, data: Path) -> None:
    """Compares, prints and writes."""
    asked = [", ".join(words) for words in draw_keywords(load_lines(data).words[:SENTENCES])]
    bundle, generator = SentenceGenerator.load(bundle_or_name), open_generator(run_or_name)
    figures = compare(bundle, generator, asked) | {"versions": versions()}
    write_json(RESULTS, figures)
    click.echo(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
