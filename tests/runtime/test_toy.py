"""A further task is one line in the table: a generator that the package does not know is opened, called and served."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from attngan_runtime import AttnGANError, Bundle, Generator, PictureGenerator
from attngan_runtime.bundle import spec, validate_sidecar
from attngan_runtime.generators import GENERATORS, Task
from attngan_runtime.generators.golden import check_golden
from attngan_runtime.serving.application import application
from attngan_runtime.serving.page import page_folder
from tests.runtime.command_line import run
from tests.runtime.toy import SPEC, WIDTH, NumbersGenerator, numbers_entry, write_toy_bundle

ROW = ",".join(str(number) for number in range(WIDTH))
DOUBLED = [2 * number for number in range(WIDTH)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(spec.INPUTS, "numbers", numbers_entry("numbers"))
    monkeypatch.setitem(spec.TASKS, "numbers", SPEC)
    monkeypatch.setitem(GENERATORS, "numbers", Task("tests.runtime.toy:NumbersGenerator", "tests.runtime.toy"))
    return write_toy_bundle(tmp_path / "toy")


def test_it_is_opened_and_called(folder: Path) -> None:
    generator = Generator.load(folder)
    assert isinstance(generator, NumbersGenerator)
    rows = np.arange(5 * WIDTH, dtype=np.float32).reshape(5, WIDTH)
    np.testing.assert_array_equal(generator.run(rows), 2 * rows)
    with pytest.raises(AttnGANError, match="toy: makes numbers, not pictures; give a generator of pictures"):
        PictureGenerator.load(folder)


def test_its_golden_sample(folder: Path) -> None:
    session, sidecar = Generator.load(folder).session, dict(Bundle.load(folder).sidecar)
    check_golden(session, sidecar)
    sidecar["golden"] = sidecar["golden"] | {"doubled": [[0] * WIDTH]}
    with pytest.raises(AttnGANError, match=r"its golden sample differs by 30, beyond 1e-03"):
        check_golden(session, sidecar)


def test_its_sidecar_is_checked(folder: Path) -> None:
    sidecar = Bundle.load(folder).sidecar
    with pytest.raises(AttnGANError, match="golden"):
        validate_sidecar({**sidecar, "golden": sidecar["golden"] | {"doubled": [[0] * 15]}})


def test_it_is_served(folder: Path) -> None:
    bundle = Bundle.load(folder)
    with TestClient(application(bundle, Generator.open(bundle), page_folder())) as client:
        about = client.get("/api").json()
        assert {key: about[key] for key in ("task", "makes", "parameters", "width", "words")} == {
            "task": "numbers", "makes": "numbers", "parameters": ["numbers"], "width": WIDTH, "words": []
        }  # fmt: skip
        assert client.get("/api/generate", params={"numbers": ROW}).json() == DOUBLED
        answer = client.get("/api/generate", params={"numbers": "1,2"})
        assert (answer.status_code, answer.json()) == (400, {"error": "numbers: 2 of them; give 16"})
        assert client.get("/api/generate?prompt=red").json() == {"error": "prompt: toy takes numbers; leave it out"}


def test_the_command_makes_numbers(folder: Path) -> None:
    found = run(folder, "--numbers", ROW, "--numbers", ROW)
    assert (found.exit_code, found.output) == (0, f"{','.join(map(str, DOUBLED))}\n" * 2)
    assert "--numbers TEXT" in run("--help").stdout
    found = run(folder, "--prompt", "red")
    assert (found.exit_code, found.stderr) == (2, "error: --prompt red: toy doubles numbers; leave it out\n")
