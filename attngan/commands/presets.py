"""`attngan presets`: what there is to train."""

from __future__ import annotations

import click

from attngan.config import PRESETS, TextConfig, TrainingConfig, task_of
from attngan_runtime.commands.console import Command


@click.command(cls=Command)
def presets() -> None:
    """List what `attngan train --preset` knows."""
    heads = f"{'name':12} {'draws':>14} {'size':>5} {'channels':>8} {'attention at':>13} {'images':>11}"
    click.echo(f"{heads}  augmentation")
    draws = {"image": "pictures", "text-to-image": "what words say"}
    writers = []
    for name, (network, training) in PRESETS.items():
        if isinstance(network, TextConfig):
            sentences = f"{training.likelihood_images:>10,} {training.images:>17,}"
            writers.append(f"{name:12} {network.length - 1:>13} {network.keywords:>9} {sentences}")
            continue
        attention, size = ", ".join(map(str, network.attention)), f"{network.resolution}²"
        shape = f"{draws[task_of(network)]:>14} {size:>5} {network.channels:>8} {attention:>13}"
        click.echo(f"{name:12} {shape} {training.images:>11,}  {_augmentation(training)}")
    click.echo("\nSentences, about key words or anything; sentences shown by likelihood, then against a discriminator:")
    click.echo(f"{'name':12} {'words at most':>13} {'key words':>9} {'likelihood':>10} {'discriminator':>17}")
    click.echo("\n".join(writers))


def _augmentation(training: TrainingConfig) -> str:
    if training.overfitting_target:
        return "adaptive"
    first, last = training.augment_probability
    return f"{first:g} to {last:g}" if last else "none"
