"""Pictures without captions at 32²: what a frozen network as lead and judge is worth in equal CPU time.

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
    today, small, coded = (
        (replace(network, channels=channels), plan)
        for network, plan in map(preset, ("image-32", "fashion-32", "cpu-32"))
    )
    alone = {"perceptual": 0.0, "pixels": 0.0, "adversarial": 1.0, "adversarial_from": 0.0}
    return {
        "image-32": (today[0], replace(today[1], ema_half_life=4000)),
        # a quarter of the channels of image-32, of two thirds the depth
        "small": (small[0], replace(small[1], gamma=today[1].gamma, ema_half_life=4000)),
        "coded": coded,
        "weaker": (coded[0], replace(coded[1], adversarial=0.03)),
        "projected-alone": (replace(coded[0], codes=0), replace(coded[1], **alone)),
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
