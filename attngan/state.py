"""Everything that a run needs to go on: networks, average, optimisers, and where it was written."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from attngan.checkpoint import load_tensors, save_tensors
from attngan.ema import Ema
from attngan.errors import AttnGANError
from attngan.networks.image import ImageGenerator
from attngan.trainer import Trainer


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
    """Where a run stands."""

    images: int  #: real images shown so far
    fingerprint: str  #: of the training pictures
    machine: dict[str, str]  #: where the checkpoint was written


class TrainingState:
    """The networks, their average and the optimisers of a run, and how they go to disk and back."""

    def __init__(self, trainer: Trainer, ema: Ema[ImageGenerator]) -> None:
        self.trainer, self.ema = trainer, ema
        self._networks: dict[str, nn.Module] = {
            "generator": trainer.generator,
            "discriminator": trainer.discriminator,
            "ema": ema.network,
        }
        self._optimizers = {
            "generator": trainer.optimizer_g,
            "discriminator": trainer.optimizer_d,
        }

    def save(self, folder: Path, images: int, fingerprint: str) -> None:
        """Writes generator.safetensors, then checkpoint.safetensors; a kill between the two loses nothing.

        Raises AttnGANError, and keeps what is there, if a number is not finite or the disk refuses.
        """
        tensors = self._tensors()
        bad = next((name for name, tensor in tensors.items() if not tensor.isfinite().all()), None)
        if bad:
            raise AttnGANError(
                f"{bad} is not finite after {images:,} images; {folder} keeps what was saved before: "
                "train anew with a larger gamma or a smaller learning rate"
            )
        self.save_generator(folder)
        progress = {"images": images, "steps": self.trainer.steps, "fingerprint": fingerprint, "machine": machine()}
        # One entry: safetensors writes several in random order, and equal runs should give equal files.
        save_tensors(folder / "checkpoint.safetensors", tensors, {"attngan": json.dumps(progress)})

    def save_generator(self, folder: Path) -> None:
        """Writes generator.safetensors alone."""
        save_tensors(folder / "generator.safetensors", self.ema.network.state_dict())

    def load(self, folder: Path) -> Progress:
        """Restores everything from checkpoint.safetensors; AttnGANError if it is torn or of another shape."""
        path = folder / "checkpoint.safetensors"
        remedy = f"restore a copy, or use another --out; without this file {folder} begins again from the start"
        tensors, metadata = load_tensors(path, remedy)
        try:
            progress = json.loads(metadata["attngan"])
            for name, network in self._networks.items():
                network.load_state_dict(_below(tensors, f"{name}."))
            for name, optimizer in self._optimizers.items():
                self._restore_optimizer(optimizer, self._networks[name], _below(tensors, f"adam.{name}."))
            self.trainer.steps = progress["steps"]
            return Progress(progress["images"], progress["fingerprint"], progress["machine"])
        except (KeyError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise AttnGANError(
                f"{path}: does not fit the config.json beside it ({reason}); restore both, or use another --out"
            ) from None

    def _tensors(self) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        for name, network in self._networks.items():
            tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        for name, optimizer in self._optimizers.items():
            for key, parameter in self._networks[name].named_parameters():
                state = optimizer.state.get(parameter, {})
                tensors |= {f"adam.{name}.{key}.{entry}": value for entry, value in state.items()}
        return tensors

    @staticmethod
    def _restore_optimizer(optimizer: torch.optim.Optimizer, network: nn.Module, tensors: dict[str, Tensor]) -> None:
        optimizer.state.clear()
        for key, parameter in network.named_parameters():
            # Adam keeps its step count on the CPU and its moments in the layout of the parameter.
            for entry in ("step", "exp_avg", "exp_avg_sq"):
                value = tensors[f"{key}.{entry}"]
                if entry != "step":
                    value = torch.empty_like(parameter).copy_(value.view(parameter.shape))
                optimizer.state[parameter][entry] = value


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
