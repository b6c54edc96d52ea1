"""`attngan train`: options checked, pictures read, then the training loop."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attngan.commands.train_options import (
    device_named,
    with_augmentation,
    with_holdout,
    with_objective,
    with_patience,
    with_precision,
)
from attngan.commands.train_text import check_options, say_kept, with_penalty
from attngan.commands.train_text import read as read_text
from attngan.commands.train_text import summary as text_summary
from attngan.config import PictureNetworkConfig, RunConfig, TextConfig, TextToImageConfig, TrainingConfig, preset
from attngan.errors import AttnGANError
from attngan_runtime.commands.console import Command, option_errors

if TYPE_CHECKING:
    from attngan.data import ImageDataset, TextDataset
    from attngan.train import Outcome


@click.command(cls=Command)
@click.option("--preset", "preset_name", required=True, help="What to train; `attngan presets` lists them.")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder, zip or IDX of pictures; with captions for a preset that draws from words; for one that writes a file "
    "of sentences, one a line.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Run folder; run again to resume.")
@click.option("--images", type=click.IntRange(min=1), help="Real pictures to show in all; of sentences those "
              "against the discriminator, after likelihood. The preset's if not given.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "--channels", type=click.Choice(["1", "3", "4"]), help="1 grey, 3 RGB, 4 RGBA; the preset's if not given."
)
@click.option("--unconditional", is_flag=True, help="Ignore the classes of the pictures.")
@click.option(
    "--penalty", type=click.Choice(["none", "r1+r2"]), help="Of sentences: none if not given; r1+r2 is exact, through "
    "attention.",
)  # fmt: skip
@click.option("--objective", help="A name in attngan.losses; relativistic if not given.")
@click.option(
    "--augment", default=None, help="adaptive (the default), none, or a fixed probability from 0 to 0.8, such as 0.3."
)
@click.option(
    "--holdout", type=click.IntRange(min=0), default=None,
    help="Pictures never trained on, to see overfitting by; if not given a tenth, 20 to 1,000, at most a fifth.",
)  # fmt: skip
@click.option(
    "--patience", type=click.IntRange(min=0), default=None,
    help="Stop after so many of the 20 evaluations in a row show a collapse; 0 never stops. [default: 6]",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice(["fp32", "bf16"]),
    help="Of convolutions; if not given the preset's, bf16 only where the hardware has it.",
)  # fmt: skip
@click.option("--tensorboard", is_flag=True, help="Write OUT/tensorboard as well.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, or auto: cuda where there is one.")
@click.option("--dry-run", is_flag=True, help="Say what would run, and write nothing.")
def train(
    preset_name: str, data: Path, out: Path, images: int | None, seed: int, channels: str | None,
    unconditional: bool, penalty: str | None, objective: str | None, augment: str | None, holdout: int | None,
    patience: int | None, precision: str | None, tensorboard: bool, device: str, dry_run: bool,
) -> None:  # fmt: skip
    """Train a generator; the same command again resumes the run. Ctrl-C and SIGTERM stop and save."""
    network, training = preset(preset_name)
    training = with_objective(replace(training, seed=seed, images=images or training.images), objective)
    if isinstance(network, TextConfig):
        check_options(preset_name, {"--channels": channels, "--unconditional": unconditional, "--augment": augment})
        training = with_penalty(training, penalty)
    else:
        if penalty:
            raise AttnGANError(f"--penalty {penalty}", f"{preset_name} has its own, R1 + R2", "leave it out")
        if channels:
            with option_errors():
                network = replace(network, channels=int(channels))
        training = with_augmentation(training, augment, holdout)

    from attngan.run_folder import check_run
    from attngan.train import train as run
    from attngan.training.run_logger import check_tensorboard

    if tensorboard:
        check_tensorboard()
    where = device_named(device)
    training = with_precision(training, precision, where)
    _check_output(out, data)
    read: ImageDataset | TextDataset
    if isinstance(network, TextConfig):
        config, tokenizer, read = read_text(preset_name, network, training, data, holdout, out)
        config = replace(config, training=with_patience(config.training, patience, "sentences"))
        said = text_summary(config, read, where.type, out)
    else:
        config, tokenizer, read = _read_pictures(
            preset_name, network, training, data, holdout, patience, unconditional, out
        )
        said = _summary(config, read, where.type, out)
    check_run(out, config)
    click.echo(said)
    if dry_run:
        _say_sizes(config)
    else:
        _say_end(run(config, read, out, where, source=str(data), tensorboard=tensorboard, tokenizer=tokenizer), out)


def _read_pictures(
    preset_name: str, network: PictureNetworkConfig, training: TrainingConfig, data: Path, holdout: int | None,
    patience: int | None, unconditional: bool, out: Path,
) -> tuple[RunConfig, bytes, ImageDataset]:  # fmt: skip
    """The run's config, its tokenizer.json if it draws from words, and its pictures."""
    from attngan.run_folder import check_data
    from attngan.tasks.configure import configured
    from attngan.train import check_holdout

    if unconditional and isinstance(network, TextToImageConfig):
        raise AttnGANError(
            "--unconditional", f"{preset_name} draws what captions say", "leave it out, or use an image preset"
        )
    pictures = _read(network, data)
    check_data(out, pictures)
    training = with_patience(with_holdout(training, holdout, pictures, preset_name), patience)
    check_holdout(training, pictures)
    names = () if unconditional or pictures.labels is None else tuple(pictures.class_names)
    return *configured(preset_name, network, training, pictures, names), pictures


