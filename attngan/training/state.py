"""Everything that a run needs to go on: networks, average, optimisers, and where it stands."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attngan.checkpoint import GENERATOR, DamagedFileError, check_architecture, load_tensors, save_tensors
from attngan.ema import Ema
from attngan.errors import AttnGANError
from attngan.trainer import Trainer
from attngan.training.adaptive import AdaptiveAugmentation

CHECKPOINT, PREVIOUS = "checkpoint.safetensors", "checkpoint.previous.safetensors"


def machine() -> dict[str, str]:
    """What equal bits depend on: torch, its thread count, the kind of CPU, and numpy, which orders the pictures."""
    capability = torch.backends.cpu.get_cpu_capability()
    return {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "threads": str(torch.get_num_threads()),
        "cpu": f"{platform.machine()} {capability}",
    }


@dataclass
class Progress:
    """Where a run stands, apart from its tensors: all of it is in the checkpoint."""

    images: int = 0  #: real images shown so far
    inspected: int = 0  #: images at the last KID
    drawn: int = 0  #: images at the last grid
    resolution: int = 0  #: of the last step's pictures; 0 before the first
    best: dict[str, float] | None = None  #: images, kid and kid_error of the generator that is kept
    collapsed: int = 0  #: evaluations in a row that were worse than the best beyond both errors
    stopped_early: bool = False
    augmentation: AdaptiveAugmentation = field(default_factory=AdaptiveAugmentation)
    learning_rate_scale: float = 1.0  #: halved by every rollback
    salt: int = 0  #: of latents, augmentation and order; raised by every rollback
    rollbacks: int = 0  #: since the run was last further than `failed_at`
    failed_at: int = 0  #: images at the last failure


class TrainingState:
    """The networks, their average and the optimisers of a run, and how they go to disk and back."""

    def __init__(self, trainer: Trainer, ema: Ema[nn.Module], network: Any) -> None:
        self.trainer, self.ema, self.network = trainer, ema, network
        self.progress = Progress()
        self._networks: dict[str, nn.Module] = {
            "generator": trainer.generator,
            "discriminator": trainer.discriminator,
            "ema": ema.network,
        }
        self._optimizers = {
            "generator": trainer.optimizer_g,
            "discriminator": trainer.optimizer_d,
        }

    def save(self, folder: Path, fingerprint: str, keep_previous: bool = True) -> None:
        """Writes checkpoint.safetensors; the one before it becomes checkpoint.previous.safetensors.

        keep_previous: False leaves checkpoint.previous.safetensors as it is.
        Raises AttnGANError, and keeps what is there, if a number is not finite or the disk refuses.
        """
        tensors = self._tensors()
        bad = self.not_finite()
        if bad:
            problem = f"is not finite after {self.progress.images:,} images"
            raise AttnGANError(bad, problem, f"{folder} keeps what was saved before")
        about = {
            "progress": asdict(self.progress),
            "steps": self.trainer.steps,
            "fingerprint": fingerprint,
            "machine": machine(),
            "network": asdict(self.network),
        }
        save_tensors(folder / CHECKPOINT, tensors, about, folder / PREVIOUS if keep_previous else None)

    def not_finite(self) -> str:
        """The name of a tensor that holds a number that is not finite; empty if there is none."""
        return next((name for name, tensor in self._tensors().items() if not tensor.isfinite().all()), "")

    def save_generator(self, folder: Path) -> None:
        """Writes generator.safetensors, the averaged generator, with its KID if that is the best.

        What was found out about the one before it (memorisation.json, neighbours.png) goes.
        """
        about: dict[str, Any] = {"images": self.progress.images, "network": asdict(self.network)}
        if self.progress.best and self.progress.best["images"] == self.progress.images:
            about["best"] = self.progress.best
        save_tensors(folder / GENERATOR, self.ema.network.state_dict(), about)
        for name in ("memorisation.json", "neighbours.png"):
            (folder / name).unlink(missing_ok=True)

    def load(self, folder: Path) -> tuple[dict[str, Any], str]:
        """Restores the last good checkpoint; returns what is said of the run, and a note if one was passed over.

        The dict has `fingerprint` and `machine` of when it was written. Raises AttnGANError if the last checkpoint
        and the one before it are both damaged, or if they are of another architecture.
        """
        path, previous = folder / CHECKPOINT, folder / PREVIOUS
        try:
            return self.load_from(path if path.exists() else previous), ""
        except DamagedFileError as error:
            if not previous.exists():
                raise
            about = self.load_from(previous)
            images = f"{self.progress.images:,} images"
            return about, f"{error.subject}: {error.problem}; going on from the one before it, of {images}"

    def load_from(self, path: Path) -> dict[str, Any]:
        """Restores everything from one checkpoint file, as `load` does."""
        remedy = f"restore a copy, or use another --out; without checkpoints {path.parent} begins again from the start"
        tensors, about = load_tensors(path, remedy, checked=True)
        check_architecture(path, about.get("network"), self.network)
        try:
            for name, network in self._networks.items():
                network.load_state_dict(without_prefix(tensors, f"{name}."))
            for name, optimizer in self._optimizers.items():
                restore_adam(optimizer, self._networks[name], without_prefix(tensors, f"adam.{name}."))
            self.trainer.steps = about["steps"]
            progress = dict(about["progress"])
            progress["augmentation"] = AdaptiveAugmentation(**progress["augmentation"])
            self.progress = Progress(**progress)
            return {"fingerprint": about["fingerprint"], "machine": about["machine"]}
        except (KeyError, TypeError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise AttnGANError(
                path, f"does not fit the config.json beside it ({reason})", "restore both, or use another --out"
            ) from None

    def _tensors(self) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        for name, network in self._networks.items():
            tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        for name, optimizer in self._optimizers.items():
            tensors |= adam_tensors(f"adam.{name}", optimizer, self._networks[name])
        return tensors


def adam_tensors(prefix: str, optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """What Adam knows of each parameter of a network, named `prefix.parameter.entry`."""
    return {
        f"{prefix}.{key}.{entry}": value
        for key, parameter in network.named_parameters()
        for entry, value in optimizer.state.get(parameter, {}).items()
    }


def restore_adam(optimizer: torch.optim.Optimizer, network: nn.Module, tensors: dict[str, Tensor]) -> None:
    """The reverse, from names without the prefix. Parameters that have not moved yet have no entries.

    Raises KeyError if some of a parameter's entries are missing.
    """
    optimizer.state.clear()
    for key, parameter in network.named_parameters():
        if f"{key}.step" not in tensors:
            continue
        # Adam keeps its step count on the CPU and its moments in the layout of the parameter.
        for entry in ("step", "exp_avg", "exp_avg_sq"):
            value = tensors[f"{key}.{entry}"]
            if entry != "step":
                value = torch.empty_like(parameter).copy_(value.view(parameter.shape))
            optimizer.state[parameter][entry] = value


def without_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
