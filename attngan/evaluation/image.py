"""Generated pictures against real ones, and real against other real ones beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from attngan.data import ImageDataset
from attngan.errors import AttnGANError
from attngan.evaluation.halves import draw_halves
from attngan.evaluation.table import Report, number, table_lines
from attngan.features.cache import real_features
from attngan.features.efficientnet import NAME
from attngan.features.extractor import EFFICIENTNET, Extractor
from attngan.generators.image import LoadedImageGenerator
from attngan.metrics.estimate import Estimate
from attngan.metrics.fid import fid, fid_metric
from attngan.metrics.kid import FEWEST_FOR_KID, kid
from attngan.metrics.precision_recall import density_and_coverage, precision_and_recall

_SAMPLES = 2000

#: (seeds int64 [B], conditions with a row a seed or None) → uint8 [B, H, W, C], RGBA premultiplied as a dataset has it
Draw = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


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
class ImageReport(Report):
    """Generated and real pictures of one distribution differ in no figure but by chance."""

    generated: Figures  #: of generated pictures against real ones
    real: Figures  #: of real pictures against other real ones
    samples: int  #: pictures on each side of each comparison
    features: str = NAME  #: figures in other features can't be compared

    def as_dict(self) -> dict[str, Any]:
        """The figures, ready for JSON; those of real pictures begin with `real_`."""
        about = {"samples": self.samples, "features": self.features}
        return self.generated.as_dict("") | self.real.as_dict("real_") | about

    def lines(self) -> list[str]:
        names = [("KID", "kid", 4), ("FID", "fid", 2)]
        for name, k in (("precision", 3), ("recall", 3), ("density", 5), ("coverage", 5)):
            names.append((f"{name} (k = {k})", name, 3))
        rows = [
            (title, [number(getattr(figures, name), digits) for figures in (self.generated, self.real)])
            for title, name, digits in names
        ]
        return [
            *table_lines("", ("generated against real", "real against real"), rows, (18, 24, 22)),
            "KID, FID: lower is better; the others: higher is better. Real against real is what chance alone gives.",
            f"{self.samples:,} pictures on each side, features: {self.features}; "
            "not comparable with figures at another number or in other features, Inception's among them",
        ]


def evaluate_generator(
    generator: LoadedImageGenerator, pictures: ImageDataset, data: Path, samples: int | None, extractor: Extractor
) -> ImageReport:
    """`evaluate` with a sample for each two of the pictures, 2,000 at most, if none are asked for.

    data: where the pictures are. Says on stderr if a run was trained on them.
    """
    if samples is None:
        samples = max(min(_SAMPLES, len(pictures) // 2), FEWEST_FOR_KID)
    if generator.trained_on(pictures):
        name = generator.source.written
        tqdm.write(
            f"note: {name} was trained on these pictures, and figures against them reward copies; "
            f"attngan memorisation {name} --data {data} tells whether it copies",
            sys.stderr,
        )
    conditions = generator.conditions_of(pictures)
    return evaluate(generator.sample_as_data, pictures, conditions, samples=samples, extractor=extractor)


def evaluate(
    draw: Draw, pictures: ImageDataset, conditions: np.ndarray | None = None, *, samples: int = _SAMPLES,
    extractor: Extractor = EFFICIENTNET,
) -> ImageReport:  # fmt: skip
    """Figures of `samples` drawn pictures against as many real ones, beside real against other real ones.

    conditions: of the real pictures, a row each. Seeds are 0, 1, 2 …; `draw` is asked for the conditions of the second
    set of real pictures, so that both comparisons have the same chance in them. The same arguments give the same
    report. Pictures are drawn, read and turned into features 64 at a time.

    Raises AttnGANError if there are fewer than 2 × samples real pictures, or if draw's have another shape.
    """
    fid_metric()  # before minutes of extraction
    first, second = (np.sort(part[:samples]) for part in draw_halves(pictures, samples, _SAMPLES))
    read = sample_reader(pictures, draw, None if conditions is None else conditions[second])
    generated = extractor.extract(samples, read, "generated pictures")
    real, other = (real_features(extractor, pictures, places) for places in (first, second))
    return ImageReport(Figures.of(real, generated), Figures.of(real, other), samples, extractor.name)


def sample_reader(pictures: ImageDataset, draw: Draw, conditions: np.ndarray | None) -> Callable[[slice], np.ndarray]:
    """Places → the drawn pictures of those seeds with the conditions there, checked to be of the pictures' shape."""

    def read(part: slice) -> np.ndarray:
        drawn = draw(np.arange(part.start, part.stop), None if conditions is None else conditions[part])
        if drawn.shape != (part.stop - part.start, *pictures.images.shape[1:]):
            raise AttnGANError(
                "generator",
                f"draws {drawn.shape[1:]} where --data was read as {pictures.images.shape[1:]} (height, width, "
                "channels)",
                "evaluate it against pictures of its own kind",
            )
        return drawn

    return read
