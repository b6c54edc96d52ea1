"""The form in which a generator is exported: what goes in and comes out, under which names, and samples of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from attngan.random import derive, normals
from attngan_runtime.bundle.spec import MAX_SEED

Noise = Literal["seed", "z"]

BATCHES = (1, 2, 8)
DRAWS = 3  #: other seeds, classes and truncations each

# What users run; 0 leaves the biases and what is asked for alone.
_TRUNCATIONS = (1.0, 0.7, 0.0)


@dataclass(frozen=True)
class Form(ABC):
    """A generator as a module of tensors alone, beside the names of its inputs and outputs in their order.

    Between what each task asks for stand the noise, seed int64 [B] or z float32 [B, z_dim], and at the end truncation
    float32 [B]. The first output is the picture, float32 [B, C, H, W] in [−1, 1].
    """

    network: nn.Module
    noise: Noise

    @property
    @abstractmethod
    def module(self) -> nn.Module:
        """module(*inputs) → the output, or all of them as a tuple."""

    @property
    def graph(self) -> nn.Module:
        """The same as exporters of graphs take it, where that differs."""
        return self.module

    @property
    @abstractmethod
    def z_dim(self) -> int:
        """Numbers in a z."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Inputs in the order in which `module` takes them."""

    @property
    def outputs(self) -> dict[str, float]:
        """Outputs in the order in which `module` gives them, with the length of each one's range."""
        return {"image": 2.0}

    @property
    def slack(self) -> float:
        """How many times `gate.TOLERANCE` its outputs may differ."""
        return 1.0

    @property
    def threads(self) -> int | None:
        """With how many threads torch is compared; None: as many as it takes."""
        return None

    @property
    def trials(self) -> list[tuple[int, int]]:
        """(batch, draw) of each sample that every exported file is compared on."""
        return [(batch, draw) for batch in BATCHES for draw in range(DRAWS)]

    def ties(self, inputs: dict[str, Tensor], outputs: tuple[Tensor, ...]) -> Tensor | None:
        """bool [B, L]: where outputs that are choices could have been others by rounding alone; None if none are."""
        return None

    @abstractmethod
    def asked(self, index: Tensor, draw: int) -> dict[str, Tensor]:
        """What the pictures `index` int64 [B] of a sample are to show: all inputs but noise and truncation."""

    def sample(self, batch: int, draw: int = 0) -> dict[str, Tensor]:
        """Inputs of `batch` pictures in the order of `names`; another `draw` gives other ones.

        Draw 0 begins with the two outermost seeds, 0 and 2³²−1.
        """
        index = torch.arange(batch)
        seeds = derive(draw, index)
        if draw == 0:
            edges = torch.tensor([0, MAX_SEED])[:batch]
            seeds[: len(edges)] = edges
        values = self.asked(index, draw)
        values[self.noise] = seeds if self.noise == "seed" else normals(seeds, self.z_dim)
        values["truncation"] = torch.tensor(_TRUNCATIONS)[(index + draw) % len(_TRUNCATIONS)]
        return {name: values[name] for name in self.names}
