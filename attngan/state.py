"""Everything that a run needs to go on: networks, average, optimisers, and where it was written."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from attngan.checkpoint import load_tensors, save_tensors
from attngan.ema import Ema
from attngan.errors import AttnGANError
from attngan.networks.image import ImageGenerator
from attngan.trainer import Trainer


def machine() -> dict[str, str]:
    """What equal bits depend on: torch, its thread count and the kind of CPU."""
    capability = torch.backends.cpu.get_cpu_capability()
    return {
        "torch": torch.__version__,
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
        """Writes generator.safetensors, then checkpoint.safetensors; a kill between the two loses nothing."""
        save_tensors(folder / "generator.safetensors", self.ema.network.state_dict())
        metadata = {"images": str(images), "steps": str(self.trainer.steps), "fingerprint": fingerprint}
        save_tensors(folder / "checkpoint.safetensors", self._tensors(), metadata | machine())

    def load(self, folder: Path) -> Progress:
        """Restores everything from checkpoint.safetensors; AttnGANError if it is torn or of another shape."""
        path = folder / "checkpoint.safetensors"
        tensors, metadata = load_tensors(path)
        try:
            for name, network in self._networks.items():
                network.load_state_dict(_below(tensors, f"{name}."))
            for name, optimizer in self._optimizers.items():
                self._restore_optimizer(optimizer, self._networks[name], _below(tensors, f"adam.{name}."))
            self.trainer.steps = int(metadata["steps"])
            here = {key: metadata[key] for key in machine()}
            return Progress(int(metadata["images"]), metadata["fingerprint"], here)
        except (KeyError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise AttnGANError(
                f"{path}: does not fit config.json ({reason}); restore the pair, or use another --out"
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
                    value = torch.empty_like(parameter).copy_(value)
                optimizer.state[parameter][entry] = value


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
