"""attngan-run as a user meets it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from refusals import refused

from attngan_runtime import Generator
from attngan_runtime.bundle import bundle
from tests.runtime.command_line import run, tiles


def grey_tiles(path: Path, columns: int, rows: int | None = None) -> np.ndarray:
    found = tiles(path, columns, rows)
    assert found.ndim == 3  # one channel
    return found


def test_a_column_shows_one_class_and_a_row_one_seed(make_bundle: Any, tmp_path: Path) -> None:
    folder, out = make_bundle(), tmp_path / "grid.png"
    found = run(folder, "--seeds", "5-8", "--out", out)
    assert (found.exit_code, found.output) == (0, f"wrote 12 pictures of waves to {out}\n")
    drawn = Generator.load(folder).run([s for s in range(5, 9) for _ in range(3)], [0, 1, 2] * 4)
    np.testing.assert_array_equal(grey_tiles(out, 3, rows=4), drawn[..., 0])


@pytest.mark.parametrize("classes", ["Bag,T-shirt/top", "2,0", "bag, 0", " Bag ,0"])
def test_chosen_classes(make_bundle: Any, tmp_path: Path, classes: str) -> None:
    folder, out = make_bundle(), tmp_path / "grid.png"
    assert run(folder, "--seeds", "1,9", "--classes", classes, "--truncation", "0.5", "--out", out).exit_code == 0
    drawn = Generator.load(folder).run([1, 1, 9, 9], [2, 0, 2, 0], 0.5)
    np.testing.assert_array_equal(grey_tiles(out, 2, rows=2), drawn[..., 0])


@pytest.mark.parametrize(
    ("classes", "numbers"), [("10", [1]), ("0-1", [2]), ("3,aaa", [3, 3]), ("1,b", [0]), ("1-2", [1, 2])]
)
def test_what_is_the_name_of_a_class_means_that_class(
    make_bundle: Any, tmp_path: Path, classes: str, numbers: list[int]
) -> None:
    folder, out = make_bundle(classes=["1,b", "10", "0-1", "AAA"]), tmp_path / "grid.png"
    assert run(folder, "--seeds", "4", "--classes", classes, "--out", out).exit_code == 0
    shown = grey_tiles(out, len(numbers), rows=1 if len(numbers) > 1 else None)
    np.testing.assert_array_equal(shown, Generator.load(folder).run(4, numbers)[..., 0])


def test_without_classes_the_grid_is_square_or_as_asked(make_bundle: Any, tmp_path: Path) -> None:
    folder, out = make_bundle(classes=[]), tmp_path / "grid.png"
    assert run(folder, "--out", out).exit_code == 0
    assert len(grey_tiles(out, 8)) == 64
    assert run(folder, "--seeds", "0-9", "--columns", "5", "--out", out).exit_code == 0
    assert len(grey_tiles(out, 5)) == 10


def test_one_picture(make_bundle: Any, tmp_path: Path) -> None:
    out = tmp_path / "one.webp"
    found = run(make_bundle(shape=(4, 8, 8), classes=[]), "--seeds", "7", "--out", out)
    assert found.output == f"wrote 1 picture of waves to {out}\n"
    with Image.open(out) as image:
        assert (image.size, image.mode) == ((8, 8), "RGBA")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing option '--out'"),
        (["--out", "waves/model.onnx/grid.png"], "model.onnx is a file"),
        (["--out", "grid.txt"], "unknown picture type '.txt'"),
        (["--out", "g.png", "--seeds", "9-3"], "'9-3': is a reversed range"),
        (["--out", "g.png", "--seeds", "x"], "'x': is not a list"),
        (["--out", "g.png", "--seeds", "1.5"], "is not a list"),
        (["--out", "g.png", "--seeds", "4294967296"], "4294967296 is outside 0 to 4294967295"),
        (["--out", "g.png", "--classes", "3"], "--classes: 3 is outside 0 to 2"),
        (["--out", "g.png", "--classes", "0-5"], "--classes: 5 is outside 0 to 2"),
        (["--out", "g.png", "--classes", "Hat"], "--classes: no class 'Hat'"),
        (["--out", "g.png", "--classes", ""], "--classes: no class ''"),
        (["--out", "g.png", "--truncation", "3"], "--truncation: 3 is outside 0 to 2"),
        (["--out", "g.png", "--truncation", "nan"], "--truncation: nan is outside 0 to 2"),
        (["--out", "g.png", "--truncation", "much"], "--truncation: much is not numbers"),
        (["--out", "g.png", "--columns", "0"], "--columns"),
        (["--out", "g.png", "--provider", "tpu"], "--provider"),
        (["--out", "g.png", "--provider", "cuda"], "provider CUDAExecutionProvider"),
        (["--out", "g.png", "--seeds", "0-999999"], "--seeds: 3,000,000 pictures"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    make_bundle: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    folder = make_bundle()
    monkeypatch.chdir(tmp_path)
    found = run(folder, *arguments)
    refused(found, words)
    assert [path.name for path in tmp_path.iterdir()] == ["waves"]


def test_wrong_bundles(make_bundle: Any, tmp_path: Path) -> None:
    out = tmp_path / "grid.png"
    refused(run(tmp_path / "nowhere", "--out", out), "nowhere: no such bundle")
    refused(run(tmp_path, "--out", out), f"{tmp_path}: is no bundle")
    refused(run(make_bundle("plain", classes=[]), "--classes", "0", "--out", out), "--classes 0: waves has no classes")
    refused(run(make_bundle("z", takes_z=True), "--out", out), "seeds: this bundle was exported with --input z")
    folder = make_bundle("bad")
    (folder / "model.onnx").write_bytes(b"changed")
    refused(run(folder, "--out", out), "bad/model.onnx: its SHA-256 is")
    assert not out.exists()


def test_the_folder_of_the_picture_is_checked_before_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "grid.png"
    refused(run("no-such-bundle", "--out", out), f"--out {out}: {out.parent} is a file")


def test_folders_are_made(make_bundle: Any, tmp_path: Path) -> None:
    out = tmp_path / "a" / "b" / "grid.png"
    assert run(make_bundle(), "--seeds", "0", "--out", out).exit_code == 0
    assert len(grey_tiles(out, 3, rows=1)) == 3


def test_shipped_names_are_listed(make_bundle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make_bundle("shipped/waves")
    monkeypatch.setattr(bundle, "_SHIPPED", make_bundle("shipped/more").parent)
    found = run("--list")
    assert (found.exit_code, found.output) == (0, "more\nwaves\n")


def test_a_forgotten_quote_is_named(make_bundle: Any, tmp_path: Path) -> None:
    found = run(make_bundle(), "--prompt", "red", "heart", "--out", tmp_path / "g.png")
    refused(found, "PROMPT heart: beside --prompt red; put words that belong together in quotes")
