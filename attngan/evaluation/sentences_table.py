"""What `attngan evaluate` prints of a generator that writes sentences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from attngan.features.minilm import NAME
from attngan.metrics.estimate import Estimate
from attngan.metrics.keyword_coverage import Coverage

REAL, TRAINING = "real sentences", "training text"  #: columns beside those of generators


@dataclass(frozen=True)
class Scores:
    """Of generated sentences, or of real ones in their place; None where there is no figure."""

    bleu: dict[int, Estimate]  #: by n, BLEU-n against real sentences; higher: its phrases are real ones
    self_bleu: dict[int, Estimate]  #: by n, each sentence against the others; lower: more diverse
    distinct: dict[int, float | None]  #: by n, different n-grams / n-grams; higher: more diverse
    length: Estimate  #: words and marks of punctuation; as long as real ones at best
    memorised: Estimate | None  #: share of sentences that stand word for word in the training text
    kernel: Estimate  #: squared kernel distance of embeddings from real ones; 0 but for chance at best
    frechet: float  #: Fréchet distance of embeddings from real ones; lower is better
    coverage: Coverage | None = None  #: of the key words, where there are any
    nll: float | None = None  #: −log p of the test sentences in nats per token, their ends among the tokens


@dataclass(frozen=True)
class SentenceReport:
    """Figures of one generator or of several side by side, with real sentences beside them."""

    scores: dict[str, dict[str, Scores]]  #: by FREE and ASKED, by column: generator, REAL or TRAINING
    samples: int  #: sentences of each column, and real ones for distances
    references: int  #: real sentences for BLEU
    temperature: float
    features: str = NAME  #: distances in other features can't be compared

    def as_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON; a figure is {value, error, n}, or null."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Tables for the console."""
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
        scores = list(columns.values())
        first = scores[0]
        rows = [
            *((f"BLEU-{n}", [_number(one.bleu[n], 3) for one in scores]) for n in first.bleu),
            *((f"Self-BLEU-{n}", [_number(one.self_bleu[n], 3) for one in scores]) for n in first.self_bleu),
            *((f"distinct-{n}", [_plain(one.distinct[n], 3) for one in scores]) for n in first.distinct),
            ("words and marks", [_number(one.length, 1) for one in scores]),
            ("word for word in the training text", [_share(one.memorised) for one in scores]),
            ("kernel distance", [_number(one.kernel, 4) for one in scores]),
            ("Fréchet distance", [_plain(one.frechet, 4) for one in scores]),
            ("−log p of test sentences, per token", [_plain(one.nll, 3) for one in scores]),
            *_coverage([one.coverage for one in scores]),
        ]
        return [
            _row(f"{kind}: {self.samples:,} sentences", columns),
            *(_row(f"  {name}", cells) for name, cells in rows if any(cell != "-" for cell in cells)),
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def _coverage(columns: list[Coverage | None]) -> list[tuple[str, list[str]]]:
    names = {
        "key words in their sentence": "words",
        "sentences with all of theirs": "sentences",
        "key words of other sentences": "words_by_chance",
        "sentences with all of another's": "sentences_by_chance",
    }
    return [(name, [_share(getattr(one, field, None)) for one in columns]) for name, field in names.items()]


def _row(title: str, cells: Iterable[str]) -> str:
    return f"{title:38}" + "".join(f"{cell[-15:]:>16}" for cell in cells)


def _plain(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _number(figure: Estimate | None, digits: int) -> str:
    return f"{figure.value:.{digits}f} ± {figure.error:.{digits}f}" if figure else "-"


def _share(figure: Estimate | None) -> str:
    return f"{100 * figure.value:.1f} ± {100 * figure.error:.1f} %" if figure else "-"
