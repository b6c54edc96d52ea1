"""Whether a picture finds its caption, and a caption its picture, among those of other concepts.

R-precision: Xu et al. 2018, "AttnGAN", section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attngan.metrics.estimate import Estimate, mean

_MISMATCHED = 99  # captions beside the true one, as in the paper


@dataclass(frozen=True)
class Retrieval:
    """Shares 0 … 1; None where there are fewer than two concepts."""

    r_precision: Estimate | None  #: pictures whose own caption scores best among 99 others
    recall_1: Estimate | None  #: captions whose own picture scores best among all
    recall_5: Estimate | None  #: is among the best five
    recall_10: Estimate | None  #: among the best ten


def retrieval(by_caption: np.ndarray, by_picture: np.ndarray, concepts: np.ndarray, captions: np.ndarray) -> Retrieval:
    """Of N pictures in the order of their captions, float [N, N] scores: [i, j] is of caption i and picture j.

    by_caption, by_picture: scores by the matcher that may judge caption i, and by the one that may judge picture j.
    concepts, captions: int64 [N]; pairs of one concept or of equal captions count as neither right nor wrong.
    The 99 other captions are drawn by chance, the same ones each time, each different from the others; all of them
    where there are fewer. Equal scores count as if chance decided, so that equal scores for all give chance itself.
    """
    other = _find_mismatches(concepts, captions)
    own = np.diag(by_caption)[:, None]
    better, equal = ((by_caption > own) & other).sum(1), ((by_caption == own) & other).sum(1)
    recalls = [mean(_chance_within(k, better, equal), concepts) for k in (1, 5, 10)]
    return Retrieval(mean(hits_among_99(by_picture, concepts, captions), concepts), *recalls)


def hits_among_99(by_picture: np.ndarray, concepts: np.ndarray, captions: np.ndarray) -> np.ndarray:
    """float64 [N], 0 … 1: of each picture whether its own caption scores best; arguments as `retrieval` takes them."""
    other, random, found = _find_mismatches(concepts, captions), np.random.default_rng(0), np.empty(len(concepts))
    for place, scores in enumerate(by_picture.T):
        chosen = scores[_choose_mismatches(other[place], captions, random)]
        found[place] = _chance_within(1, np.sum(chosen > scores[place]), np.sum(chosen == scores[place]))
    return found


def retrieval_by_chance(concepts: np.ndarray, captions: np.ndarray) -> Retrieval:
    """What chance alone gives."""
    same = np.zeros((len(concepts), len(concepts)))
    return retrieval(same, same, concepts, captions)


def exchange_concepts(concepts: np.ndarray, seed: int = 0) -> np.ndarray:
    """int64 [N]: for each place another one, of another concept unless half or more of them are of one."""
    random = np.random.default_rng(seed)
    _, numbers = np.unique(concepts, return_inverse=True)
    order = np.argsort(random.permutation(len(concepts))[numbers], kind="stable")
    places = np.empty(len(order), np.int64)
    places[order] = np.roll(order, len(order) // 2)
    return places


def _find_mismatches(concepts: np.ndarray, captions: np.ndarray) -> np.ndarray:
    """bool [N, N]: captions and pictures that do not belong together."""
    return (concepts[:, None] != concepts) & (captions[:, None] != captions)


def _chance_within(k: int, better: np.ndarray, equal: np.ndarray) -> np.ndarray:
    """The chance to be among the first k, behind `better` others and at a random place among `equal` ones."""
    return np.clip((k - better) / (1.0 + equal), 0.0, 1.0)


def _choose_mismatches(other: np.ndarray, captions: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Up to 99 of the places in `other`, no two with equal captions."""
    places = random.permutation(np.flatnonzero(other))
    _, first = np.unique(captions[places], return_index=True)
    return places[np.sort(first)[:_MISMATCHED]]
