"""Real sentences as what others are measured by, generated and real ones alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from attngan.data.text_file import TextDataset
from attngan.errors import AttnGANError
from attngan.evaluation.sentences_table import Scores
from attngan.features.minilm import embeddings
from attngan.metrics.bleu import ORDERS, References
from attngan.metrics.diversity import distinct, known, memorised
from attngan.metrics.estimate import Estimate, mean
from attngan.metrics.keyword_coverage import coverage
from attngan.metrics.kid import FEWEST
from attngan.metrics.sentence_distance import frechet_distance, kernel_distance

Split = Callable[[str], list[str]]  #: sentence → its words and marks in lower case


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What sentences are compared with; make one with `Yardstick.of`."""

    split: Split
    references: References  #: for BLEU
    features: np.ndarray  #: float32 [M, 384], embeddings of as many real sentences as are measured
    training: frozenset[str] | None  #: sentences of the training text; None if it isn't there

    @classmethod
    def of(cls, split: Split, references: Sequence[str], samples: int, training: Sequence[str] | None) -> Yardstick:
        """Real sentences in an order of chance: all of them for BLEU, the first `samples` for distances.

        Raises AttnGANError if a package is missing that embeddings need.
        """
        words = References([split(sentence) for sentence in references])
        seen = None if training is None else known(split(sentence) for sentence in training)
        return cls(split, words, embeddings(references[:samples]), seen)


def halves(test: TextDataset, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of `samples` test sentences that stand beside generated ones, and of those both are measured by.

    The same arguments give the same places, in an order of chance.
    Raises AttnGANError if there are fewer than 2 × samples sentences, or if samples are too few.
    """
    if samples < FEWEST:
        raise AttnGANError(f"--samples {samples}", "too few for an error bar", f"use {FEWEST} or more, 1000 by habit")
    if len(test) < 2 * samples:
        enough = f"use --samples {len(test) // 2}, or" if len(test) >= 2 * FEWEST else "use"
        raise AttnGANError(
            "--data",
            f"{len(test):,} test sentences; real against real with --samples {samples} needs {2 * samples:,}",
            f"{enough} more sentences",
        )
    order = np.random.default_rng(0).permutation(len(test))
    return order[:samples], order[samples:]


def measure(sentences: Sequence[str], yardstick: Yardstick, keywords: Sequence[Sequence[str]] | None = None) -> Scores:
    """Every figure of generated sentences, or of real ones in their place, but for the likelihood.

    sentences: 4 or more; as many as `yardstick` has features of. keywords: what each was asked for, in lower case.
    """
    words = [yardstick.split(sentence) for sentence in sentences]
    features = embeddings(sentences)
    seen = yardstick.training
    return Scores(
        bleu=_by_order(yardstick.references.bleu(words)),
        self_bleu=_by_order(References(words).self_bleu()),
        distinct=distinct(words),
        length=_mean(np.array([len(each) for each in words])),
        memorised=None if seen is None else _mean(memorised(words, seen)),
        kernel=kernel_distance(yardstick.features, features),
        frechet=frechet_distance(yardstick.features, features),
        coverage=None if keywords is None else coverage(words, keywords),
    )


def _by_order(values: np.ndarray) -> dict[int, Estimate]:
    return {order: _mean(column) for order, column in zip(ORDERS, values.T, strict=True)}


def _mean(values: np.ndarray) -> Estimate:
    found = mean(values, np.arange(len(values)))
    assert found is not None  # of two values or more there is one
    return found
