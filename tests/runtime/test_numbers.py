"""A further task is one line in the table: a generator that the package does not know is opened, called and served."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from refusals import refuses
from starlette.testclient import TestClient

from attngan_runtime import Bundle, Generator, PictureGenerator
from attngan_runtime.generators import GENERATORS, Task
from attngan_runtime.generators.golden import check_golden
from attngan_runtime.serving.application import application
from attngan_runtime.serving.page import page_folder
from tests.runtime.command_line import run
from tests.runtime.numbers_bundle import add_task, write_numbers_bundle
from tests.runtime.numbers_generator import WIDTH, NumbersGenerator

ROW = ",".join(str(number) for number in range(WIDTH))
DOUBLED = [2 * number for number in range(WIDTH)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    add_task(monkeypatch)
    generator = "tests.runtime.numbers_generator:NumbersGenerator"
    monkeypatch.setitem(GENERATORS, "numbers", Task(generator, "tests.runtime.numbers_generator"))
    return write_numbers_bundle(tmp_path / "numbers")


def test_it_is_opened_and_called(folder: Path) -> None:
    generator = Generator.load(folder)
    assert isinstance(generator, NumbersGenerator)
    rows = np.arange(5 * WIDTH, dtype=np.float32).reshape(5, WIDTH)
    np.testing.assert_array_equal(generator.run(rows), 2 * rows)
    with refuses("doubler: makes numbers, not pictures; give a generator of pictures"):
        PictureGenerator.load(folder)


def test_its_golden_sample(folder: Path) -> None:
    session, sidecar = Generator.load(folder).session, dict(Bundle.load(folder).sidecar)
    check_golden(session, sidecar)
    sidecar["golden"] = sidecar["golden"] | {"values": [0] * len(sidecar["golden"]["values"])}
    with refuses(r": its golden sample differs by 18, beyond 1e-03"):
        check_golden(session, sidecar)


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
        assert client.get("/api/generate?prompt=red").json() == {"error": "prompt: doubler takes numbers; leave it out"}


def test_the_command_makes_numbers(folder: Path) -> None:
    found = run(folder, "--numbers", ROW, "--numbers", ROW)
    assert (found.exit_code, found.output) == (0, f"{','.join(map(str, DOUBLED))}\n" * 2)
    assert "--numbers TEXT" in run("--help").stdout
    found = run(folder, "--prompt", "red")
    assert (found.exit_code, found.stderr) == (2, "error: --prompt red: doubler doubles numbers; leave it out\n")
