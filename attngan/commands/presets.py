"""`attngan presets`: what there is to train."""

from __future__ import annotations

import click

from attngan.presets import PRESETS, TABLES
from attngan_runtime.commands.console import Command


@click.command(cls=Command)
def presets() -> None:
    """List what `attngan train --preset` knows."""
    lines: dict[str, list[str]] = {}
    for name, (network, training) in PRESETS.items():
        head, row = TABLES[network.task]
        lines.setdefault(head, []).append(row(name, network, training))
    click.echo("\n\n".join("\n".join([head, *rows]) for head, rows in lines.items()))
