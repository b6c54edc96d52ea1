"""What every source of data becomes, and how much of it can be held out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import ClassVar, Self

import numpy as np


class Dataset(ABC):
    """Samples in an order that depends on nothing but themselves. Subclasses are frozen dataclasses without eq."""

    noun: ClassVar[str]  #: what its samples are, such as pictures
    unit: ClassVar[str]  #: the same as progress counts them
    group: ClassVar[str]  #: what is held out whole, such as a concept
    skipped: list[tuple[str, str]]  #: (name, reason) of those that can't be read

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """SHA-256 in hex: equal for equal training data."""

    @abstractmethod
    def describe(self) -> str:
        """What was read and what was skipped, in one line for the console."""

    @abstractmethod
    def take(self, places: np.ndarray) -> Self:
        """Some of the samples; what was skipped is not repeated."""

    @property
    def most_held_out(self) -> int:
        """How many samples can be held out so that there is something left to train on."""
        return len(self) - 1

    @abstractmethod
    def choose_held_out(self, count: int, seed: int) -> np.ndarray:
        """bool [N]: samples to hold out, at most `count` of them; a function of the data, the number and the seed."""

    def split(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """(places of the training samples, places of the held-out ones), int64 and rising; computed once.

        count: `most_held_out` at most.
        """
        if (count, seed) not in self._splits:
            chosen = self.choose_held_out(count, seed)
            self._splits[count, seed] = np.flatnonzero(~chosen), np.flatnonzero(chosen)
        return self._splits[count, seed]

    @cached_property
    def _splits(self) -> dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]:
        return {}
