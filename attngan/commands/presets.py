"""`attngan presets`: what there is to train."""

from __future__ import annotations

import click

from attngan.config import PRESETS
from attngan_runtime.console import Command


@click.command(cls=Command)
def presets() -> None:
    """List what `attngan train --preset` knows."""
    click.echo(f"{'name':12} {'size':>5} {'channels':>8} {'attention at':>13} {'images':>11}  augmentation")
    for name, (network, training) in PRESETS.items():
        attention = ", ".join(map(str, network.attention))
        augmentation = "adaptive" if training.overfitting_target else "none"
        size = f"{network.resolution}²"
        click.echo(f"{name:12} {size:>5} {network.channels:>8} {attention:>13} {training.images:>11,}  {augmentation}")