def _read(network: PictureNetworkConfig, data: Path) -> ImageDataset:
    """The pictures of --data as this network takes them."""
    from attngan.data import load_captioned, load_pictures

    if isinstance(network, TextToImageConfig):
        return load_captioned(data, resolution=network.resolution, channels=network.channels)
    return load_pictures(data, resolution=network.resolution, channels=network.channels)


def _check_output(out: Path, data: Path) -> None:
    """Before minutes of reading pictures; `check_run` looks at the rest."""
    from attngan.run_folder import check_output_folder

    if data.is_dir() and out.resolve().is_relative_to(data.resolve()):
        raise AttnGANError(
            f"--out {out}", "lies inside --data, whose pictures it would join", "name a folder elsewhere"
        )
    check_output_folder(out)


def _say_sizes(config: RunConfig) -> None:
    import torch

    from attngan.train import build

    trainer = build(config, torch.device("cpu")).trainer
    for role, module in (("generator", trainer.generator), ("discriminator", trainer.discriminator)):
        click.echo(f"{role}: {sum(p.numel() for p in module.parameters()):,} parameters")
    click.echo("dry run: nothing was trained or written")


def _say_end(outcome: Outcome, out: Path) -> None:
    """How it ended and what to do next; Ctrl-C exits with 130, SIGTERM with 0."""
    from attngan.checkpoint import load_config
    from attngan_runtime.bundle import TOKENIZER

    if outcome in ("interrupted", "terminated"):
        click.echo(f"stopped and saved: run the same command again to go on with {out}", err=True)
        sys.exit(130 if outcome == "interrupted" else 0)
    if isinstance(load_config(out).network, TextConfig):
        say_kept(out)
        return
    click.echo(f"done: {out} holds {_kept(out, outcome)}")
    prompt = '"a few words" ' if (out / TOKENIZER).exists() else ""
    click.echo(f"draw from it with: attngan sample {out} {prompt}--out grid.png; see all with: attngan report {out}")


def _kept(out: Path, outcome: str) -> str:
    """Which generator the run folder holds, in words."""
    from attngan.checkpoint import load_about

    best = load_about(out / "generator.safetensors").get("best")
    if not best:
        return "the generator"
    figures = (
        f"its best generator, of {best['images']:,.0f} images (KID {best['kid']:.4f} ± {best['kid_error']:.4f}, "
        "the lowest of twenty)"
    )
    return f"{figures}; stopped early, as KID had collapsed since" if outcome == "stopped early" else figures


def _summary(config: RunConfig, pictures: ImageDataset, device: str, out: Path) -> str:
    """Two lines: what is read, and what will be trained."""
    from attngan.data import describe

    network, training = config.picture_network, config.training
    if isinstance(network, TextToImageConfig):
        kind = f"from {network.vocabulary - 2:,} words" + (f" in {network.styles} styles" if network.styles > 1 else "")
    else:
        kind = f"{network.classes} classes" if network.classes else "unconditional"
    held_out = f"; {training.holdout:,} held out" if training.holdout else ""
    return (
        f"data: {describe(pictures)}{held_out}\n"
        f"train: {network.resolution}×{network.resolution}×{network.channels}, {kind}, "
        f"{training.objective} with {training.penalty}, {training.images:,} images on {device}, into {out}"
    )
