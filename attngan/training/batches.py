"""What each step shows the networks; functions of (seed, step, sample index) alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attngan.data import Dataset
from attngan.data.sampler import Sampler
from attngan.random import derive
from attngan.streams import Stream
from attngan.trainer import Augment


@dataclass(frozen=True)
class Step:
    """What one step of the trainer takes."""

    real: Tensor  #: [B, …] samples, as G makes them
    condition: Tensor | None  #: int64 with a row a sample: what each is of
    noise: tuple[Tensor, Tensor]  #: of the D step and of the G step
    augment: Augment


class Batches(ABC):
    """The batches of a run. `salt` makes other batches of the same places, after a failure that would repeat."""

    def __init__(self, dataset: Dataset, plan: Any, device: torch.device) -> None:
        self.plan, self.device = plan, device
        self.training, self.held_out = dataset.split(plan.holdout, plan.seed)
        self._use_salt(0)

    def _use_salt(self, salt: int) -> None:
        self._salt = salt
        self.seed = int(derive(self.plan.seed, Stream.SALT, salt)) if salt else self.plan.seed
        self._order = Sampler(self.seed, len(self.training), self.weights())
        self._held_out_order = Sampler(int(derive(self.seed, Stream.HELD_OUT_ORDER)), max(len(self.held_out), 1))

    def step(self, step: int, seen: int, salt: int, probability: float) -> Step:
        """Batch number `step`, from place `seen` of the order on; probability: of each augmentation."""
        if salt != self._salt:
            self._use_salt(salt)
        real, condition = self.samples(self.training[self._order.indices(seen, self.plan.batch)], seen)
        return Step(real, condition, self.noise(step, real), self.augmentation(step, probability))

    def held_out_batch(self, seen: int) -> tuple[Tensor, Tensor | None]:
        """As many samples that training never shows, and what they are of."""
        return self.samples(self.held_out[self._held_out_order.indices(seen, self.plan.batch)], seen)

    def weights(self) -> np.ndarray | None:
        """float [N]: how often each training sample is shown beside the others; None where all are alike."""
        return None

    @abstractmethod
    def samples(self, places: np.ndarray, seen: int) -> tuple[Tensor, Tensor | None]:
        """The samples at these places as they are trained now, and what they are of."""

    @abstractmethod
    def noise(self, step: int, real: Tensor) -> tuple[Tensor, Tensor]:
        """For as many fakes in the D step, and in the G step."""

    def augmentation(self, step: int, probability: float) -> Augment:
        """The step's own, the same for real samples and fakes."""
        return lambda samples: samples
