"""What `attngan evaluate` tells of a generator that writes sentences."""

from __future__ import annotations

from dataclasses import dataclass

from attngan.evaluation.table import Report, Row, number, percent, table_lines
from attngan.features.minilm import NAME
from attngan.metrics.estimate import Estimate
from attngan.metrics.keyword_coverage import Coverage

REAL, TRAINING = "real sentences", "training text"  #: columns beside those of generators

_COVERAGE = {
    "words": "key words in their sentence", "sentences": "sentences with all of theirs",
    "words_by_chance": "key words of other sentences", "sentences_by_chance": "sentences with all of another's",
}  # fmt: skip


@dataclass(frozen=True)
class Scores:
    """Of generated sentences, or of real ones in their place; None where there is no figure."""

    bleu: dict[int, Estimate | None]  #: by n, BLEU-n against real sentences; higher: its phrases are real ones
    self_bleu: dict[int, Estimate | None]  #: by n, each sentence against the others; lower: more diverse
    distinct: dict[int, float | None]  #: by n, different n-grams / n-grams; higher: more diverse
    length: Estimate | None  #: words and marks of punctuation; as long as real ones at best
    memorised: Estimate | None  #: share of sentences that stand word for word in the training text
    kernel: Estimate  #: squared kernel distance of embeddings from real ones; 0 but for chance at best
    frechet: float  #: Fréchet distance of embeddings from real ones; lower is better
    coverage: Coverage | None = None  #: of the key words, where there are any
    nll: float | None = None  #: −log p of the test sentences in nats per token, their ends among the tokens


@dataclass(frozen=True)
class SentenceReport(Report):
    """Figures of one generator or of several side by side, with real sentences beside them."""

    scores: dict[str, dict[str, Scores]]  #: by FREE and ASKED, by column: generator, REAL or TRAINING
    samples: int  #: sentences of each column, and real ones for distances
    references: int  #: real sentences for BLEU
    temperature: float
    features: str = NAME  #: distances in other features can't be compared

    def lines(self) -> list[str]:
        return [
            *(line for kind, columns in self.scores.items() for line in self._table(kind, columns)),
            "BLEU, distinct, key words: higher is better. Self-BLEU, distances, −log p: lower is better.",
            "One good sentence again and again has a high BLEU: read it with Self-BLEU, and beside real sentences.",
            f"Temperature {self.temperature:g}. BLEU: against {self.references:,} test sentences; distances: from "
            f"{self.samples:,} of them,",
            f"features: {self.features}. ± is one standard error. Not comparable with figures at other",
            "numbers of sentences, in other features, or of text split otherwise into words.",
        ]

    def _table(self, kind: str, columns: dict[str, Scores]) -> list[str]:
        rows = [(f"  {name}", cells) for name, cells in _rows(list(columns.values())) if set(cells) != {"-"}]
        return table_lines(f"{kind}: {self.samples:,} sentences", columns, rows, (38, 16))


def _rows(scores: list[Scores]) -> list[Row]:
    first = scores[0]
    return [
        *((f"BLEU-{n}", [number(one.bleu[n], 3) for one in scores]) for n in first.bleu),
        *((f"Self-BLEU-{n}", [number(one.self_bleu[n], 3) for one in scores]) for n in first.self_bleu),
        *((f"distinct-{n}", [number(one.distinct[n], 3) for one in scores]) for n in first.distinct),
        ("words and marks", [number(one.length, 1) for one in scores]),
        ("word for word in the training text", [percent(one.memorised, " ± ") for one in scores]),
        ("kernel distance", [number(one.kernel, 4) for one in scores]),
        ("Fréchet distance", [number(one.frechet, 4) for one in scores]),
        ("−log p of test sentences, per token", [number(one.nll, 3) for one in scores]),
        *(
            (name, [percent(getattr(one.coverage, field, None), " ± ") for one in scores])
            for field, name in _COVERAGE.items()
        ),
    ]
