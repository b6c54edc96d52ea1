"""Colour profiles: what pictures look like, and not what their numbers are, is what is read."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from icc import display_p3, ink, linear_grey
from PIL import Image, ImageCms

from attngan.data import load_pictures
from attngan.data.transforms import Picture, decode_picture

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
RED = (234, 51, 35)  # sRGB's red in Display P3
SIDE = 8


def encode(image: Image.Image, profile: bytes | None, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, icc_profile=profile, **({"lossless": True} if kind == "WEBP" else {}))
    return buffer.getvalue()


def read(image: Image.Image, profile: bytes | None, channels: int = 3, kind: str = "PNG") -> Picture:
    picture = decode_picture(encode(image, profile, kind), SIDE, channels)
    assert isinstance(picture, Picture)
    return picture


def first(picture: Picture) -> list[int]:
    return picture.pixels[0, 0].tolist()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_display_p3_is_shown_in_srgb(kind: str) -> None:
    picture = read(Image.new("RGB", (SIDE, SIDE), RED), display_p3(), kind=kind)
    assert first(picture) == [255, 0, 0] and not picture.unprofiled
    assert first(read(Image.new("RGB", (SIDE, SIDE), (255, 255, 255)), display_p3())) == [255, 255, 255]


def test_jpeg_in_display_p3() -> None:
    found = first(read(Image.new("RGB", (64, 64), RED), display_p3(), kind="JPEG"))
    assert np.abs(np.subtract(found, [255, 0, 0])).max() <= 6


def test_palette_and_transparency_in_display_p3() -> None:
    palette = Image.new("P", (SIDE, SIDE), 1)
    palette.putpalette([0, 0, 0, *RED])
    assert first(read(palette, display_p3())) == [255, 0, 0]
    half = read(Image.new("RGBA", (SIDE, SIDE), (*RED, 102)), display_p3(), channels=4)
    assert first(half) == [102, 0, 0, 102]
    grey = read(Image.new("LA", (SIDE, SIDE), (128, 0)), display_p3(), channels=4)
    assert first(grey) == [0, 0, 0, 0]


def test_sixteen_bits_in_display_p3(tmp_path: Path) -> None:
    values = np.full((SIDE, SIDE), 40_000, np.uint16)
    values[0] = 65535
    (tmp_path / "a.png").write_bytes(encode(Image.fromarray(values), linear_grey()))
    pictures = load_pictures(tmp_path, resolution=SIDE, channels=1)
    assert pictures.images[0, :2, 0, 0].tolist() == [255, 205]  # (40,000 / 65,535) ^ (1 / 2.4) by sRGB's curve


def test_grey_profiles() -> None:
    picture = read(Image.new("L", (SIDE, SIDE), 128), linear_grey(), channels=1)
    assert first(picture) == [188] and not picture.unprofiled  # a half of the light


def test_ink_profiles() -> None:
    violet = ink((100, 180, 80))
    assert first(read(Image.new("CMYK", (SIDE, SIDE), (0, 0, 0, 0)), violet, kind="TIFF")) == [255, 255, 255]
    r, g, b = first(read(Image.new("CMYK", (SIDE, SIDE), (255, 0, 0, 0)), violet, kind="TIFF"))
    assert r > 110 and g < 80 and b > 120  # without the profile cyan ink is 0, 255, 255


@pytest.mark.parametrize("profile", [None, LAB, SRGB])
def test_lab_needs_no_profile(profile: bytes | None) -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(Image.new("RGB", (SIDE, SIDE), RED), to_lab)
    assert lab is not None
    picture = read(lab, profile, kind="TIFF")
    assert np.abs(np.subtract(first(picture), RED)).max() <= 3 and not picture.unprofiled


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
def test_srgb_changes_no_bit(mode: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 4), np.uint8)
    image = Image.fromarray(noise).convert(mode)
    plain, profiled = (read(image, profile, channels=4) for profile in (None, SRGB))
    np.testing.assert_array_equal(plain.pixels, profiled.pixels)
    assert not profiled.unprofiled


@pytest.mark.parametrize("profile", [b"no profile at all", display_p3()[:200], linear_grey(), ink((0, 0, 0))])
def test_profiles_that_are_broken_or_of_other_pictures_are_ignored_and_counted(tmp_path: Path, profile: bytes) -> None:
    picture = read(Image.new("RGB", (SIDE, SIDE), RED), profile)
    assert first(picture) == list(RED) and picture.unprofiled
    for name, embedded in (("a", profile), ("b", None)):
        (tmp_path / f"{name}.png").write_bytes(encode(Image.new("RGB", (SIDE, SIDE), RED), embedded))
    pictures = load_pictures(tmp_path, resolution=SIDE, channels=3)
    assert pictures.account.unprofiled == 1 and "1 with a colour profile" in pictures.describe()
