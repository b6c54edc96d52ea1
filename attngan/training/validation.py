"""KID of the averaged generator against held-out samples while it trains: which is best, and whether it collapsed."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from attngan.errors import AttnGANError
from attngan.metrics.kid import FEWEST_FOR_KID
from attngan.networks import deploy
from attngan.training.state import Progress


class Validation(ABC):
    """Measures always the same seeds against the same samples, so that its figures can be compared over a run."""

    batch: int  #: samples between two looks at the stop signals: about a second

    def __init__(self, held_out: int, samples: int) -> None:
        """held_out: samples to compare with. samples: to make each time."""
        self.held_out, self.samples = held_out, samples
        self._real: list[np.ndarray] = []

    @abstractmethod
    def real_features(self, part: slice) -> np.ndarray:
        """float [B, d] of some of the held-out samples."""

    @abstractmethod
    def made_features(self, deployed: nn.Module, seeds: torch.Tensor) -> np.ndarray:
        """float [B, d] of what a deployed generator makes of consecutive seeds int64 [B]."""

    @abstractmethod
    def distance(self, real: np.ndarray, made: np.ndarray) -> tuple[float, float]:
        """(KID, its standard error) of features [N, d] and [M, d]."""

    @torch.no_grad()
    def measure(self, generator: nn.Module, device: torch.device, stop: Sequence[int]) -> tuple[float, float] | None:
        """(KID, its standard error), or None if a stop signal came first."""
        for start in range(sum(map(len, self._real)), self.held_out, self.batch):
            if stop:
                return None
            self._real.append(self.real_features(slice(start, start + self.batch)))
        deployed, parts = deploy(generator), []
        for start in range(0, self.samples, self.batch):
            if stop:
                return None
            seeds = torch.arange(start, min(start + self.batch, self.samples), device=device)
            parts.append(self.made_features(deployed, seeds))
        return self.distance(np.concatenate(self._real), np.concatenate(parts))

    @torch.no_grad()
    def seconds(
        self, generator: nn.Module, device: torch.device, clock: Callable[[], float] = time.perf_counter
    ) -> tuple[float, float]:
        """(What the first measurement takes more than others, for the real samples; what each takes), by one batch."""
        deployed, count = deploy(generator), min(self.batch, self.samples)
        seeds = torch.arange(count, device=device)
        self.made_features(deployed, seeds)  # allocates
        moments = [clock()]
        made = self.made_features(deployed, seeds)
        moments.append(clock())
        real = self.real_features(slice(0, self.batch))
        moments.append(clock())
        whole = ((real, self.held_out), (made, self.samples))
        self.distance(*(np.resize(part, (rows, part.shape[1])) for part, rows in whole))
        moments.append(clock())
        of_made, of_real, of_distance = np.diff(moments).tolist()
        return of_real * self.held_out / len(real), of_made * self.samples / count + of_distance


def open_validation(held_out: int, noun: str, make: Callable[[], Validation]) -> tuple[Validation | None, str]:
    """What measures KID on the way, or None and the reason why nothing does."""
    if not held_out:
        return None, ""
    if held_out < FEWEST_FOR_KID:
        return None, f"{held_out} held-out {noun} are too few for KID ({FEWEST_FOR_KID} are needed)"
    try:
        return make(), ""
    except AttnGANError as error:  # a package is missing that features need
        return None, str(error)


def judge(progress: Progress, kid: float, error: float, patience: int) -> bool:
    """Whether this KID is the lowest so far; after `patience` collapsed ones in a row the run is to stop.

    Collapsed: worse than the best by more than both standard errors. A run that merely no longer improves goes on,
    since most of what the falling learning rate gives comes at the end.
    """
    best = progress.best
    if best is None or kid <= best["kid"]:  # equal: measured before a kill, and again
        progress.best = {"images": progress.images, "kid": kid, "kid_error": error}
        progress.collapsed = 0
        return True
    collapsed = kid - best["kid"] > error + best["kid_error"]
    progress.collapsed = progress.collapsed + 1 if collapsed else 0
    progress.stopped_early = has_collapsed(progress, patience)
    return False


def has_collapsed(progress: Progress, patience: int) -> bool:
    """Whether so many KIDs in a row were collapsed that the run stops early; never with a patience of 0."""
    return is_collapse(progress.collapsed, patience)


def is_collapse(collapsed: int, patience: int) -> bool:
    """The same of a number of collapsed KIDs in a row."""
    return 0 < patience <= collapsed
