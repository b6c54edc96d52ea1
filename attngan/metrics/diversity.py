"""How much generated sentences repeat one another, and the sentences of the training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from attngan.metrics.bleu import Words

DISTINCT = (1, 2, 3)  #: words of the n-grams that are counted


def distinct(sentences: Sequence[Words]) -> dict[int, float | None]:
    """By n: different n-grams of all sentences / all their n-grams, 0 … 1; None where they have none.

    Li et al. 2016, "A Diversity-Promoting Objective Function for Neural Conversation Models", who divide by the number
    of words. It falls as sentences are added: comparable at equal numbers of them only.
    """
    found: dict[int, float | None] = {}
    for n in DISTINCT:
        grams = [tuple(words[start : start + n]) for words in sentences for start in range(len(words) - n + 1)]
        found[n] = len(set(grams)) / len(grams) if grams else None
    return found


def join_words(sentences: Iterable[Words]) -> frozenset[str]:
    """Sentences as `find_memorised` looks them up."""
    return frozenset(map(" ".join, sentences))


def find_memorised(sentences: Sequence[Words], training: frozenset[str]) -> np.ndarray:
    """bool [N]: which sentences are, word for word, in the training text, as `join_words` gives it."""
    return np.array([" ".join(words) in training for words in sentences], bool)
