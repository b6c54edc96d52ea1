"""A run reads pictures one way, from its first start on, and so do the commands that compare it with them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from refusals import refused

from attngan.cli import main
from attngan.generators import LoadedGenerator, open_generator
from attngan.tasks.image import ImageTask


def train(place: Path, *options: str) -> Result:
    command = ["train", "--preset", "tiny", "--data", str(place / "data"), "--out", str(place / "run"), *options]
    command += ["--images", "32", "--augment", "none", "--holdout", "0", "--device", "cpu"]
    return CliRunner().invoke(main, command)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """24 pictures of 12 bits in 16, wider than they are high, a run of them that pads, and what it said."""
    place = tmp_path_factory.mktemp("begun")
    (place / "data").mkdir()
    rng = np.random.default_rng(0)
    for index in range(24):
        values = rng.integers(0, 4096 if index else 2000, (20, 30)).astype(np.uint16)
        Image.fromarray(values).save(place / "data" / f"{index:02}.png")
    return place, train(place, "--fit", "pad").output


@pytest.fixture
def place(begun: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of these pictures and this run."""
    return Path(shutil.copytree(begun[0], tmp_path / "copy"))


def generator(place: Path) -> LoadedGenerator:
    return open_generator(str(place / "run"))


def bright(folder: Path) -> None:
    Image.fromarray(np.full((20, 30), 60_000, np.uint16)).save(folder / "bright.png")


def test_what_a_run_keeps_of_how_it_reads(begun: tuple[Path, str]) -> None:
    place, said = begun
    assert "24 not square, padded white" in said and "24 of more than 8 bits, 0 to 4095 as black to white" in said
    settings = json.loads((place / "run" / "config.json").read_text())["training"]
    assert (settings["fit"], settings["integers"], settings["floats"]) == ("pad", [0, 4095], [])


@pytest.mark.parametrize("options", [(), ("--fit", "pad")])
def test_a_run_that_goes_on_reads_as_it_did(place: Path, options: tuple[str, ...]) -> None:
    again = train(place, *options)
    assert again.exit_code == 0 and "padded white" in again.output and "0 to 4095" in again.output, again.output


def test_pictures_that_are_added_are_read_by_the_scale_that_was_kept(place: Path) -> None:
    bright(place / "data")
    said = train(place, "--dry-run").output
    assert "25 of more than 8 bits, 0 to 4095" in said and "1 reach beyond" in said, said


def test_what_compares_a_run_with_pictures_reads_them_alike(place: Path, tmp_path: Path) -> None:
    run, task = generator(place), ImageTask()
    assert run.trained_on(task.read_for(run, place / "data"))
    assert not run.trained_on(task.read(place / "data", run))
    (tmp_path / "others").mkdir()
    bright(tmp_path / "others")
    others = task.read_for(run, tmp_path / "others")
    assert others.reading.integers == (0, 4095) and others.account.clipped == 1


def test_another_fit_is_refused_for_what_it_is(place: Path) -> None:
    refused(train(place, "--fit", "stretch"), "fit: pad → stretch")
    assert generator(place).config.training.fit == "pad"


def test_sentences_have_no_fit(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("a b c\n" * 9)
    command = ["train", "--preset", "captions", "--data", str(tmp_path / "lines.txt"), "--out", str(tmp_path / "run")]
    refused(CliRunner().invoke(main, [*command, "--fit", "pad"]), "--fit pad")
