"""Scores a run, a shipped generator or a bundle against real pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from attngan.checkpoint import load_generator
from attngan.data import load_pictures
from attngan.data.convert import premultiply
from attngan.errors import AttnGANError
from attngan.metrics import FEWEST, Report, evaluate

#: (seeds, classes or None) → uint8 [B, H, W, C]
Run = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


def evaluate_generator(run_or_bundle: str, data: Path, samples: int | None = None) -> Report:
    """Draws `samples` pictures (seeds 0, 1, 2 …) with the classes' real shares and compares them with `data`.

    samples: 2,000, or half of the pictures where there are fewer than 4,000.
    run_or_bundle: a run folder, a bundle folder (drawn by ONNX Runtime) or the name of a shipped generator.
    Raises AttnGANError if the generator's classes are not those of the pictures.
    """
    bundle = (Path(run_or_bundle) / "model.onnx.json").is_file()
    run, classes, resolution, channels = _open_bundle(run_or_bundle) if bundle else _open_run(run_or_bundle)
    pictures = load_pictures(data, resolution=resolution, channels=channels)
    if classes and pictures.class_names != classes:
        raise AttnGANError(
            f"--data {data}: classes {_few(pictures.class_names)}, {run_or_bundle} has {_few(classes)}; "
            "use pictures sorted into the same classes"
        )
    if samples is None:
        samples = max(min(2000, len(pictures) // 2), FEWEST)

    def draw(count: int, labels: np.ndarray | None) -> np.ndarray:
        drawn = run(np.arange(count), labels if classes else None)
        return premultiply(drawn) if channels == 4 else drawn

    return evaluate(draw, pictures, samples=samples)


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" … ({len(names)})" if len(names) > 3 else "") or "none"


def _open_bundle(path: str) -> tuple[Run, list[str], int, int]:
    from attngan_runtime import Generator

    generator = Generator.load(path)
    if generator.z_dim:
        raise AttnGANError(f"{path}: takes z, not seeds; export it with --input seed to evaluate it")
    return generator.run, list(generator.classes), generator.height, generator.channels


def _open_run(run_or_name: str) -> tuple[Run, list[str], int, int]:
    generator = load_generator(run_or_name)
    network = generator.config.network

    def run(seeds: np.ndarray, classes: np.ndarray | None) -> np.ndarray:
        return generator.draw(seeds.tolist(), None if classes is None else classes.tolist())

    return run, list(generator.config.class_names), network.resolution, network.channels
