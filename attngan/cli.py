"""The `attngan` command: one module of `attngan.commands` for each of its subcommands."""

from __future__ import annotations

import sys
from typing import Any

import click

from attngan.commands.data import data
from attngan.commands.evaluate import evaluate
from attngan.commands.memorisation import memorisation
from attngan.commands.presets import presets
from attngan.commands.report import report
from attngan.commands.sample import sample
from attngan.commands.train import train
from attngan_runtime.commands.console import Group, print_error
from attngan_runtime.errors import AttnGANError

_OF_TRAINING = ("torch", "safetensors", "tqdm", "matplotlib", "jinja2")


class _Commands(Group):
    """Says in one line, as of a wrong option, that what training needs is not installed."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            if error.name not in _OF_TRAINING:
                raise
            remedy = 'run: pip install "attngan[train]"; attngan-run draws and writes without'
            print_error(AttnGANError(error.name, "not installed", remedy))
            sys.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="attngan")
def main() -> None:
    """Train attention GANs on your pictures and draw from them."""


for _command in (train, sample, evaluate, memorisation, presets, report, data):
    main.add_command(_command)
