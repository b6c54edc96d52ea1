"""Loaded generators of pictures, unconditional or by class."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch

from attngan.data import ImageDataset
from attngan.data.transforms import premultiply
from attngan.errors import AttnGANError
from attngan.generators.base import LoadedGenerator, Seeds, batches
from attngan.generators.source import Source
from attngan_runtime import PictureGenerator
from attngan_runtime.generators.pixels import to_uint8


class LoadedImageGenerator(LoadedGenerator):
    """Pictures uint8 [B, H, W, C], RGBA with straight alpha; truncation is its strength."""

    choices = "classes"  #: what `choice_names` are names of
    choice_names: list[str]  #: in the order of their numbers; empty where there is nothing to choose from
    resolution: int
    channels: int

    @abstractmethod
    def sample(
        self, seeds: Seeds, conditions: np.ndarray | None = None, truncation: float = 1.0, **strength: Any
    ) -> np.ndarray: ...

    def sample_as_data(self, seeds: Seeds, conditions: np.ndarray | None = None) -> np.ndarray:
        """The same with RGBA premultiplied by alpha, as a dataset has it."""
        pictures = self.sample(seeds, conditions)
        return premultiply(pictures) if self.channels == 4 else pictures

    def conditions_of(self, dataset: Any) -> np.ndarray | None:
        """What to ask for to get pictures of what each of the dataset's shows: a row a picture."""
        return dataset.classes if self.choice_names else None

    def choice_names_of(self, dataset: Any) -> list[str]:
        names: list[str] = dataset.class_names
        return names

    def check_choices(self, dataset: ImageDataset, option: str) -> None:
        """Raises AttnGANError, naming the option, if it has classes or styles and the pictures have other ones."""
        found = self.choice_names_of(dataset)
        if self.choice_names and found != self.choice_names:
            raise AttnGANError(
                option,
                f"{self.choices} {_few(found)}, {self.source.written} has {_few(self.choice_names)}",
                f"use pictures sorted into the same {self.choices}",
            )


class TorchImageGenerator(LoadedImageGenerator):
    """In PyTorch. network: see `attngan.networks.deploy`."""

    def __init__(self, source: Source) -> None:
        self.source, self.network = source, source.load_deployed()
        network = source.config.network
        self.resolution, self.channels = network.resolution, network.channels
        self.choice_names = list(getattr(source.config, network.names))

    @torch.no_grad()
    def sample(
        self, seeds: Seeds, conditions: np.ndarray | None = None, truncation: float = 1.0, **strength: Any
    ) -> np.ndarray:
        numbers = torch.as_tensor(seeds, dtype=torch.int64)
        rows = None if conditions is None else torch.as_tensor(conditions, dtype=torch.int64)
        pictures = []
        for part in batches(len(numbers)):
            some = None if rows is None else rows[part]
            alike = torch.full((len(numbers[part]),), truncation)
            pictures.append(self.network.from_seed(numbers[part], some, alike))  # type: ignore[operator]
        return to_uint8(torch.cat(pictures).numpy())


class OnnxImageGenerator(LoadedImageGenerator):
    """A bundle under ONNX Runtime. AttnGANError if it takes z in place of seeds."""

    def __init__(self, source: Source) -> None:
        self.source, self.runtime = source, PictureGenerator.open(source.bundle)
        if self.runtime.z_dim:
            raise AttnGANError(source.written, "takes z, not seeds", "export it with --input seed to evaluate it")
        self.resolution, self.channels = self.runtime.height, self.runtime.channels
        self.choice_names, self.tokenizer = list(self.runtime.classes), self.runtime.tokenizer

    def sample(
        self, seeds: Seeds, conditions: np.ndarray | None = None, truncation: float = 1.0, **strength: Any
    ) -> np.ndarray:
        return self.runtime.run(np.asarray(seeds), conditions if self.choice_names else None, truncation)


def load_torch(source: Source) -> LoadedImageGenerator:
    return TorchImageGenerator(source)


def load_onnx(source: Source) -> LoadedImageGenerator:
    return OnnxImageGenerator(source)


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" … ({len(names)})" if len(names) > 3 else "") or "none"
