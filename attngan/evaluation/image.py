"""Generators that draw without words: which pictures `attngan evaluate` compares them with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from attngan.data import ImageDataset
from attngan.errors import AttnGANError
from attngan.evaluation.image_report import ImageReport
from attngan.evaluation.memorisation import FEWEST_HELD_OUT, Memorisation, measure
from attngan.evaluation.pictures import USUAL_SAMPLES, evaluate
from attngan.features.extractor import Extractor
from attngan.generators.image import LoadedImageGenerator
from attngan.metrics.kid import FEWEST_FOR_KID

_NEAREST = 200  # pictures whose nearest training picture is looked for: a share of 50 % is then known to ± 4 %


def evaluate_generator(
    generator: LoadedImageGenerator, pictures: ImageDataset, data: Path, samples: int | None,
    judges: Sequence[Extractor],
) -> ImageReport:  # fmt: skip
    """`evaluate` with a sample for each two of the pictures, 2,000 at most, if none are asked for.

    data: where the pictures are. Says on stderr if a run was trained on them; of one that held some of them out the
    report tells how near its pictures are to those that it was shown.
    """
    if samples is None:
        samples = max(min(USUAL_SAMPLES, len(pictures) // 2), FEWEST_FOR_KID)
    if generator.trained_on(pictures):
        name = generator.source.written
        _note(
            f"{name} was trained on these pictures, and figures against them reward copies; "
            f"attngan memorisation {name} --data {data} tells whether it copies"
        )
    conditions = generator.conditions_of(pictures)
    report = evaluate(generator.sample_as_data, pictures, conditions, samples=samples, judges=judges)
    return replace(report, copies=_measure_copies(generator, pictures, judges[0]))


def _measure_copies(generator: LoadedImageGenerator, pictures: ImageDataset, judge: Extractor) -> Memorisation | None:
    halves = generator.split_dataset(pictures)
    if halves is None or len(halves[1]) < FEWEST_HELD_OUT:
        return None
    training, held_out = halves
    conditions = generator.conditions_of(training)
    try:
        return measure(generator.sample_as_data, training, held_out, conditions, samples=_NEAREST, extractor=judge)
    except AttnGANError as error:  # the other figures stand
        _note(f"no figure on copies: {error}")
        return None


def _note(text: str) -> None:
    tqdm.write(f"note: {text}", sys.stderr)
