"""What a run is of: pictures or sentences. All in which they differ while they train, behind one interface."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from attngan.networks.build import Generator
from attngan.training.batches import Step
from attngan.training.run_logger import RunLogger
from attngan.training.state import Progress, TrainingState


class Measure(Protocol):
    """What says on the way how near generated samples are to held-out ones."""

    def measure(self, generator: Generator, device: torch.device, stop: Sequence[int]) -> tuple[float, float] | None:
        """(KID, its standard error), or None if a stop signal came first."""
        ...


class Task(Protocol):
    """The data of a run, and what is done with them besides the adversarial steps themselves."""

    def prepare(self, state: TrainingState, folder: Path, records: RunLogger, stop: Sequence[int]) -> None:
        """What comes before the first adversarial step; a stop signal ends it, and it goes on where it stood."""
        ...

    def tune(self, progress: Progress, networks: Iterable[nn.Module]) -> None:
        """Sets the generators to what is trained now: their resolution, or their temperature."""
        ...

    def share_of_side(self, images: int) -> float:
        """Of the resolution trained after so many images in the full one; 1 where there is none."""
        ...

    def step(self, step: int, seen: int, salt: int, probability: float) -> Step:
        """Batch number `step`, from place `seen` of the order on."""
        ...

    def held_out_batch(self, seen: int) -> tuple[Tensor, Tensor | None]:
        """As many samples that training never shows, and their labels."""
        ...

    def open_quality(self) -> tuple[Measure | None, str]:
        """What measures KID on the way, or None and the reason why nothing does."""
        ...

    def save_samples(self, generator: Generator, records: RunLogger, images: int) -> None:
        """What a person looks at."""
        ...

    def finish(self, folder: Path) -> None:
        """What is found out about the generator that is kept, after the last step."""
        ...
