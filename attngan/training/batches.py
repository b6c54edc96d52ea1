"""What each step shows the networks: pictures, latents, augmentation; functions of (seed, step, sample index)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from attngan.augment import augment
from attngan.config import ImageNetworkConfig, RunConfig, TextToImageConfig
from attngan.data import ImageDataset
from attngan.data.conditioning import Conditions
from attngan.data.sampler import Sampler
from attngan.data.split import split
from attngan.random import derive, normals
from attngan.streams import Stream


@dataclass(frozen=True)
class Step:
    """What one step of the trainer takes."""

    real: Tensor  #: [B, C, r, r] in [−1, 1], channels last
    labels: Tensor | None  #: int64 [B], or conditions [B, 1 + L]
    z: tuple[Tensor, Tensor]  #: [B, z_dim] of the D step and of the G step
    seeds: Tensor  #: int64 [2B], of each picture's augmentation
    names: tuple[str, ...]
    probability: float

    def augment(self, pictures: Tensor) -> Tensor:
        """The step's own augmentation of [≤ 2B, C, H, W]."""
        return augment(pictures, self.seeds[: len(pictures)], self.names, self.probability)


class Batches:
    """The batches of a run. `salt` makes other batches of the same places, after a failure that would repeat.

    conditions: of captioned pictures, which then take the place of classes.
    """

    def __init__(
        self, config: RunConfig, pictures: ImageDataset, device: torch.device, conditions: Conditions | None = None
    ) -> None:
        self.config, self.pictures, self.device, self.conditions = config, pictures, device, conditions
        self.training, self.held_out = split(pictures, config.training.holdout, config.training.seed)
        self._salted(0)

    def _salted(self, salt: int) -> None:
        self._salt, plan = salt, self.config.training
        self._seed = int(derive(plan.seed, Stream.SALT, salt)) if salt else plan.seed
        self._order = Sampler(self._seed, len(self.training))
        self._held_out_order = Sampler(int(derive(self._seed, Stream.HELD_OUT_ORDER)), max(len(self.held_out), 1))

    def step(self, step: int, seen: int, salt: int, probability: float) -> Step:
        """Batch number `step`, from place `seen` of the order on."""
        if salt != self._salt:
            self._salted(salt)
        plan = self.config.training
        samples = torch.arange(2 * plan.batch)
        real, labels = self._pictures(self.training[self._order.indices(seen, plan.batch)], seen)
        numbers = normals(derive(self._seed, Stream.LATENTS, step, samples), self.config.picture_network.z_dim)
        z = numbers.to(self.device)
        seeds = derive(self._seed, Stream.AUGMENTATION, step, samples).to(self.device)
        return Step(real, labels, (z[: plan.batch], z[plan.batch :]), seeds, plan.augment, probability)

    @property
    def _classes(self) -> int:
        network = self.config.network
        return network.classes if isinstance(network, ImageNetworkConfig) else 0

    def held_out_batch(self, seen: int) -> tuple[Tensor, Tensor | None]:
        """As many pictures that training never shows, and their labels."""
        places = self.held_out[self._held_out_order.indices(seen, self.config.training.batch)]
        return self._pictures(places, seen)

    def shown(self) -> tuple[Tensor | None, int]:
        """Labels of the grid that a run draws on its way, and its columns.

        By class one class a column, repeated where they are few; with captions 32 training and 32 held-out ones.
        """
        if self.conditions:
            halves = [
                half[np.linspace(0, len(half) - 1, 32).astype(np.int64)]
                for half in (self.training, self.held_out)
                if len(half)
            ]
            return torch.from_numpy(self.conditions.main(np.concatenate(halves))).to(self.device), 8
        if not self._classes:
            return None, 8
        classes = min(self._classes, 16)
        columns = classes * max(8 // classes, 1)
        return torch.arange(8 * columns, device=self.device) % columns % classes, columns

    def _pictures(self, places: np.ndarray, seen: int) -> tuple[Tensor, Tensor | None]:
        """Pictures as large as they are trained now, and what they are of, or what chance calls them now."""
        array = torch.from_numpy(self.pictures.images[places]).to(self.device)
        real = (array.float() / 127.5 - 1).permute(0, 3, 1, 2)
        factor = self.config.picture_network.resolution // resolution_at(self.config, seen)
        real = F.avg_pool2d(real, factor) if factor > 1 else real
        if self.conditions:
            seeds = derive(self._seed, Stream.CAPTIONS, seen, torch.arange(len(places))).numpy()
            return real, torch.from_numpy(self.conditions.drawn(places, seeds)).to(self.device)
        if not self._classes:
            return real, None
        assert self.pictures.labels is not None
        return real, torch.from_numpy(self.pictures.labels[places]).to(self.device)


def resolution_at(config: RunConfig, seen: int) -> int:
    """The resolution of the pictures that are trained after `seen` images: it doubles at each share of plan.grow."""
    network, plan = config.picture_network, config.training
    if not isinstance(network, TextToImageConfig) or not plan.grow:
        return network.resolution
    return min(network.base * 2 ** sum(seen >= share * plan.images for share in plan.grow), network.resolution)
