"""Whether sentences hold the key words they were asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attngan.metrics.bleu import Words
from attngan.metrics.estimate import Estimate, mean


@dataclass(frozen=True)
class Coverage:
    """Shares 0 … 1; None where fewer than two sentences were asked for key words."""

    words: Estimate | None  #: key words that stand in the sentence they were asked of, as they were asked
    sentences: Estimate | None  #: sentences that hold all of theirs
    words_by_chance: Estimate | None  #: the same of other sentences' key words: the mean over all the other sentences
    sentences_by_chance: Estimate | None


def coverage(sentences: Sequence[Words], keywords: Sequence[Words]) -> Coverage:
    """Of N sentences, each as its words, and the different key words each was asked for, all in lower case.

    Sentences that were asked for none count only as other ones. Errors count sentences, not words.
    """
    holding: defaultdict[str, set[int]] = defaultdict(set)
    for place, words in enumerate(sentences):
        for word in words:
            holding[word].add(place)
    asked = [(place, [holding[word] for word in words]) for place, words in enumerate(keywords) if words]
    one = [(place, places) for place, each in asked for places in each]
    every = [(place, set.intersection(*each)) for place, each in asked]
    (own, chance), (own_every, chance_every) = (_figures(held, len(sentences)) for held in (one, every))
    return Coverage(own, own_every, chance, chance_every)


def _figures(held: list[tuple[int, set[int]]], count: int) -> tuple[Estimate | None, Estimate | None]:
    """Of (sentence that was asked, those of all `count` that hold it): shares held by that one, and by the others."""
    groups = np.array([place for place, _ in held], np.int64)
    own = np.array([place in places for place, places in held], np.float64)
    others = np.array([len(places) for _, places in held]) - own
    return mean(own, groups), mean(others / max(count - 1, 1), groups)
