"""What `attngan evaluate` prints of a generator that draws from words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from attngan.metrics.estimate import Estimate
from attngan.metrics.obedience import Obedience

_NARROW = 14  # columns of the second table; it is 122 characters wide

REAL, CHANCE = "real pictures", "chance"  # columns beside those of generators


@dataclass(frozen=True)
class Scores:
    """Of pictures drawn for prompts, or of the real pictures under these captions; None where there is no figure."""

    kid: Estimate | None  #: against the real pictures of the prompts; of real pictures: against those of other prompts
    r_precision: Estimate | None  #: see attngan.metrics.retrieval
    recall_1: Estimate | None
    recall_5: Estimate | None
    recall_10: Estimate | None
    shuffled: Estimate | None  #: R-precision of the same pictures under captions of other concepts
    unknown: int = 0  #: prompts with words that the generator doesn't know


@dataclass(frozen=True)
class TextReport:
    """Figures of one generator or of two side by side, with real pictures and chance beside them."""

    scores: dict[str, dict[str, Scores]]  #: by prompts (held-out, seen), by column: generator, REAL or CHANCE
    obedience: dict[str, dict[str, dict[str, Obedience]]]  #: by prompts, by the kind of word changed, by column
    prompts: dict[str, int]  #: how many of each kind
    concepts: dict[str, int]  #: how many these show
    features: str  #: figures in other features can't be compared

    def as_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON; a figure is {value, error, n}, or null."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Tables for the console."""
        return [
            *(line for prompts in self.scores for line in self._scores(prompts)),
            *(line for prompts in self.obedience for line in self._obedience(prompts)),
            *(["given: it is not known which of these concepts training showed"] if "given" in self.scores else []),
            "KID: lower is better. The others: higher is better; R-precision counts from that of shuffled captions on.",
            "Changes are in levels of 255, where the real pictures of both prompts differ, and elsewhere; same seed.",
            f"± is one standard error, by concepts but for KID. Features, and matchers on them: {self.features}; "
            "not comparable with figures in others",
        ]

    def _scores(self, prompts: str) -> list[str]:
        columns = self.scores[prompts]
        lines = [
            _row(f"{prompts}: {self.prompts[prompts]:,} prompts, {self.concepts[prompts]:,} concepts", columns),
            _row("  KID", (_number(scores.kid, 4) for scores in columns.values())),
        ]
        for name, field in (
            ("  R-precision, 1 caption in 100", "r_precision"),
            ("  picture first for its caption", "recall_1"),
            ("  among the first 5", "recall_5"),
            ("  among the first 10", "recall_10"),
            ("  R-precision, captions shuffled", "shuffled"),
        ):
            lines.append(_row(name, (_share(getattr(scores, field)) for scores in columns.values())))
        if any(scores.unknown for scores in columns.values()):
            lines.append(_row("  prompts with unknown words", (str(s.unknown or "-") for s in columns.values())))
        return lines

    def _obedience(self, prompts: str) -> list[str]:
        heads = ("pairs", "there", "elsewhere", "ratio", "by chance", "agreement")
        lines = [_row(f"{prompts}, one word changed: change", heads, _NARROW)]
        for group, columns in self.obedience[prompts].items():
            for column, found in columns.items():
                cells = [
                    f"{found.there.n:,}" if found.there else "-",
                    *(_number(figure, 1) for figure in (found.there, found.elsewhere)),
                    *(_number(figure, 2) for figure in (found.ratio, found.ratio_by_chance, found.agreement)),
                ]
                lines.append(_row(f"  {group}: {column}"[:36], cells, _NARROW))
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines())


def _row(title: str, cells: Iterable[str], width: int = 18) -> str:
    return f"{title:38}" + "".join(f"{cell[2 - width :]:>{width}}" for cell in cells)


def _number(figure: Estimate | None, digits: int) -> str:
    return f"{figure.value:.{digits}f} ± {figure.error:.{digits}f}" if figure else "-"


def _share(figure: Estimate | None) -> str:
    return f"{100 * figure.value:.1f} % ± {100 * figure.error:.1f} %" if figure else "-"
