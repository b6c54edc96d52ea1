"""What the options of `attngan train` make of a preset's training; each raises AttnGANError with its remedy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from attngan.config import AUGMENT, OVERFITTING_TARGET, TrainingConfig, preset
from attngan.errors import AttnGANError

if TYPE_CHECKING:
    import torch

    from attngan.data import ImageDataset


def with_objective(training: TrainingConfig, name: str | None) -> TrainingConfig:
    """--objective: a name in attngan.losses, with the penalty that its paper has."""
    if name is None:
        return training
    from attngan.losses import OBJECTIVES

    if name not in OBJECTIVES:
        raise AttnGANError(f"--objective {name}", "no such objective", f"choose {', '.join(OBJECTIVES)}")
    if name == "wasserstein":  # λ = 10 on every step (Gulrajani et al. 2017, algorithm 1)
        return replace(training, objective=name, penalty="wgan-gp", gamma=(10.0, 10.0), penalty_every=1)
    return replace(training, objective=name)


def with_augmentation(training: TrainingConfig, augment: str | None, holdout: int | None) -> TrainingConfig:
    """--augment: adaptive, which needs held-out pictures, none, or a fixed probability."""
    from attngan.training.adaptive import MOST

    if augment == "adaptive":
        training = replace(training, augment=AUGMENT, overfitting_target=OVERFITTING_TARGET)
    if augment is None or augment == "adaptive":
        if training.overfitting_target and holdout == 0:
            raise AttnGANError(
                "--holdout 0",
                "adaptive augmentation measures on held-out pictures",
                "leave it out, or add --augment none",
            )
        return training
    if augment == "none":
        return replace(training, augment=(), augment_probability=(0.0, 0.0), overfitting_target=0.0)
    try:
        probability = float(augment)
    except ValueError:
        raise AttnGANError(f"--augment {augment}", "", "use adaptive, none, or a probability such as 0.3") from None
    if not 0 < probability <= MOST:
        raise AttnGANError(
            f"--augment {augment}", "", f"use above 0 to {MOST}, beyond which augmentations show in the pictures"
        )
    return replace(training, augment=AUGMENT, augment_probability=(probability, probability), overfitting_target=0.0)


def with_holdout(training: TrainingConfig, holdout: int | None, pictures: ImageDataset, name: str) -> TrainingConfig:
    """--holdout: how many of the pictures; if not given, the usual number where anything is measured by them."""
    from attngan.data.split import split, usual_holdout

    asked = holdout is not None
    if holdout is None:
        measured = preset(name)[1].patience or training.overfitting_target
        holdout = usual_holdout(pictures) if measured else 0
        if not holdout and training.overfitting_target:
            raise AttnGANError(
                "--data", f"{len(pictures)} pictures; none can be held out of so few", "add --augment none"
            )
    if pictures.captions is not None:  # whole concepts, as many as fit into the number
        holdout = len(split(pictures, holdout, training.seed)[1]) or (holdout if asked else 0)
    return replace(training, holdout=holdout)


def with_precision(training: TrainingConfig, precision: str | None, device: torch.device) -> TrainingConfig:
    """--precision; if not given the preset's, but fp32 where bf16 would have to be imitated.

    On a CPU without AVX-512-BF16 a step in bf16 takes two to nine times as long as in fp32.
    """
    import torch

    if precision is None and training.precision == "bf16":
        fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else _cpu_has_bf16()
        precision = "bf16" if fast else "fp32"
    return training if precision is None else replace(training, precision=precision)  # type: ignore[arg-type]


def _cpu_has_bf16() -> bool:
    import torch

    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(asked and asked())


def with_patience(training: TrainingConfig, patience: int | None, what: str = "pictures") -> TrainingConfig:
    """--patience, which asks for something only where KID is measured. what: is held out."""
    from attngan.metrics.kid import FEWEST

    if training.holdout >= FEWEST:
        return training if patience is None else replace(training, patience=patience)
    if patience:
        raise AttnGANError(
            f"--patience {patience}",
            f"KID needs {FEWEST} held-out {what} and there are {training.holdout}",
            "give --holdout, or leave it out",
        )
    return replace(training, patience=0)


def device_named(name: str) -> torch.device:
    """--device: auto takes CUDA where there is one."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    known = ["cpu", "cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if name not in known:
        raise AttnGANError(f"--device {name}", "no such device", "use auto, cpu or cuda")
    if name != "cpu" and not torch.cuda.is_available():
        raise AttnGANError(f"--device {name}", "this torch finds no GPU", "use cpu")
    return torch.device(name)
