"""The order in which a run shows its samples."""

from __future__ import annotations

import numpy as np


class Sampler:
    """The endless order of training samples: every epoch is a permutation drawn from (seed, epoch).

    weights: float [count], above 0; how often each sample is shown beside the others. An epoch is then as long, and
    holds a sample as often as its share says, rounded up or down by chance (systematic sampling).
    """

    def __init__(self, seed: int, count: int, weights: np.ndarray | None = None) -> None:
        self.seed, self.count = seed, count
        self._ends = None if weights is None else np.cumsum(weights) * (count / weights.sum())
        self._epoch, self._permutation = -1, np.empty(0, np.int64)

    def indices(self, start: int, length: int) -> np.ndarray:
        """int64 [length]: places start … start+length−1 of the order; depends on nothing but its arguments."""
        return np.array([self._at(place) for place in range(start, start + length)], np.int64)

    def _at(self, place: int) -> int:
        epoch, position = divmod(place, self.count)
        if epoch != self._epoch:
            self._epoch = epoch
            self._permutation = self._draw(np.random.default_rng([self.seed, epoch]))
        return int(self._permutation[position])

    def _draw(self, chance: np.random.Generator) -> np.ndarray:
        """int64 [count]: the samples of an epoch in its order."""
        if self._ends is None:
            return chance.permutation(self.count)
        rulers = np.arange(self.count) + chance.random()
        return chance.permutation(np.searchsorted(self._ends, rulers, side="right").clip(max=self.count - 1))
