"""Grids of pictures, and the files they end up in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from refusals import refuses

from attngan_runtime.generators.grid import check_picture_path, check_sheet_size, grid, save_grid


def pictures(count: int, channels: int, height: int = 4, width: int = 6) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, height, width, channels), np.uint8)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_every_picture_is_where_it_belongs(channels: int, mode: str) -> None:
    images = pictures(5, channels)
    sheet = grid(images, columns=3)
    assert sheet.mode == mode and sheet.size == (3 * 8 - 2, 2 * 6 - 2)
    pixels = np.asarray(sheet).reshape(10, 22, channels)
    for index, image in enumerate(images):
        top, left = index // 3 * 6, index % 3 * 8
        np.testing.assert_array_equal(pixels[top : top + 4, left : left + 6], image)
    assert (pixels[:, 6:8] == (0 if channels == 4 else 255)).all()
    assert (pixels[6:, 16:] == (0 if channels == 4 else 255)).all()


@pytest.mark.parametrize(("count", "columns", "size"), [(1, None, (6, 4)), (16, None, (30, 22)), (3, 100, (22, 4))])
def test_shape_of_the_sheet(count: int, columns: int | None, size: tuple[int, int]) -> None:
    assert grid(pictures(count, 3), columns).size == size


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("ending", [".png", ".PNG", ".webp", ".jpg", ".jpeg", ".bmp", ".tiff"])
def test_files_of_every_kind(tmp_path: Path, channels: int, ending: str) -> None:
    path = tmp_path / f"grid{ending}"
    save_grid(pictures(4, channels), path)
    with Image.open(path) as image:
        assert image.size == (14, 10)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_jpeg_shows_white_where_a_picture_is_transparent(tmp_path: Path) -> None:
    save_grid(np.zeros((1, 16, 16, 4), np.uint8), tmp_path / "grid.jpg")
    with Image.open(tmp_path / "grid.jpg") as image:
        assert np.asarray(image).min() > 250


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("file/grid.png", "file is a file"),
        ("folder", "is a folder"),
        ("grid", "unknown picture type ''"),
        ("grid.txt", "unknown picture type '.txt'"),
        ("grid.psd", "unknown picture type '.psd'"),  # Pillow reads it and can't write it
    ],
)
def test_paths_that_cannot_be_written(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with refuses(f"--out: {words}"):
        check_picture_path(tmp_path / name)


def test_a_format_that_cannot_hold_the_sheet(tmp_path: Path) -> None:
    with refuses("--out: WEBP can't hold"):
        save_grid(np.zeros((1, 1, 20000, 1), np.uint8), tmp_path / "grid.webp")
    assert list(tmp_path.iterdir()) == []


def test_sheets_that_no_program_opens_are_refused() -> None:
    check_sheet_size(10_000, 32, 32)
    with refuses("--seeds: 1,156,000,000 pixels"):
        check_sheet_size(1_000_000, 32, 32)


def test_a_full_disk_leaves_the_old_grid_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "grid.png"
    path.write_bytes(b"old")
    script = """if True:
        import resource, sys, numpy, click
        from attngan_runtime.commands.console import Command
        from attngan_runtime.generators.grid import save_grid
        @click.command(cls=Command)
        def main():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
            save_grid(numpy.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), numpy.uint8), sys.argv[1])
        main(args=[])
    """
    found = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert found.returncode == 2, found.stderr
    assert found.stderr.startswith(f"error: {path}.part: File too large") or "free space" in found.stderr
    assert found.stderr.count("\n") == 1
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1
