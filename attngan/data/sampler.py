"""The order in which a run shows its samples."""

from __future__ import annotations

import numpy as np


class Sampler:
    """The endless order of training pictures: every epoch is a permutation drawn from (seed, epoch)."""

    def __init__(self, seed: int, count: int) -> None:
        self.seed, self.count = seed, count
        self._epoch, self._permutation = -1, np.empty(0, np.int64)

    def indices(self, start: int, length: int) -> np.ndarray:
        """int64 [length]: places start … start+length−1 of the order; depends on nothing but its arguments."""
        return np.array([self._at(place) for place in range(start, start + length)], np.int64)

    def _at(self, place: int) -> int:
        epoch, position = divmod(place, self.count)
        if epoch != self._epoch:
            self._epoch = epoch
            self._permutation = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        return int(self._permutation[position])
