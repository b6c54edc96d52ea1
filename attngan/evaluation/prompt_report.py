"""What `attngan evaluate` tells of a generator that draws from words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from attngan.evaluation.judges import WHY_ALONE
from attngan.evaluation.table import Report, Row, number, percent, table_lines
from attngan.evaluation.variety import Variety
from attngan.features.extractor import Extractor
from attngan.metrics.estimate import Estimate
from attngan.metrics.obedience import Obedience

REAL, CHANCE = "real pictures", "chance"  # columns beside those of generators

_TITLE, _WIDE, _NARROW, _GAP = 40, 18, 14, 2  # characters; the second table is 124 wide

_SHARES = {
    "r_precision": "R-precision, 1 caption in 100", "recall_1": "picture first for its caption",
    "recall_5": "among the first 5", "recall_10": "among the first 10", "shuffled": "R-precision, captions shuffled",
    "nearer": "nearer to training than the real one",
}  # fmt: skip
_VARIETY = {
    "of_tag": ("distance of pictures of one tag", 2), "ratio": ("over that of real pictures", 3),
    "of_caption": ("distance of those of one caption", 2),
}  # fmt: skip


@dataclass(frozen=True)
class Scores:
    """Of pictures drawn for prompts, or of the real pictures under these captions; None where there is no figure."""

    #: against the real pictures of the prompts; of real pictures: against those of other prompts
    kid: Estimate | None = None
    r_precision: Estimate | None = None  #: see attngan.metrics.retrieval
    recall_1: Estimate | None = None
    recall_5: Estimate | None = None
    recall_10: Estimate | None = None
    shuffled: Estimate | None = None  #: R-precision of the same pictures under captions of other concepts
    unknown: int = 0  #: prompts with words that the generator doesn't know
    open_nsfw_kid: Estimate | None = None  #: KID in Open NSFW's features
    #: share of them that are nearer to a training picture than the real one is, which itself doesn't count
    nearer: Estimate | None = None


@dataclass(frozen=True)
class PromptReport(Report):
    """Figures of one generator or of two side by side, with real pictures and chance beside them."""

    #: by prompts (held-out; of these compositions and new words; seen), by column: generator, REAL or CHANCE
    scores: dict[str, dict[str, Scores]]
    obedience: dict[str, dict[str, dict[str, Obedience]]]  #: by prompts, by the kind of word changed, by column
    prompts: dict[str, int]  #: how many of each kind
    concepts: dict[str, int]  #: how many these show
    judges: tuple[Extractor, ...]  #: figures in other features can't be compared; the last one is the matchers' eye
    variety: dict[str, Variety]  #: by column: generator or REAL; in features of the last judge

    def as_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON; of the judges their names, as `features`."""
        figures = asdict(replace(self, judges=()))
        del figures["judges"]
        return figures | {"features": "; ".join(judge.name for judge in self.judges)}

    def lines(self) -> list[str]:
        return [
            *(line for prompts in self.scores for line in self._scores(prompts)),
            *(line for prompts in self.obedience for line in self._obedience(prompts)),
            *self._variety(),
            *(note for note, applies in self._notes().items() if applies),
            f"± is one standard error, by concepts but for KID{' and variety' if self.variety else ''}. Features: "
            f"{'; '.join(judge.name for judge in self.judges)}; matchers and distances: on {self.judges[-1].title}; "
            "not comparable with figures in others",
        ]

    def _notes(self) -> dict[str, Any]:
        """How to read the tables, and what is true where a note is needed."""
        return {
            "compositions: held-out prompts of which training read every word elsewhere; new words: the other ones.": (
                {"compositions", "new words"} & self.scores.keys()
            ),
            "given: it is not known which of these concepts training showed": "given" in self.scores,
            "KID: lower is better. The others: higher is better; R-precision counts from that of shuffled captions "
            "on.": True,
            "Nearer to training: well above 50 % on held-out prompts are copies; well below, pictures unlike real "
            "ones.": any(scores.nearer for columns in self.scores.values() for scores in columns.values()),
            "Variety: 1 over that of real pictures is as varied as they are; flaws count as variety.": self.variety,
            "Changes are in levels of 255, where the real pictures of both prompts differ, and elsewhere; same "
            "seed.": True,
            WHY_ALONE: self.judges[0].key,
        }

    def _scores(self, prompts: str) -> list[str]:
        title = f"{prompts}: {self.prompts[prompts]:,} prompts, {self.concepts[prompts]:,} concepts"
        columns = self.scores[prompts]
        rows: list[Row] = []
        for judge in self.judges:
            name = f"KID, {judge.title}" if len(self.judges) > 1 else "KID"
            kids = [getattr(scores, f"{judge.key}kid") for scores in columns.values()]
            rows.append((f"  {name}", [number(one, 4) for one in kids]))
        for field, name in _SHARES.items():
            if any(getattr(scores, field) for scores in columns.values()):
                rows.append((f"  {name}", [percent(getattr(scores, field)) for scores in columns.values()]))
        if any(scores.unknown for scores in columns.values()):
            rows.append(("  prompts with unknown words", [str(each.unknown or "-") for each in columns.values()]))
        return table_lines(title, columns, rows, (_TITLE, _WIDE), _GAP)

    def _variety(self) -> list[str]:
        rows = [
            (f"  {name}", [number(getattr(found, field), digits) for found in self.variety.values()])
            for field, (name, digits) in _VARIETY.items()
        ]
        return table_lines("variety", self.variety, rows, (_TITLE, _WIDE), _GAP) if self.variety else []

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
