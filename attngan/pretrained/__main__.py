"""`python -m attngan.pretrained RUN NAME --license … --source …`: makes a run the shipped generator NAME.

Afterwards `attngan-export NAME --out export/attngan_runtime/bundles/NAME --precision fp16-weights` makes its bundle.
"""

from __future__ import annotations

from dataclasses import replace

import click

from attngan.checkpoint import GENERATOR, LIKELIHOOD, PRETRAINED, load_tensors, save_tensors
from attngan.generators.source import find_run
from attngan_runtime.bundle import TOKENIZER
from attngan_runtime.commands.console import Command
from attngan_runtime.saving import write_atomically


@click.command(cls=Command)
@click.argument("run")
@click.argument("name")
@click.option("--license", "license_name", required=True, help="Of the weights: an SPDX name.")
@click.option("--source", required=True, help="What they were trained on.")
def main(run: str, name: str, license_name: str, source: str) -> None:
    """Copies the averaged generator of RUN into the package, in fp16, with its licence and source.

    Of a generator that writes, what likelihood gave comes with it, as NAME-likelihood.
    """
    source_run = find_run(run)
    folder = source_run.folder
    config = replace(source_run.config, license=license_name, source=source)
    target = PRETRAINED / name
    target.mkdir(exist_ok=True)
    for file in (GENERATOR, LIKELIHOOD):
        if (folder / file).exists():
            tensors, _ = load_tensors(folder / file)
            save_tensors(target / file, {key: value.half() for key, value in tensors.items()})
    write_atomically(target / "config.json", config.to_json().encode())
    if (folder / TOKENIZER).exists():
        write_atomically(target / TOKENIZER, (folder / TOKENIZER).read_bytes())
    size = (target / GENERATOR).stat().st_size
    click.echo(f"{target}: {size / 1e6:.2f} MB in fp16")


if __name__ == "__main__":
    main()
