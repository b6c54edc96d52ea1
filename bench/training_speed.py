"""Images a second that one core trains of `emoji-64` against its discriminator, with and without words' attention.

    python bench/training_speed.py --data emoji [--threads 1]

Times whole steps at 32² and at 64² in turn, three rounds of each, and writes bench/results/training_speed.json.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from equal_time import phase_after
from output import origin, write_json

from attngan.presets import preset
from attngan.tasks import TASKS
from attngan.tasks.base import TrainOptions
from attngan.training.adversarial import Adversarial

_ROUNDS, _WARMING, _STEPS = 3, 3, 12
_TASK = TASKS["text-to-image"]


def cases() -> dict[str, Any]:
    """The networks by name."""
    network, _ = preset("emoji-64")
    small = replace(network, resolution=32, widths=network.widths[:-1])
    return {
        f"{one.resolution}², {name}": replace(one, **changes)
        for one in (small, network)
        for name, changes in (
            ("attention to words in both", {}), ("in neither", {"attention": (), "attentive_heads": False})
        )
    }  # fmt: skip


def phase_of(network: Any, data: Path, folder: Path) -> Adversarial:
    """Steps from the middle of a run: full size, D in the game."""
    plan = replace(preset("emoji-64")[1], grow=(), matching_images=0)
    dataset, options = _TASK.read(data, network), TrainOptions("emoji-64", holdout=0)
    config, tokenizer = _TASK.complete(network, replace(plan, holdout=0), options, dataset)
    return phase_after(0.5, (config, dataset, tokenizer), folder)


def rate(phase: Adversarial, steps: int) -> float:
    """Images a second over so many steps."""
    began = time.perf_counter()
    for _ in range(steps):
        phase.step()
    return steps * phase.plan.batch / (time.perf_counter() - began)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--threads", type=int, default=1)
    asked = options.parse_args()
    torch.set_num_threads(asked.threads)
    with TemporaryDirectory() as folder:
        phases = {name: phase_of(network, asked.data, Path(folder)) for name, network in cases().items()}
        for phase in phases.values():
            rate(phase, _WARMING)
        found: dict[str, list[float]] = {name: [] for name in phases}
        for _ in range(_ROUNDS):  # in turn, so that what else the machine does meets all of them
            for name, phase in phases.items():
                found[name].append(rate(phase, _STEPS))
    medians = {name: round(statistics.median(rates), 1) for name, rates in found.items()}
    for name, value in medians.items():
        print(f"{name}: {value} images/s by {asked.threads} thread{'s' * (asked.threads > 1)}")
    result = {"origin": origin(), "threads": asked.threads, "images_per_second": medians, "rounds": found}
    write_json(Path(__file__).with_name("results") / "training_speed.json", result)


if __name__ == "__main__":
    main()
