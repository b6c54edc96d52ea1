"""Pictures of more than 8 bits a channel: one scale for a set, kept for those that join it."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from attngan.data import ImageDataset, load_captioned, load_pictures
from attngan.data.depth import choose_scale
from attngan.data.reading import UNFIXED, Reading

SIDE = 8
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # of PNG, by channels


def grid(low: float, high: float, dtype: type) -> np.ndarray:
    """[SIDE, SIDE]: `low` on the left, `high` on the right."""
    return np.repeat(np.array([[low] * (SIDE // 2) + [high] * (SIDE // 2)], dtype), SIDE, 0)


def encode(values: np.ndarray, kind: str = "TIFF") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind)
    return buffer.getvalue()


def png(values: np.ndarray, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of 16 bits of uint16 [H, W, C]."""
    height, width, channels = values.shape
    head = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    written = [struct.pack(">I", len(b)) + a + b + struct.pack(">I", zlib.crc32(a + b)) for a, b in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def tiff(values: np.ndarray, order: str, deflate: bool, sample_format: int = 1) -> bytes:
    """A TIFF of [H, W, C], whose type says how many bits it has."""
    height, width, channels = values.shape
    bits = 8 * values.dtype.itemsize
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    data = zlib.compress(data) if deflate else data
    tags = {
        256: width, 257: height, 259: 8 if deflate else 1, 262: 2 if channels > 2 else 1, 277: channels, 278: height,
        279: len(data), 339: sample_format,
    }  # fmt: skip
    tags |= {338: 2} if channels == 4 else {}
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    depths = struct.pack(f"{order}{channels}H", *[bits] * channels)
    entries = {key: struct.pack(f"{order}HHII", key, 4, 1, value) for key, value in tags.items()}
    one = struct.pack(f"{order}HHIHH", 258, 3, 1, bits, 0)
    entries[258] = one if channels == 1 else struct.pack(f"{order}HHII", 258, 3, channels, start)
    entries[273] = struct.pack(f"{order}HHII", 273, 4, 1, start + len(depths))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    return head + b"".join(entries[key] for key in sorted(entries)) + struct.pack(f"{order}I", 0) + depths + data


def read(folder: Path, files: dict[str, bytes], channels: int = 1, reading: Reading = UNFIXED) -> ImageDataset:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return load_pictures(folder, resolution=SIDE, channels=channels, reading=reading)


def shown(pictures: ImageDataset) -> list[list[int]]:
    """Of each picture its left and its right."""
    return pictures.images[:, 0, [0, -1], 0].tolist()


@pytest.mark.parametrize("white", [255, 1023, 4095, 16383, 65535])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_integers_of_few_bits_have_one_scale_for_the_set(tmp_path: Path, kind: str, white: int) -> None:
    half = round(white * 0.6)
    files = {f"{name}.{kind}": encode(grid(0, high, np.uint16), kind) for name, high in (("a", white), ("b", half))}
    pictures = read(tmp_path, files)
    assert shown(pictures) == [[0, 255], [0, 153]]
    assert pictures.reading == Reading(integers=(0, white)) and pictures.account.deep == 2
    assert f"0 to {white}" in pictures.describe()


def test_the_brightest_value_need_not_be_white(tmp_path: Path) -> None:
    assert shown(read(tmp_path, {"a.tif": encode(grid(0, 3000, np.uint16))})) == [[0, 187]]  # of 12 bits


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [(np.int32, -1000, 3000), (np.int32, 0, 2**31 - 1), (np.uint16, 29_000, 31_000), (np.int32, 0, 20),
     (np.float32, -5, 5), (np.float32, 250, 310), (np.float32, 0, 0.01), (np.float32, -3e38, 3e38)],
)  # fmt: skip
def test_values_of_any_other_range_go_from_the_lowest_to_the_highest(
    tmp_path: Path, dtype: type, low: float, high: float
) -> None:
    middle = low * 0.4 + high * 0.6
    pictures = read(tmp_path, {"a.tif": encode(grid(low, high, dtype)), "b.tif": encode(grid(low, middle, dtype))})
    assert shown(pictures) == [[0, 255], [0, 153]] and pictures.skipped == []
    assert f"{low:.6g} to {high:.6g}" in pictures.describe()


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_floats_of_a_usual_range(tmp_path: Path, white: float) -> None:
    assert shown(read(tmp_path, {"a.tif": encode(grid(0, white * 0.8, np.float32))})) == [[0, 204]]


