"""One loop for every stage of a run: steps, measurements and saves, until it has ended or a signal stops it."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from attngan.errors import AttnGANError
from attngan.progress import progress_bar

SKIPS = 10  #: steps in a row that were not finite, after which a phase recovers or gives up

Figures = dict[str, float]


class SaveTimer:
    """When the next save is due: after a minute, or after so many steps if they are counted."""

    seconds = 60.0  #: at most this much work is lost to a kill

    def __init__(self, steps: int | None = None) -> None:
        self.steps = steps
        self.restart()

    def restart(self) -> None:
        """Something was saved just now."""
        self._saved, self._taken = time.monotonic(), 0

    def is_due(self) -> bool:
        """Asked once a step."""
        self._taken += 1
        return self._taken >= self.steps if self.steps else time.monotonic() - self._saved > self.seconds


class Phase(ABC):
    """A stage of a run. What the next step depends on is saved by `save`, and nothing else."""

    name = ""  #: on the progress bar; that of a phase without one stays when it has ended
    unit: str  #: images or sentences
    remedy = ""  #: where steps are not finite again and again
    total: int  #: samples to show
    skips = 0  #: steps in a row that were not finite

    @property
    @abstractmethod
    def seen(self) -> int:
        """Samples shown so far."""

    @property
    def measuring(self) -> str:
        """What stands on the progress bar while it measures."""
        return self.name

    @property
    @abstractmethod
    def ended(self) -> bool:
        """Nothing is left to train or to measure."""

    @abstractmethod
    def step(self) -> Figures:
        """One optimiser step on the next batch; "skipped" is among its figures if it was not finite."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Writes where it stands, and a generator that can be sampled."""

    def measurement_is_due(self) -> bool:
        return False

    def measure(self, stop: Sequence[int]) -> bool:
        """What is found out on the way; False if a stop signal came first or nothing could be measured."""
        return False

    def finish(self, folder: Path) -> None:
        """What is left to write after the last step and measurement."""

    def postfix(self) -> Figures:
        """What the progress bar shows of the last step or measurement."""
        return {}

    def note_skip(self, reason: str) -> None:
        """A step was not finite, and nothing has moved."""

    def recover(self, reason: str) -> None:
        """After SKIPS steps in a row. AttnGANError where there is nothing to go back to."""
        raise AttnGANError(self.name, f"{reason} in {SKIPS} steps in a row", self.remedy)


def run_phase(phase: Phase, folder: Path, timer: SaveTimer, stop: Sequence[int]) -> bool:
    """Steps and measurements to the end, which it says, or to a stop signal, on which it saves."""
    with progress_bar(phase.name, phase.total, phase.seen, phase.unit) as bar:
        while not stop and not phase.ended:
            if phase.measurement_is_due():
                bar.set_description(phase.measuring or None)
                if phase.measure(stop):
                    phase.save(folder)
                    timer.restart()
                bar.set_description(phase.name or None)
            elif not _step(phase) and timer.is_due():
                phase.save(folder)
                timer.restart()
            bar.update(min(phase.seen, phase.total) - bar.n)  # which may be less, after a recovery
            bar.set_postfix({name: f"{value:.3f}" for name, value in phase.postfix().items()}, refresh=False)
    # After skipped steps the networks may be what failed, and what was saved before is good.
    if stop and not phase.skips:
        phase.save(folder)
    if stop:
        return False
    phase.finish(folder)
    return True


def _step(phase: Phase) -> bool:
    """Takes a step; whether it was skipped."""
    figures = phase.step()
    if "skipped" not in figures:
        phase.skips = 0
        return False
    phase.skips += 1
    bad = [name for name, value in figures.items() if not math.isfinite(value)] or ["a gradient"]
    reason = f"{', '.join(bad)} not finite"
    if phase.skips < SKIPS:
        phase.note_skip(reason)
    else:
        phase.recover(reason)
        phase.skips = 0
    return True
