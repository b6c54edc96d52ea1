"""What every phase needs of a task, its data and the config of one run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from attngan.config import RunConfig
from attngan.data import Dataset
from attngan.training.batches import Batches
from attngan.training.phase import Figures, Phase
from attngan.training.run_logger import RunLogger
from attngan.training.state import Progress, TrainingState
from attngan.training.validation import Validation


class TaskRun(ABC):
    """A task with the data and the config of one run."""

    batches: Batches

    def __init__(self, config: RunConfig, dataset: Dataset, device: torch.device) -> None:
        self.config, self.dataset, self.device = config, dataset, device

    @property
    def plan(self) -> Any:
        """The settings of training, as the task has them."""
        return self.config.training

    def first_phases(self, state: TrainingState, folder: Path, logger: RunLogger) -> list[Phase]:
        """What comes before the first adversarial step; each goes on where the folder says that it stood."""
        return []

    def prepare_networks(self, state: TrainingState) -> None:
        """What networks of a new run take from the data before the first adversarial step."""

    def tune(self, progress: Progress, generators: Iterable[nn.Module]) -> None:
        """Sets the generators to what is trained now: their resolution, or their temperature."""

    def share_of_side(self, seen: int) -> float:
        """Of the resolution trained after so many samples in the full one; 1 where there is none."""
        return 1.0

    def augment_probability(self, progress: Progress) -> float:
        """Of each augmentation in the next step."""
        return 0.0

    def adapt(self, progress: Progress, figures: Figures, images: int) -> None:
        """Takes D's mean logits of three batches in, `images` samples after the last time."""
        logits = figures["real"], figures["held_out"], figures["fake"]
        progress.augmentation.update(*logits, images, self.config.training)

    @abstractmethod
    def open_validation(self) -> tuple[Validation | None, str]:
        """What measures KID on the way, or None and the reason why nothing does."""

    @abstractmethod
    def save_samples(self, generator: nn.Module, logger: RunLogger, seen: int) -> None:
        """What a person looks at."""

    def finish(self, folder: Path) -> None:
        """What is found out about the generator that is kept, after the last step."""