def test_unsigned_integers_of_32_bits(tmp_path: Path) -> None:
    values = grid(0, 4_000_000_000, np.uint32)[..., None]
    pictures = read(tmp_path, {"a.tif": tiff(values, "<", False), "b.tif": tiff(values // 4, "<", False)})
    assert shown(pictures) == [[0, 255], [0, 64]]
    values = grid(-100, 100, np.int32)[..., None]
    assert shown(read(tmp_path / "signed", {"a.tif": tiff(values, "<", False, sample_format=2)})) == [[0, 255]]


def test_values_that_are_not_finite_are_skipped(tmp_path: Path) -> None:
    files = {"a.tif": encode(grid(0, 1, np.float32)), "b.tif": encode(grid(0, np.nan, np.float32))}
    pictures = read(tmp_path, files)
    assert shown(pictures) == [[0, 255]] and pictures.skipped == [("b.tif", "values that are not finite")]


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("white", [4095, 65535])
def test_png_in_colours_of_16_bits(tmp_path: Path, channels: int, white: int) -> None:
    values = np.stack([grid(0, white, np.uint16)] * channels, -1)
    values[:, 0, -1] = white  # alpha, where there is one
    pictures = read(tmp_path, {"a.png": png(values)}, channels=4)
    assert pictures.images[0, 0, [0, -1]].tolist() == [[0, 0, int(channels == 3 and 255), 255], [255] * 4]
    assert pictures.account.deep == 1


def translucent(value: int, alpha: int) -> bytes:
    return png(np.stack([grid(value, value, np.uint16)] * 3 + [grid(alpha, alpha, np.uint16)], -1))


@pytest.mark.parametrize(("most", "levels"), [(4095, [255, 249, 127]), (5000, [19, 16, 8]), (65535, [255, 16, 8])])
def test_alpha_has_one_depth_for_the_set(tmp_path: Path, most: int, levels: list[int]) -> None:
    files = {f"{name}.png": translucent(4095, alpha) for name, alpha in (("a", most), ("b", 4000), ("c", 2040))}
    pictures = read(tmp_path, files, channels=4)
    assert pictures.images[:, 0, 0, 3].tolist() == levels
    (tmp_path / "a.png").unlink()
    assert read(tmp_path, {}, 4, pictures.reading).images[:, 0, 0, 3].tolist() == levels[1:]
    assert "0 to 4095 as black to white" in pictures.describe()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("channels", [3, 4])
def test_tiff_in_colours_of_16_bits(tmp_path: Path, order: str, deflate: bool, channels: int) -> None:
    noise = np.random.default_rng(0).integers(0, 4096, (SIDE, SIDE, channels)).astype(np.uint16)
    noise[..., 3:], noise[0, 0] = 4095, 4095
    pictures = read(tmp_path, {"a.tif": tiff(noise, order, deflate)}, channels=3)
    np.testing.assert_array_equal(pictures.images[0], np.rint(noise[..., :3] * (255 / 4095)))


def test_a_transparent_value(tmp_path: Path) -> None:
    grey, colours = (np.stack([grid(1000, 60_000, np.uint16)] * count, -1) for count in (1, 3))
    for values in (grey, colours):
        key = (b"tRNS", struct.pack(">H", 1000) * values.shape[2])
        pictures = read(tmp_path, {"a.png": png(values, key)}, channels=4)
        assert pictures.images[0, 0, [0, -1]].tolist() == [[0, 0, 0, 0], [233, 233, 233, 255]]


def test_turned_by_exif(tmp_path: Path) -> None:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = 2  # left is right
    Image.fromarray(grid(0, 65535, np.uint16)).save(buffer, "PNG", exif=exif)
    colours = png(np.stack([grid(0, 65535, np.uint16)] * 3, -1), (b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")))
    assert shown(read(tmp_path, {"a.png": buffer.getvalue(), "b.png": colours})) == [[255, 0]] * 2


def test_pictures_of_8_bits_are_as_they_were(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE)).astype(np.uint8)
    pictures = read(tmp_path, {"a.png": encode(noise, "PNG"), "b.tif": encode(grid(0, 4095, np.uint16))})
    np.testing.assert_array_equal(pictures.images[0, ..., 0], noise)
    assert pictures.account.deep == 1 and shown(pictures)[1] == [0, 255]


def test_pictures_that_join_a_set_have_its_scale(tmp_path: Path) -> None:
    first = read(tmp_path, {"a.tif": encode(grid(0, 4095, np.uint16))})
    files = {"b.tif": encode(grid(0, 60_000, np.uint16)), "c.tif": encode(grid(0, 2048, np.uint16))}
    later = read(tmp_path, files, reading=first.reading)
    assert shown(later) == [[0, 255], [0, 255], [0, 128]]
    assert later.reading == first.reading and later.account.clipped == 1 and "1 reach" in later.describe()


def test_integers_and_floats_of_one_set_have_a_scale_each(tmp_path: Path) -> None:
    files = {"a.tif": encode(grid(0, 4095, np.uint16)), "b.tif": encode(grid(0, 1, np.float32)), "c.tif": b"broken"}
    pictures = read(tmp_path, files)
    assert shown(pictures) == [[0, 255], [0, 255]] and len(pictures.skipped) == 1
    assert pictures.reading == Reading(integers=(0, 4095), floats=(0, 1))


def test_captioned_pictures(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(encode(grid(0, 4095, np.uint16)))
    (tmp_path / "a.txt").write_text("a step")
    pictures = load_captioned(tmp_path, resolution=SIDE, channels=3)
    assert shown(pictures) == [[0, 255]] and pictures.reading == Reading(integers=(0, 4095))
    reading = Reading(integers=(0, 65535))
    assert load_captioned(tmp_path, resolution=SIDE, channels=3, reading=reading).images.max() == 16


@settings(max_examples=40)
@given(st.sampled_from(["integers", "floats"]), st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_a_scale_holds_its_values_and_uses_a_quarter_of_the_levels(kind: str, low: float, more: float) -> None:
    high = low + more
    black, white = choose_scale(kind, low, high)  # type: ignore[arg-type]
    assert black <= low and high <= white
    assert low == high or high - low >= 0.25 * (white - black)
