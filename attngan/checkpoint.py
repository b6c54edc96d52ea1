"""Run folders: config.json, generator.safetensors (what ships) and checkpoint.safetensors (what resumes)."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from attngan.config import RunConfig
from attngan.ema import Ema
from attngan.errors import AttnGANError
from attngan.networks.image import DeployedImageGenerator, ImageGenerator
from attngan.trainer import Trainer

PRETRAINED = Path(__file__).parent / "pretrained"


def write_atomically(path: Path, content: bytes) -> None:
    """Writes beside `path`, flushes to disk, then renames: readers see the old content or the new, never a part."""
    partial = path.with_name(path.name + ".part")
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise AttnGANError(
            f"{path}: could not be saved ({error.strerror}); the file before it is intact: free space, then run again"
        ) from None
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Writes a safetensors file atomically; AttnGANError if the disk refuses."""
    write_atomically(path, save({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, metadata))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file; AttnGANError if it is missing, torn or not one."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError:
        raise AttnGANError(f"{path}: no such file; train first, or name another run") from None
    except (SafetensorError, OSError) as error:
        raise AttnGANError(f"{path}: truncated or damaged ({error}); restore a copy, or delete it") from None


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


@dataclass
class LoadedGenerator:
    """A trained generator in PyTorch, in float32."""

    name: str
    config: RunConfig
    network: DeployedImageGenerator

    @torch.no_grad()
    def draw(
        self, seeds: list[int], classes: list[int] | None = None, truncation: float = 1.0, batch: int = 64
    ) -> np.ndarray:
        """uint8 [B, H, W, C] for seeds in 0 … 2³²−1 and, of a class-conditional generator, one class a seed."""
        pictures = []
        for start in range(0, len(seeds), batch):
            part = torch.tensor(seeds[start : start + batch], dtype=torch.int64)
            labels = None if classes is None else torch.tensor(classes[start : start + batch], dtype=torch.int64)
            pictures.append(self.network(part, labels, torch.full((len(part),), truncation)))
        return to_uint8(torch.cat(pictures))


def to_uint8(pictures: Tensor) -> np.ndarray:
    """float [B, C, H, W] in [−1, 1] → uint8 [B, H, W, C], rounded to nearest."""
    return ((pictures + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()


def load_config(folder: Path) -> RunConfig:
    """config.json of a run folder; AttnGANError if there is none."""
    try:
        return RunConfig.from_json((folder / "config.json").read_text(), folder / "config.json")
    except (FileNotFoundError, NotADirectoryError):
        raise AttnGANError(
            f"{folder}: no run folder (it has no config.json); name one written by attngan train"
        ) from None
    except UnicodeDecodeError:
        raise AttnGANError(f"{folder / 'config.json'}: not text; restore it or start a new run") from None


def find_run(run_or_name: str) -> Path:
    """The folder of a run, or of a shipped generator of that name; AttnGANError naming the shipped ones."""
    folder = Path(run_or_name)
    if not folder.is_dir() and (PRETRAINED / run_or_name / "config.json").is_file():
        return PRETRAINED / run_or_name
    if not folder.is_dir():
        shipped = ", ".join(sorted(path.parent.name for path in PRETRAINED.glob("*/config.json")))
        raise AttnGANError(f"{run_or_name}: no such run folder, nor a shipped generator ({shipped}); check the path")
    return folder


def load_generator(run_or_name: str) -> LoadedGenerator:
    """The averaged generator of a run folder or of a shipped NAME, ready to draw (float32, CPU, eval mode)."""
    folder = find_run(run_or_name)
    config = load_config(folder)
    generator = ImageGenerator(config.network)
    tensors, _ = load_tensors(folder / "generator.safetensors")
    try:
        generator.load_state_dict({name: value.float() for name, value in tensors.items()})
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise AttnGANError(f"{folder}: weights do not fit config.json ({reason}); restore the pair") from None
    name = folder.resolve().name
    return LoadedGenerator(name, config, DeployedImageGenerator(generator).eval().requires_grad_(False))
