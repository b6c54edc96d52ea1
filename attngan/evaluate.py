"""Scores a run, a shipped generator or a bundle against real pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from attngan.checkpoint import load_generator
from attngan.data import load_pictures
from attngan.metrics import Report, evaluate


def evaluate_generator(run_or_bundle: str, data: Path, samples: int) -> Report:
    """Draws `samples` pictures (seeds 0, 1, 2 …) with the classes' real shares and compares them with `data`.

    run_or_bundle: a run folder, a bundle folder (drawn by ONNX Runtime) or the name of a shipped generator.
    """
    if (Path(run_or_bundle) / "model.onnx.json").is_file():
        from attngan_runtime import Generator

        bundle = Generator.load(run_or_bundle)
        resolution, channels = bundle.height, bundle.channels

        def draw(count: int, labels: np.ndarray | None) -> np.ndarray:
            return bundle.run(seeds=np.arange(count), classes=labels)
    else:
        generator = load_generator(run_or_bundle)
        network = generator.config.network
        resolution, channels = network.resolution, network.channels

        def draw(count: int, labels: np.ndarray | None) -> np.ndarray:
            classes = None if labels is None or not network.classes else labels.tolist()
            return generator.draw(list(range(count)), classes)

    return evaluate(draw, load_pictures(data, resolution=resolution, channels=channels), samples=samples)
