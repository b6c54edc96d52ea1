"""What every source of data becomes, and how much of it can be held out."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

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
        """SHA-256 in hex: equal for equal training data in the same order."""

    @property
    @abstractmethod
    def keys(self) -> np.ndarray:
        """int64 [N]: of each sample a hash of what it is, whatever it is called; see `hash_samples`."""

    @property
    def groups(self) -> np.ndarray:
        """int64 [N]: samples of one number are held out together."""
        return self.keys

    @property
    def labels(self) -> Sequence[str]:
        """[N]: what else is said of each sample."""
        return [""] * len(self)

    @cached_property
    def content(self) -> str:
        """SHA-256 in hex of samples and labels in whatever order: equal for equal data under other names."""
        lines = sorted(f"{key} {label}" for key, label in zip(self.keys.tolist(), self.labels, strict=True))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

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

    def choose_apart(self, count: int, seed: int) -> np.ndarray:
        """The same as runs chose that kept no split: equal samples could be parted."""
        return self.choose_held_out(count, seed)

    @property
    def copies(self) -> int:
        """How many samples equal an earlier one, by which one that is held out could be known."""
        return 0

    @property
    def about(self) -> dict[str, Any]:
        """What else data.json says of them."""
        return {}

    def split(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """(places of the training samples, places of the held-out ones), int64; computed once, or what was fixed.

        count: `most_held_out` at most.
        """
        if (count, seed) not in self._splits:
            self._splits[count, seed] = _places(self.choose_held_out(count, seed))
        return self._splits[count, seed]

    def split_apart(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The same of a run that kept no split; see `choose_apart`."""
        return _places(self.choose_apart(count, seed))

    def fix_split(self, seed: int, training: np.ndarray, held_out: np.ndarray) -> None:
        """Has `split` give these places, int64, for the number of held-out ones and this seed."""
        self._splits[len(held_out), seed] = training, held_out

    @cached_property
    def _splits(self) -> dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]:
        return {}


def hash_samples(samples: Iterable[bytes]) -> np.ndarray:
    """int64 [N]: BLAKE2b of each; two of a million different ones are equal once in 40 million sets."""
    return np.array(
        [int.from_bytes(hashlib.blake2b(sample, digest_size=8).digest(), "little", signed=True) for sample in samples],
        np.int64,
    )


def _places(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)
