"""The `attngan` command: one module of `attngan.commands` for each of its subcommands."""

from __future__ import annotations

import click

from attngan.commands.data import data
from attngan.commands.evaluate import evaluate
from attngan.commands.memorisation import memorisation
from attngan.commands.presets import presets
from attngan.commands.report import report
from attngan.commands.sample import sample
from attngan.commands.train import train
from attngan_runtime.console import Group


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="attngan")
def main() -> None:
    """Train attention GANs on your pictures and draw from them."""


for _command in (train, sample, evaluate, memorisation, presets, report, data):
    main.add_command(_command)
