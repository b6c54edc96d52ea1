"""What each part of the recipe for captioned pictures is worth: variants at 32², each given the same CPU time.

    python bench/captioned_recipe.py --data emoji --out RUNS [--minutes 15] [--seed 0] [VARIANT …]

Trains each variant on one thread into RUNS/VARIANT (run again to resume). All get as much CPU time as `whole`, whose
steps are timed beside their own. `attngan evaluate` then judges them, and `bench/prompt_sheet.py` draws them.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from equal_time import Run, prepare, train_for
from torch.nn.utils.parametrizations import spectral_norm

from attngan.networks import projected
from attngan.presets import preset
from attngan.tasks import TASKS
from attngan.tasks.base import TrainOptions

_HELD_OUT = 1000
_TASK = TASKS["text-to-image"]


def variants() -> dict[str, tuple[Any, Any]]:
    """(network, training) of each, but for what the data and the clock say."""
    network, plan = preset("emoji-64")
    network = replace(network, resolution=32, widths=network.widths[:4])
    plan = replace(plan, grow=(), adversarial_from=0.25, balanced=False)
    conv = replace(network, discriminator="convolutional", attentive_heads=False)
    game = {"objective": "relativistic", "penalty": "r1+r2", "gamma": (8.0, 4.0), "penalty_every": 8}
    old = replace(
        conv, text="matched", normalised=False, widths=(208, 160, 96, 48), heads=4, text_dim=128, text_layers=2
    )
    old_plan = replace(
        plan, **game, learning_rate=(4e-4, 1e-4), generator_rate=1.0, beta1=0.0, beta2=(0.9, 0.99), perceptual=0.0,
        pixels=0.0, adversarial=1.0, adversarial_from=0.0, matching_images=33_000, matching_batch=32,
        matching_learning_rate=1e-3, augment=("flip", "rotate", "translation", "scale", "color", "cutout"),
        augment_probability=(0.15, 0.4),
    )  # fmt: skip
    return {
        "earlier": (old, old_plan),
        "perceptual+convolutional": (conv, replace(plan, **game)),
        "whole": (network, plan),
        "projected-alone": (network, replace(plan, perceptual=0.0, pixels=0.0, adversarial=1.0, adversarial_from=0.0)),
        "heads-without-words": (replace(network, attentive_heads=False), plan),
        "generator-without-words": (replace(network, attention=()), plan),
        "without-prior": (network, replace(plan, matching_images=0)),
        "r1": (network, replace(plan, penalty="r1", gamma=(1.0, 1.0), penalty_every=4)),
        "balanced": (network, replace(plan, balanced=True)),
        "perceptual-alone": (network, replace(plan, adversarial_from=0.999)),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--minutes", type=float, default=15)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("variant", nargs="*")
    asked = options.parse_args()
    prepare()
    asked.out.mkdir(exist_ok=True)
    reference = _run("whole", asked.data, asked.seed)
    for name in asked.variant or variants():
        variant = _run(name, asked.data, asked.seed)
        # R1 stands in place of spectral norm, not beside it.
        projected.spectral_norm = (lambda layer: layer) if name == "r1" else spectral_norm  # type: ignore[assignment]
        train_for(asked.minutes, variant, reference, asked.out / name)


def _run(name: str, data: Path, seed: int) -> Run:
    network, plan = variants()[name]
    dataset, choice = _TASK.read(data, network), TrainOptions("emoji-64", holdout=_HELD_OUT)
    plan = _TASK.hold_out(replace(plan, holdout=_HELD_OUT, seed=seed), choice, dataset)
    config, tokenizer = _TASK.complete(network, plan, choice, dataset)
    return config, dataset, tokenizer


if __name__ == "__main__":
    main()
