"""What `attngan train` does for a preset that writes sentences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attngan.config import RunConfig, TextConfig, TrainingConfig
from attngan.errors import AttnGANError

if TYPE_CHECKING:
    from attngan.data import TextDataset


def check_options(preset: str, given: dict[str, Any]) -> None:
    """AttnGANError naming the first option that says something of pictures."""
    for option, value in given.items():
        if value:
            shown = option if value is True else f"{option} {value}"
            raise AttnGANError(shown, f"{preset} writes sentences", "leave it out, or use a preset that draws")


def with_penalty(training: TrainingConfig, penalty: str | None) -> TrainingConfig:
    """--penalty: none, or R1 + R2 through the discriminator's attention."""
    if training.penalty == "wgan-gp":
        raise AttnGANError(
            "--objective wasserstein", "its penalty mixes pictures, and words can't be mixed", "use another"
        )
    return training if penalty is None else replace(training, penalty=penalty)  # type: ignore[arg-type]


def read(
    preset: str, network: TextConfig, training: TrainingConfig, data: Path, holdout: int | None, out: Path
) -> tuple[RunConfig, bytes, TextDataset]:
    """The run's config, its tokenizer.json and its sentences; AttnGANError if they don't fit the folder `out`."""
    from attngan.data import load_lines
    from attngan.data.split import split, usual_holdout
    from attngan.run_folder import check_data
    from attngan.tasks.configure import configured_text
    from attngan.train import check_holdout

    lines = load_lines(data, longest=network.length - 1)
    check_data(out, lines)
    training = replace(training, holdout=usual_holdout(lines) if holdout is None else holdout)
    check_holdout(training, lines)
    # Equal sentences go together, so that it may be fewer.
    training = replace(training, holdout=len(split(lines, training.holdout, training.seed)[1]))
    config, tokenizer = configured_text(preset, network, training, lines)
    return config, tokenizer, lines


def summary(config: RunConfig, lines: TextDataset, device: str, out: Path) -> str:
    """Two lines: what is read, and what will be trained."""
    from attngan.data import describe

    network, training = config.network, config.training
    assert isinstance(network, TextConfig)
    penalty = "" if training.penalty == "none" else f" with {training.penalty}"
    return (
        f"data: {describe(lines)}; {training.holdout:,} held out\n"
        f"train: sentences of up to {network.length - 1} from {network.vocabulary - 3:,} words, "
        f"{training.likelihood_images:,} by likelihood, then {training.images:,} {training.objective}{penalty} "
        f"on {device}, into {out}"
    )


def say_kept(out: Path) -> None:
    """What the run folder holds, and what to do next."""
    from attngan.checkpoint import LIKELIHOOD, load_about

    best = load_about(out / "generator.safetensors").get("best")
    nll = load_about(out / LIKELIHOOD).get("nll")
    kept = "its last generator"
    if best:
        when = f"after {best['images']:,.0f} sentences against the discriminator" if best["images"] else "of likelihood"
        kept = f"its best generator, {when} (KID {best['kid']:.4f} ± {best['kid_error']:.4f}, the lowest measured)"
    click.echo(f"done: {out} holds {kept}")
    if nll is not None:
        click.echo(f"{out / LIKELIHOOD}: what likelihood alone gave ({nll:.3f} nats a word on held-out sentences)")
    click.echo(f'write with it: attngan sample {out} --keywords "a few, words"; attngan sample {out}')
