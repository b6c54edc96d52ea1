"""Scores a run, a shipped generator or a bundle against real pictures."""

from __future__ import annotations

import sys
from pathlib import Path

from tqdm import tqdm

from attngan.data import load_pictures
from attngan.drawing import open_generator
from attngan.metrics import FEWEST, Report, evaluate
from attngan.metrics.extractor import EFFICIENTNET, load_extractor


def evaluate_generator(
    run_or_bundle: str, data: Path, samples: int | None = None, features: str | None = None
) -> Report:
    """Draws `samples` pictures (seeds 0, 1, 2 …) with the classes' real shares and compares them with `data`.

    run_or_bundle: a run folder, a bundle folder (drawn by ONNX Runtime) or the name of a shipped generator.
    samples: 2,000, or half of the pictures where there are fewer than 4,000.
    features: `module:function` as `attngan.metrics.extractor.load_extractor` reads it; EfficientNet-Lite0 if not given.

    Says on stderr if the run was trained on these pictures.
    Raises AttnGANError if the generator's classes are not those of the pictures.
    """
    extractor = load_extractor(features) if features else EFFICIENTNET
    generator = open_generator(run_or_bundle)
    pictures = load_pictures(data, resolution=generator.resolution, channels=generator.channels)
    generator.check_classes(pictures, f"--data {data}")
    if samples is None:
        samples = max(min(2000, len(pictures) // 2), FEWEST)
    if generator.trained_on(pictures):
        tqdm.write(
            f"note: {run_or_bundle} was trained on these pictures, and figures against them reward copies; "
            f"attngan memorisation {run_or_bundle} --data {data} tells whether it copies",
            sys.stderr,
        )
    return evaluate(generator.draw, pictures, samples=samples, extractor=extractor)
