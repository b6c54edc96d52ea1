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
from attngan.features.cache import real_features
from attngan.features.efficientnet import NAME
from attngan.features.extractor import EFFICIENTNET, Extractor
from attngan.generators.image import LoadedImageGenerator
from attngan.metrics.fid import fid, fid_metric
from attngan.metrics.kid import FEWEST, kid
from attngan.metrics.precision_recall import density_and_coverage, precision_and_recall

_SAMPLES = 2000

#: (seeds int64 [B], conditions with a row a seed or None) → uint8 [B, H, W, C], RGBA premultiplied as a dataset has it
Draw = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


@dataclass(frozen=True)
class Report:
    """How far generated pictures are from real ones; each `real_` figure is of real pictures against other real ones.

    Generated and real pictures of one distribution differ in no figure but by chance.
    """

    kid: float  #: 0 but for chance at best
    kid_error: float  #: its standard error
    fid: float  #: depends on `samples`: comparable at equal numbers only
    precision: float  #: share of generated pictures that lie among real ones, k = 3
    recall: float  #: share of real pictures that lie among generated ones, k = 3
    density: float  #: how densely real pictures surround the generated ones, k = 5; 1 at best, or more
    coverage: float  #: share of real pictures with a generated one near them, k = 5
    real_kid: float
    real_kid_error: float
    real_fid: float
    real_precision: float
    real_recall: float
    real_density: float
    real_coverage: float
    samples: int  #: pictures on each side of each comparison
    features: str = NAME  #: figures in other features can't be compared

    def as_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """A small table for the console."""
        rows = [
            ("KID", f"{self.kid:.4f} ± {self.kid_error:.4f}", f"{self.real_kid:.4f} ± {self.real_kid_error:.4f}"),
            ("FID", f"{self.fid:.2f}", f"{self.real_fid:.2f}"),
            ("precision (k = 3)", f"{self.precision:.3f}", f"{self.real_precision:.3f}"),
            ("recall (k = 3)", f"{self.recall:.3f}", f"{self.real_recall:.3f}"),
            ("density (k = 5)", f"{self.density:.3f}", f"{self.real_density:.3f}"),
            ("coverage (k = 5)", f"{self.coverage:.3f}", f"{self.real_coverage:.3f}"),
        ]
        return [
            f"{'':18}{'generated against real':>24}{'real against real':>22}",
            *(f"{name:18}{generated:>24}{real:>22}" for name, generated, real in rows),
            "KID, FID: lower is better; the others: higher is better. Real against real is what chance alone gives.",
            f"{self.samples:,} pictures on each side, features: {self.features}; "
            "not comparable with figures at another number or in other features, Inception's among them",
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def evaluate_generator(
    generator: LoadedImageGenerator, pictures: ImageDataset, data: Path, samples: int | None, extractor: Extractor
) -> Report:
    """`evaluate` with a sample for each two of the pictures, 2,000 at most, if none are asked for.

    data: where the pictures are. Says on stderr if a run was trained on them.
    """
    if samples is None:
        samples = max(min(_SAMPLES, len(pictures) // 2), FEWEST)
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
    draw: Draw, pictures: ImageDataset, conditions: np.ndarray | None = None, *, samples: int = 2000,
    extractor: Extractor = EFFICIENTNET,
) -> Report:  # fmt: skip
    """Figures of `samples` drawn pictures against as many real ones, beside real against other real ones.

    conditions: of the real pictures, a row each. Seeds are 0, 1, 2 …; `draw` is asked for the conditions of the second
    set of real pictures, so that both comparisons have the same chance in them. The same arguments give the same
    report. Pictures are drawn, read and turned into features 64 at a time.

    Raises AttnGANError if there are fewer than 2 × samples real pictures, or if draw's have another shape.
    """
    fid_metric()  # before minutes of extraction
    if samples < FEWEST:
        raise AttnGANError(f"--samples {samples}", "too few for an error bar", f"use {FEWEST} or more, 2000 by habit")
    if len(pictures) < 2 * samples:
        enough = f"use --samples {len(pictures) // 2}, or" if len(pictures) >= 2 * FEWEST else "use"
        raise AttnGANError(
            "--data",
            f"{len(pictures):,} pictures; real against real with --samples {samples} needs {2 * samples:,}",
            f"{enough} more pictures",
        )
    order = np.random.default_rng(0).permutation(len(pictures))
    first, second = np.sort(order[:samples]), np.sort(order[samples : 2 * samples])
    rows = None if conditions is None else conditions[second]
    generated = extractor.extract(samples, drawn_like(pictures, draw, rows), "generated pictures")
    real, other = (real_features(extractor, pictures, places) for places in (first, second))
    figures = _compare(real, generated)
    beside = {f"real_{name}": value for name, value in _compare(real, other).items()}
    return Report(**figures, **beside, samples=samples, features=extractor.name)


def drawn_like(pictures: ImageDataset, draw: Draw, conditions: np.ndarray | None) -> Callable[[slice], np.ndarray]:
    """Places → the pictures of those seeds with the conditions there, checked to be of the pictures' shape."""

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


def _compare(real: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Every figure of features [N, d] against real ones [N, d], by the name of its field."""
    distance, error = kid(real, other)
    precision, recall = precision_and_recall(real, other)
    density, coverage = density_and_coverage(real, other)
    return {
        "kid": distance, "kid_error": error, "fid": fid(real, other),
        "precision": precision, "recall": recall, "density": density, "coverage": coverage,
    }  # fmt: skip
