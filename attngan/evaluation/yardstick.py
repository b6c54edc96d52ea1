"""Real sentences as what others are measured by, generated and real ones alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from attngan.data import TextDataset
from attngan.evaluation.sentence_report import Scores
from attngan.features.minilm import embeddings
from attngan.metrics.bleu import ORDERS, References
from attngan.metrics.diversity import distinct, find_memorised, join_words
from attngan.metrics.estimate import Estimate, mean
from attngan.metrics.fid import fid
from attngan.metrics.keyword_coverage import coverage
from attngan.metrics.sentence_distance import kernel_distance


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What sentences are compared with; make one with `Yardstick.of`."""

    references: References  #: for BLEU
    features: np.ndarray  #: float32 [M, 384], embeddings of as many real sentences as are measured
    training: frozenset[str] | None  #: sentences of the training text; None if it isn't there

    @classmethod
    def of(cls, references: TextDataset, samples: int, training: TextDataset | None) -> Self:
        """Real sentences in an order of chance: all of them for BLEU, the first `samples` for distances.

        Raises AttnGANError if a package is missing that embeddings need.
        """
        seen = None if training is None else join_words(training.words)
        return cls(References(references.words), embeddings(references.sentences[:samples]), seen)

    def measure(self, text: TextDataset, keywords: Sequence[Sequence[str]] | None = None) -> Scores:
        """Every figure of generated sentences, or of real ones in their place, but for the likelihood.

        text: 4 sentences or more; as many as there are features. keywords: what each was asked for, in lower case.
        """
        features = embeddings(text.sentences)
        seen = self.training
        return Scores(
            bleu=_by_order(self.references.bleu(text.words)),
            self_bleu=_by_order(References(text.words).self_bleu()),
            distinct=distinct(text.words),
            length=mean(np.array([len(words) for words in text.words])),
            memorised=None if seen is None else mean(find_memorised(text.words, seen)),
            kernel=kernel_distance(self.features, features),
            frechet=fid(self.features, features),
            coverage=None if keywords is None else coverage(text.words, keywords),
        )


def _by_order(values: np.ndarray) -> dict[int, Estimate | None]:
    return {order: mean(column) for order, column in zip(ORDERS, values.T, strict=True)}
