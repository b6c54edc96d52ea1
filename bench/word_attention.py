"""What word attention adds: one small text to image network with it and without it, everything else equal.

    python bench/word_attention.py words --data emoji --out runs       half an hour of one core; again to resume
    python bench/word_attention.py sentence --data emoji --out runs    the same without word attention
    attngan evaluate runs/words --beside runs/sentence --data emoji --out bench/results/word_attention.json

Both read with the same text encoder and see the same pictures under the same captions in the same order; their first
weights are other draws of the same distributions.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import torch

from attngan.data.split import usual_holdout
from attngan.presets import preset
from attngan.tasks import TASKS
from attngan.tasks.base import TrainOptions
from attngan.train import train

ATTENTION = {"words": (16, 32), "sentence": ()}  #: resolutions at which places attend to words, by run
SIDE, IMAGES = 32, 64_000


@click.command()
@click.argument("name", type=click.Choice(list(ATTENTION)))
@click.option("--data", required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
def main(name: str, data: Path, out: Path) -> None:
    """Trains one of the two into OUT/NAME, or goes on with it: the preset emoji-64 at 32² with fewer channels."""
    task, (network, training) = TASKS["text-to-image"], preset("emoji-64")
    network = replace(network, resolution=SIDE, widths=(96, 64, 48, 32), attention=ATTENTION[name])
    pictures = task.read(data, network)
    training = replace(
        training, images=IMAGES, grow=(0.4,), gamma=(2.0, 1.0), ema_half_life=2_000, patience=0,
        holdout=usual_holdout(pictures),
    )  # fmt: skip
    config, tokenizer = task.complete(network, training, TrainOptions("emoji-64"), pictures)
    train(config, pictures, out / name, torch.device("cpu"), source=str(data), tokenizer=tokenizer)


if __name__ == "__main__":
    main()
