"""A run reads pictures one way, from its first start on, and so do the commands that compare it with them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from attngan.cli import main
from attngan.generators import open_generator
from attngan.tasks.image import ImageTask


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """24 pictures of 12 bits in 16, wider than they are high."""
    (tmp_path / "data").mkdir()
    rng = np.random.default_rng(0)
    for index in range(24):
        values = rng.integers(0, 4096 if index else 2000, (20, 30)).astype(np.uint16)
        Image.fromarray(values).save(tmp_path / "data" / f"{index:02}.png")
    return tmp_path / "data"


def train(data: Path, *options: str, images: int = 32) -> Result:
    command = ["train", "--preset", "tiny", "--data", str(data), "--out", str(data.parent / "run"), *options]
    command += ["--images", str(images), "--augment", "none", "--holdout", "4", "--patience", "0", "--device", "cpu"]
    return CliRunner().invoke(main, command)


def settings(data: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((data.parent / "run" / "config.json").read_text())["training"]
    return found


def test_the_scale_of_a_run_is_kept(folder: Path) -> None:
    first = train(folder)
    assert first.exit_code == 0, first.output
    assert "24 of more than 8 bits, 0 to 4095 as black to white" in first.output
    assert settings(folder)["integers"] == [0, 4095]
    assert train(folder).exit_code == 0  # the same pictures, by the same scale
    reading = open_generator(str(folder.parent / "run")).config.training
    assert (reading.integers, reading.floats) == ((0, 4095), ())


def test_pictures_that_change_are_read_by_the_scale_that_was_kept(folder: Path) -> None:
    train(folder)
    Image.fromarray(np.full((20, 30), 60_000, np.uint16)).save(folder / "24.png")
    said = train(folder, "--dry-run").output
    assert "25 of more than 8 bits, 0 to 4095" in said and "1 reach beyond" in said, said


def test_what_compares_a_run_with_pictures_reads_them_alike(folder: Path, tmp_path: Path) -> None:
    train(folder)
    generator, task = open_generator(str(folder.parent / "run")), ImageTask()
    assert generator.trained_on(task.read_for(generator, folder))
    (tmp_path / "others").mkdir()
    Image.fromarray(np.full((20, 30), 60_000, np.uint16)).save(tmp_path / "others" / "bright.png")
    others = task.read_for(generator, tmp_path / "others")
    assert others.reading.integers == (0, 4095) and others.account.clipped == 1
