"""Pictures without captions at 32²: does a discriminator of features beside that of pixels win in equal CPU time?

    python bench/uncaptioned_recipe.py --data PICTURES --out RUNS [--minutes 30] [--seed 0] [VARIANT …]

Trains each variant on one thread into RUNS/VARIANT (run again to resume). `attngan evaluate` then judges them.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from equal_time import Run, prepare, train_for

from attngan.presets import preset
from attngan.tasks import TASKS
from attngan.tasks.base import TrainOptions

_TASK = TASKS["image"]


def variants(channels: int) -> dict[str, tuple[Any, Any]]:
    """(network, training) of each, but for what the data and the clock say."""
    today = preset("image-32")
    network, plan = preset("fashion-32")  # a quarter of the channels of image-32, of two thirds the depth
    small = (replace(network, channels=channels), replace(plan, gamma=today[1].gamma, ema_half_life=4000))
    return {
        "image-32": (replace(today[0], channels=channels), replace(today[1], ema_half_life=4000)),
        "small": small,
        "paired": (replace(small[0], discriminator="paired"), small[1]),
        "paired-quarter": (replace(small[0], discriminator="paired"), replace(small[1], projected=0.25)),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--channels", type=int, default=3)
    options.add_argument("--minutes", type=float, default=30)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("variant", nargs="*")
    asked = options.parse_args()
    prepare()
    asked.out.mkdir(exist_ok=True)
    reference = _run("small", asked)
    for name in asked.variant or variants(asked.channels):
        train_for(asked.minutes, _run(name, asked), reference, asked.out / name)


def _run(name: str, asked: argparse.Namespace) -> Run:
    network, plan = variants(asked.channels)[name]
    dataset, choice = _TASK.read(asked.data, network), TrainOptions("image-32")
    plan = _TASK.hold_out(replace(plan, seed=asked.seed), choice, dataset)
    config, tokenizer = _TASK.complete(network, plan, choice, dataset)
    return config, dataset, tokenizer


if __name__ == "__main__":
    main()
