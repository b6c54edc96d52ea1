"""What `attngan evaluate` tells of a generator that draws without words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from attngan.evaluation.judges import WHY_ALONE
from attngan.evaluation.memorisation import Memorisation
from attngan.evaluation.table import Report, number, percent, table_lines
from attngan.features.extractor import Extractor
from attngan.metrics.estimate import Estimate
from attngan.metrics.fid import fid
from attngan.metrics.kid import kid
from attngan.metrics.precision_recall import density_and_coverage, precision_and_recall

_TITLE, _GENERATED, _REAL = 18, 19, 19  # characters

_ROWS = (
    ("KID", "kid", 4), ("FID", "fid", 2), ("precision (k = 3)", "precision", 3), ("recall (k = 3)", "recall", 3),
    ("density (k = 5)", "density", 3), ("coverage (k = 5)", "coverage", 3),
)  # fmt: skip


@dataclass(frozen=True)
class Figures:
    """How far pictures are from real ones."""

    kid: Estimate  #: 0 but for chance at best
    fid: float  #: depends on the number of pictures: comparable at equal numbers only
    precision: float  #: share of the pictures that lie among real ones, k = 3
    recall: float  #: share of real pictures that lie among the others, k = 3
    density: float  #: how densely real pictures surround the others, k = 5; 1 at best, or more
    coverage: float  #: share of real pictures with one of the others near them, k = 5

    @classmethod
    def of(cls, real: np.ndarray, other: np.ndarray) -> Figures:
        """Of features [N, d] against real ones [N, d]."""
        distance = Estimate(*kid(real, other), len(other))
        return cls(distance, fid(real, other), *precision_and_recall(real, other), *density_and_coverage(real, other))

    def as_dict(self, prefix: str) -> dict[str, float]:
        """By name, KID's error as `kid_error`."""
        figures = {"kid": self.kid.value, "kid_error": self.kid.error}
        figures |= {name: value for name, value in asdict(self).items() if name != "kid"}
        return {prefix + name: value for name, value in figures.items()}


@dataclass(frozen=True)
class Judgement:
    """Figures in the features of one extractor; those in another's can't be compared with them."""

    judge: Extractor
    generated: Figures  #: of generated pictures against real ones
    real: Figures  #: of real pictures against other real ones

    def as_dict(self) -> dict[str, Any]:
        """The figures, those of real pictures as `real_…`, and the extractor's name; all begin with its key."""
        figures: dict[str, Any] = self.generated.as_dict("") | self.real.as_dict("real_")
        return {self.judge.key + name: value for name, value in (figures | {"features": self.judge.name}).items()}


@dataclass(frozen=True)
class ImageReport(Report):
    """Generated and real pictures of one distribution differ in no figure but by chance."""

    judgements: tuple[Judgement, ...]
    samples: int  #: pictures on each side of each comparison
    copies: Memorisation | None = None  #: of a run that held some of these pictures out

    def as_dict(self) -> dict[str, Any]:
        """Of all judgements, ready for JSON; as `memorisation`, where that was measured, its figures."""
        figures = {name: value for one in self.judgements for name, value in one.as_dict().items()}
        copies = {"memorisation": self.copies.as_dict()} if self.copies else {}
        return figures | {"samples": self.samples} | copies

    def lines(self) -> list[str]:
        judges = [one.judge for one in self.judgements]
        pairs = [figures for one in self.judgements for figures in (one.generated, one.real)]
        rows = [(title, [number(getattr(figures, name), digits) for figures in pairs]) for title, name, digits in _ROWS]
        return [
            *table_lines("", [judge.title for judge in judges], [], (_TITLE, _GENERATED + _REAL)),
            *table_lines("", ["generated", "real against real"] * len(judges), rows, (_TITLE, _GENERATED, _REAL)),
            "KID, FID: lower is better; the others: higher is better. Real against real is what chance alone gives.",
            *([WHY_ALONE] if judges[0].key else []),
            *self._describe_copies(),
            f"{self.samples:,} pictures on each side, features: {'; '.join(judge.name for judge in judges)}. "
            "Not comparable with figures at another number or in other features, Inception's among them",
        ]

    def _describe_copies(self) -> list[str]:
        if self.copies is None:
            return []
        share = self.copies.by_features.closer_than_median
        return [
            f"Nearer to a training picture than the median held-out one is: {percent(share)} of {share.n:,}; "
            f"{100 * share.without_copies:.0f} % without copies (features: {self.copies.features.partition(' (')[0]})"
        ]
