"""Runs of a second or two, for the tests of what surrounds training: 48 noise pictures of 16² in two classes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from attngan.config import RunConfig
from attngan.data import ImageDataset
from attngan.presets import preset
from attngan.train import Outcome, train
from attngan.training.pace import Pace


def write_pictures(root: Path) -> Path:
    """The 48 pictures as files, a folder a class."""
    rng = np.random.default_rng(0)
    for index in range(48):
        name = root / ("round" if index % 2 else "square")
        name.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (20, 24, 3), np.uint8)).save(name / f"{index:02}.png")
    return root


def config(pictures: ImageDataset, images: int = 320, **changes: object) -> RunConfig:
    """The preset tiny with augmentation; `changes` are of its TrainingConfig."""
    network, training = preset("tiny")
    names = tuple(pictures.class_names)
    fields = {"images": images, "augment": ("flip", "color"), "augment_probability": (0.5, 0.5), **changes}
    return RunConfig("tiny", replace(network, classes=len(names)), replace(training, **fields), names)


def measured_config(pictures: ImageDataset, **changes: object) -> RunConfig:
    """The same with pictures held out, of which KID is measured on the way."""
    return config(pictures, **{"holdout": 12, "kid_samples": 40, **changes})  # type: ignore[arg-type]


def run(config: RunConfig, pictures: ImageDataset, out: Path, **options: Any) -> Outcome:
    """`train` on the CPU."""
    return train(config, pictures, out, torch.device("cpu"), **options)


def untimed(patch: pytest.MonkeyPatch) -> None:
    """`attngan train` times nothing: twenty KIDs, and one thread, which is as fast as any for runs of this size."""
    pace = Pace(threads=1, per_second=100.0, seconds=60.0)
    patch.setattr("attngan.commands.train_pace.time_run", lambda _run, _state, _threads, kinds: (pace, kinds[-1]))
    patch.setattr("attngan.commands.train_pace.with_kids", lambda pace, *_: pace)


def same_bits(one: Path, other: Path) -> bool:
    """Whether every tensor of two runs' checkpoints is the same."""
    first, second = load_file(one / "checkpoint.safetensors"), load_file(other / "checkpoint.safetensors")
    assert first.keys() == second.keys()
    return all(torch.equal(first[name], second[name]) for name in first)


def mean_colours(images: np.ndarray) -> np.ndarray:
    """float32 [N, 12]: means of the quarters; features that cost nothing, for KID where any will do."""
    height, width = images.shape[1] // 2, images.shape[2] // 2
    quarters = images.reshape(len(images), 2, height, 2, width, -1).mean((2, 4))
    return (quarters.reshape(len(images), -1) / 255).astype(np.float32)
