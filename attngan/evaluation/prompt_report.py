"""What `attngan evaluate` tells of a generator that draws from words."""

from __future__ import annotations

from dataclasses import dataclass

from attngan.evaluation.table import Report, Row, number, percent, table_lines
from attngan.metrics.estimate import Estimate
from attngan.metrics.obedience import Obedience

REAL, CHANCE = "real pictures", "chance"  # columns beside those of generators

_TITLE, _WIDE, _NARROW, _GAP = 38, 18, 14, 2  # characters; the second table is 122 wide

_RETRIEVAL = {
    "r_precision": "R-precision, 1 caption in 100", "recall_1": "picture first for its caption",
    "recall_5": "among the first 5", "recall_10": "among the first 10", "shuffled": "R-precision, captions shuffled",
}  # fmt: skip


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
class PromptReport(Report):
    """Figures of one generator or of two side by side, with real pictures and chance beside them."""

    scores: dict[str, dict[str, Scores]]  #: by prompts (held-out, seen), by column: generator, REAL or CHANCE
    obedience: dict[str, dict[str, dict[str, Obedience]]]  #: by prompts, by the kind of word changed, by column
    prompts: dict[str, int]  #: how many of each kind
    concepts: dict[str, int]  #: how many these show
    features: str  #: figures in other features can't be compared

    def lines(self) -> list[str]:
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
        title = f"{prompts}: {self.prompts[prompts]:,} prompts, {self.concepts[prompts]:,} concepts"
        columns = self.scores[prompts]
        rows: list[Row] = [("  KID", [number(scores.kid, 4) for scores in columns.values()])]
        for field, name in _RETRIEVAL.items():
            rows.append((f"  {name}", [percent(getattr(scores, field)) for scores in columns.values()]))
        if any(scores.unknown for scores in columns.values()):
            rows.append(("  prompts with unknown words", [str(each.unknown or "-") for each in columns.values()]))
        return table_lines(title, columns, rows, (_TITLE, _WIDE), _GAP)

    def _obedience(self, prompts: str) -> list[str]:
        heads = ("pairs", "there", "elsewhere", "ratio", "by chance", "agreement")
        rows = [
            (f"  {group}: {column}"[: _TITLE - _GAP], _obedience_cells(found))
            for group, columns in self.obedience[prompts].items()
            for column, found in columns.items()
        ]
        return table_lines(f"{prompts}, one word changed: change", heads, rows, (_TITLE, _NARROW), _GAP)


def _obedience_cells(found: Obedience) -> list[str]:
    return [
        f"{found.there.n:,}" if found.there else "-",
        *(number(figure, 1) for figure in (found.there, found.elsewhere)),
        *(number(figure, 2) for figure in (found.ratio, found.ratio_by_chance, found.agreement)),
    ]
