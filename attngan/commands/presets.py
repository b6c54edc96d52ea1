"""`attngan presets`: what there is to train."""

from __future__ import annotations

import click

from attngan.config import PRESETS, TrainingConfig, task_of
from attngan_runtime.console import Command


@click.command(cls=Command)
def presets() -> None:
    """List what `attngan train --preset` knows."""
    heads = f"{'name':12} {'draws':>14} {'size':>5} {'channels':>8} {'attention at':>13} {'images':>11}"
    click.echo(f"{heads}  augmentation")
    draws = {"image": "pictures", "text-to-image": "what words say"}
    for name, (network, training) in PRESETS.items():
        attention, size = ", ".join(map(str, network.attention)), f"{network.resolution}²"
        shape = f"{draws[task_of(network)]:>14} {size:>5} {network.channels:>8} {attention:>13}"
        click.echo(f"{name:12} {shape} {training.images:>11,}  {_augmentation(training)}")


def _augmentation(training: TrainingConfig) -> str:
    if training.overfitting_target:
        return "adaptive"
    first, last = training.augment_probability
    return f"{first:g} to {last:g}" if last else "none"
