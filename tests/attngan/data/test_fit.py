"""Pictures that are not square: cropped, padded or stretched."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attngan.data import ImageDataset, load_pictures
from attngan.data.reading import Fit, Reading

SIDE = 8
RED, BLUE, WHITE = [255, 0, 0], [0, 0, 255], [255, 255, 255]


def write(folder: Path, *sizes: tuple[int, int], mode: str = "RGB", kind: str = "png") -> Path:
    """Pictures of these widths and heights, red in the first half of their longer side and blue in the other."""
    for index, (width, height) in enumerate(sizes):
        pixels = np.full((height, width, 3), RED, np.uint8)
        pixels[height // 2 if height > width else 0 :, width // 2 if width >= height else 0 :] = BLUE
        options = {"quality": 95, "subsampling": 0} if kind == "jpg" else {}
        Image.fromarray(pixels).convert(mode).save(folder / f"{index}.{kind}", **options)
    return folder


def read(path: Path, fit: Fit, channels: int = 3) -> ImageDataset:
    return load_pictures(path, resolution=SIDE, channels=channels, reading=Reading(fit))


def near(pixel: np.ndarray, colour: list[int]) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= 40)  # Lanczos rings at the edge between two colours


@pytest.mark.parametrize("scale", [1, 4, 40])
@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_wide_and_tall_pictures_are_padded_white(tmp_path: Path, scale: int, kind: str) -> None:
    wide, tall = read(write(tmp_path, (8 * scale, 4 * scale), (4 * scale, 8 * scale), kind=kind), "pad").images
    for picture in (wide, tall.transpose(1, 0, 2)):
        assert (picture[:2] == 255).all() and (picture[6:] == 255).all()
        assert all(near(pixel, RED) for pixel in picture[2:6, 0]) and all(
            near(pixel, BLUE) for pixel in picture[2:6, 7]
        )


def test_padding_is_transparent_where_there_is_alpha(tmp_path: Path) -> None:
    (picture,) = read(write(tmp_path, (16, 8), mode="RGBA"), "pad", 4).images
    assert not picture[:2].any() and not picture[6:].any()
    assert near(picture[2, 0], [*RED, 255]) and near(picture[5, 7], [*BLUE, 255])
    (grey,) = read(tmp_path, "pad", 1).images
    assert (grey[:2] == 255).all() and near(grey[3, 0], [76])


def test_stretched_pictures_fill_the_square(tmp_path: Path) -> None:
    for picture in read(write(tmp_path, (32, 8), (8, 32)), "stretch").images:
        assert near(picture[0, 0], RED) and near(picture[7, 7], BLUE) and not (picture == 255).all(-1).any()
        assert near(picture[0, 7], RED) or near(picture[7, 0], RED)


def test_cropping_is_usual_and_keeps_the_middle(tmp_path: Path) -> None:
    write(tmp_path, (8, 8), (24, 8))
    pixels = np.zeros((8, 24, 3), np.uint8)
    pixels[:, 8:16] = 200
    Image.fromarray(pixels).save(tmp_path / "2.png")
    usual = load_pictures(tmp_path, resolution=SIDE, channels=3)
    assert (usual.images[2] == 200).all()
    assert usual.fingerprint == read(tmp_path, "crop").fingerprint


def test_square_pictures_are_the_same_by_any_fit(tmp_path: Path) -> None:
    write(tmp_path, (8, 8), (20, 20))
    assert len({read(tmp_path, fit).fingerprint for fit in ("crop", "pad", "stretch")}) == 1


@pytest.mark.parametrize(
    ("fit", "channels", "said"),
    [("crop", 3, "2 not square, cropped"), ("pad", 3, "2 not square, padded white"),
     ("pad", 4, "2 not square, padded transparent"), ("stretch", 3, "2 not square, stretched")],
)  # fmt: skip
def test_it_is_said(tmp_path: Path, fit: Fit, channels: int, said: str) -> None:
    write(tmp_path, (8, 8), (16, 8), (8, 9))
    assert said in read(tmp_path, fit, channels).describe()


def test_nothing_is_said_where_nothing_is_cropped(tmp_path: Path) -> None:
    assert read(write(tmp_path, (8, 8)), "crop").describe() == "1 picture"


def test_the_sides_of_padded_pictures_are_the_longer_ones(tmp_path: Path) -> None:
    write(tmp_path, (16, 4), (4, 10))
    assert read(tmp_path, "pad").sides.tolist() == [16, 10] and read(tmp_path, "crop").sides.tolist() == [4, 4]


def test_a_line_of_pixels(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((1, 300), np.uint8)).save(tmp_path / "a.png")
    assert [int((read(tmp_path, fit).images == 0).sum()) for fit in ("crop", "pad", "stretch")] == [192, 24, 192]


def test_idx_files(tmp_path: Path) -> None:
    values = np.full((2, 16, 32), 9, np.uint8)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(struct.pack(">4B3I", 0, 0, 8, 3, *values.shape) + values.tobytes()))
    padded = read(path, "pad", 1)
    assert (padded.images[:, :2] == 255).all() and (padded.images[:, 2:6] == 9).all()
    assert padded.reading == Reading("pad") and "2 not square, padded" in padded.describe()
    assert (read(path, "crop", 1).images == 9).all()
