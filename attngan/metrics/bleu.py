"""BLEU (Papineni et al. 2002) of generated sentences and Self-BLEU (Zhu et al. 2018, "Texygen"), computed by nltk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np

from attngan.errors import AttnGANError

ORDERS = (2, 3, 4, 5)  #: BLEU-n: n-grams of 1 … n words, all of one weight

Words = Sequence[str]
_Gram = tuple[str, ...]


class References:
    """Sentences, each as its words, that others are compared with.

    Of each n-gram BLEU needs a reference that holds it most often, and for the brevity penalty one whose length is
    closest. nltk is handed these few in place of thousands, which changes no figure. Two of each are known, so that
    one sentence can be left out. 10,000 captions of ten words take 0.9 s and 70 MB.
    """

    def __init__(self, sentences: Sequence[Words]) -> None:
        self.sentences = [tuple(words) for words in sentences]
        self._holders: dict[_Gram, list[tuple[int, int]]] = {}  # n-gram → two of (how often, -place), most often first
        self._lengths: dict[int, list[int]] = {}  # number of words → two places
        for place, words in enumerate(self.sentences):
            places = self._lengths.setdefault(len(words), [])
            if len(places) < 2:
                places.append(place)
            for gram, count in Counter(_grams(words)).items():
                held = self._holders.setdefault(gram, [])
                held.append((count, -place))
                held.sort(reverse=True)
                del held[2:]

    def bleu(self, sentences: Sequence[Words]) -> np.ndarray:
        """float64 [N, 4]: of each sentence BLEU-2 … 5 against all references, 0 … 1.

        nltk's sentence_bleu with SmoothingFunction().method1, as papers on text GANs have it: an n-gram precision of 0
        counts as 0.1 / its denominator. Raises AttnGANError if nltk is missing, ValueError without references.
        """
        return _stack([_bleu(self._choose(words), words) for words in sentences])

    def self_bleu(self) -> np.ndarray:
        """float64 [N, 4]: of each of the references the same against all the others; ValueError if there is but one."""
        return _stack([_bleu(self._choose(words, place), words) for place, words in enumerate(self.sentences)])

    def _choose(self, words: Words, without: int = -1) -> list[Words]:
        """The references, but for the one at `without`, that decide the BLEU of a sentence."""
        lengths = {length: place for length, places in self._lengths.items() for place in places if place != without}
        if not lengths:
            raise ValueError(f"{len(self.sentences)} references: none to compare with")
        # Of two lengths that are equally close nltk takes the shorter one.
        chosen = {lengths[min(lengths, key=lambda length: (abs(length - len(words)), length))]}
        for gram in _grams(words):
            held = [(count, -place) for count, place in self._holders.get(gram, ()) if -place != without]
            if held and not chosen & {place for count, place in held if count == held[0][0]}:
                chosen.add(held[0][1])
        return [self.sentences[place] for place in chosen]


def _grams(words: Words) -> Iterator[_Gram]:
    """The longest first: a reference that holds those often serves for the shorter ones too."""
    for length in range(max(ORDERS), 0, -1):
        for start in range(len(words) - length + 1):
            yield tuple(words[start : start + length])


def _stack(rows: list[list[float]]) -> np.ndarray:
    return np.array(rows, np.float64).reshape(-1, len(ORDERS))


def _bleu(references: list[Words], words: Words) -> list[float]:
    found: list[float] = nltk_bleu()(references, words)
    return found


@cache
def nltk_bleu() -> Callable[[list[Words], Words], list[float]]:
    """(references, sentence) → BLEU-2 … 5; AttnGANError if nltk is not installed. Importing it takes a second."""
    try:
        from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
    except ImportError:
        raise AttnGANError(
            "nltk", "not installed, and BLEU is computed by it", 'pip install "attngan[metrics]"'
        ) from None
    weights = [(1 / order,) * order for order in ORDERS]
    smoothing = SmoothingFunction().method1
    return lambda references, words: sentence_bleu(references, words, weights, smoothing)
