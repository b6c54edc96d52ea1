"""Whether a picture changes where it should when one word of its prompt does, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from attngan.metrics.estimate import Estimate, jackknife, mean, ratio
from attngan.metrics.retrieval import exchange_concepts

FEWEST_PAIRS = 10  # pairs below which figures would be noise

_LEVELS = 32  # of 255 in any channel: what counts as a difference between real pictures; JPEG and smoothing stay below
_MARGIN = 32  # the differing places grow by 1/32 of the side, for no drawn picture fits to the pixel
_ELSEWHERE = 0.02  # of a picture; pairs that leave less than this have no elsewhere


@dataclass(frozen=True)
class Obedience:
    """What one changed word changes, same seed; a figure is None where it has no meaning.

    Changes are means over all channels, alpha among them, in levels of 0 … 255. "There" is where the real pictures of
    the two prompts differ.
    """

    there: Estimate | None  #: change there
    elsewhere: Estimate | None  #: change in the rest of the picture
    #: there / elsewhere, 1 where the place doesn't matter; of the means, for a mean of ratios would belong to the pairs
    #: that hardly change at all
    ratio: Estimate | None
    ratio_by_chance: Estimate | None  #: with the places of other pairs: what drawing in the middle alone would give
    agreement: Estimate | None  #: cosine of mean changes of colour there with the real ones, all pairs together; −1 … 1


def changed_places(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """bool [P, H, W]: where real pictures uint8 [P, H, W, C] differ, with a margin."""
    differs = _changes(first, second).max(3) > _LEVELS
    margin = max(first.shape[1] // _MARGIN, 1)
    grown = F.max_pool2d(torch.from_numpy(differs[:, None]).float(), 2 * margin + 1, 1, margin)
    return grown[:, 0].numpy() > 0


def find_usable(places: np.ndarray) -> np.ndarray:
    """bool [P]: pairs that differ somewhere, and somewhere don't; of their places bool [P, H, W]."""
    share = places.mean((1, 2))
    return (share > 0) & (share <= 1 - _ELSEWHERE)


def obedience(
    first: np.ndarray, second: np.ndarray, places: np.ndarray, real: np.ndarray, concepts: np.ndarray
) -> Obedience:
    """Of drawn pictures uint8 [P, H, W, C] for both prompts of each pair.

    places: `changed_places` of the real pictures, all of them usable. real: their `mean_change`. concepts: int64 [P],
    of either picture of each pair.
    """
    change = _changes(first, second).mean(3)
    there, elsewhere = _means(change, places), _means(change, ~places)
    other = places[exchange_concepts(concepts)]
    own = mean_change(first, second, places)
    terms = np.stack([(own * real).sum(1), (own * own).sum(1), (real * real).sum(1)], 1)
    return Obedience(
        mean(there, concepts),
        mean(elsewhere, concepts),
        ratio(there, elsewhere, concepts),
        ratio(_means(change, other), _means(change, ~other), concepts),
        jackknife(terms, concepts, lambda sums: sums[..., 0] / np.sqrt(sums[..., 1] * sums[..., 2])),
    )


def mean_change(first: np.ndarray, second: np.ndarray, places: np.ndarray) -> np.ndarray:
    """float64 [P, C]: by how much the second picture's channels are more than the first one's there, in the mean."""
    difference = second.astype(np.float64) - first
    return np.einsum("phwc,phw->pc", difference, places) / places.sum((1, 2))[:, None]


def _changes(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """int16 [P, H, W, C], levels of 0 … 255."""
    return np.abs(second.astype(np.int16) - first)


def _means(change: np.ndarray, places: np.ndarray) -> np.ndarray:
    """float64 [P]: the mean of [P, H, W] over the places of each pair."""
    return (change * places).sum((1, 2)) / places.sum((1, 2))
