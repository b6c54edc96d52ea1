"""Generated pictures against real ones, and real against other real ones beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attngan.data import ImageDataset
from attngan.evaluation.drawing import Draw, sample_reader
from attngan.evaluation.halves import draw_halves
from attngan.evaluation.image_report import Figures, ImageReport, Judgement
from attngan.features.cache import real_features
from attngan.features.extractor import EFFICIENTNET, OPEN_NSFW, Extractor, extract_all
from attngan.metrics.fid import fid_metric

USUAL_SAMPLES = 2000


def evaluate(
    draw: Draw, pictures: ImageDataset, conditions: np.ndarray | None = None, *, samples: int = USUAL_SAMPLES,
    judges: Sequence[Extractor] = (EFFICIENTNET, OPEN_NSFW),
) -> ImageReport:  # fmt: skip
    """Figures of `samples` drawn pictures against as many real ones, beside real against other real ones.

    conditions: of the real pictures, a row each. Seeds are 0, 1, 2 …; `draw` is asked for the conditions of the second
    set of real pictures, so that both comparisons have the same chance in them. The same arguments give the same
    report. judges: whose features they are compared in. Pictures are drawn, read and turned into features 64 at a time.

    Raises AttnGANError if there are fewer than 2 × samples real pictures, or if draw's have another shape.
    """
    fid_metric()  # before minutes of extraction
    first, second = (np.sort(part[:samples]) for part in draw_halves(pictures, samples, USUAL_SAMPLES))
    read = sample_reader(pictures, draw, None if conditions is None else conditions[second])
    judgements = []
    for judge, generated in zip(judges, extract_all(judges, samples, read, "generated pictures"), strict=True):
        real, other = (real_features(judge, pictures, places) for places in (first, second))
        judgements.append(Judgement(judge, Figures.of(real, generated), Figures.of(real, other)))
    return ImageReport(tuple(judgements), samples)
