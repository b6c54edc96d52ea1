"""One picture file → a uint8 square: every mode, orientation, size and kind of damage."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from attngan.data.reading import UNFIXED
from attngan.data.transforms import (
    FORMATS,
    MAX_PIXELS,
    Picture,
    Span,
    UnreadablePictureError,
    decode_picture,
    on_white,
)  # fmt: skip

SIDE = 16


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def halves(left: int, right: int) -> Image.Image:
    """Grey, 16×16, one value on each side."""
    pixels = np.full((SIDE, SIDE), left, np.uint8)
    pixels[:, SIDE // 2 :] = right
    return Image.fromarray(pixels)


def decode(content: bytes, channels: int) -> np.ndarray:
    """Of a set of this one picture."""
    found = decode_picture(content, SIDE, channels)
    if isinstance(found, Span):
        found = decode_picture(content, SIDE, channels, UNFIXED.fix({found.kind: (found.low, found.high)}))
    assert isinstance(found, Picture)
    return found.pixels


def corners(content: bytes, channels: int = 3) -> list[tuple[int, ...]]:
    """The pixel at the middle of each quarter: top left, top right, bottom left, bottom right."""
    picture = decode(content, channels)
    assert picture.shape == (SIDE, SIDE, channels) and picture.dtype == np.uint8
    return [tuple(int(v) for v in picture[y, x]) for y in (4, 12) for x in (4, 12)]


def test_grey_becomes_equal_colours_and_opaque() -> None:
    content = encode(halves(10, 200))
    assert corners(content, 1)[:2] == [(10,), (200,)]
    assert corners(content, 3)[:2] == [(10, 10, 10), (200, 200, 200)]
    assert corners(content, 4)[:2] == [(10, 10, 10, 255), (200, 200, 200, 255)]


def test_colour_becomes_grey_by_luma() -> None:
    assert corners(encode(Image.new("RGB", (SIDE, SIDE), (255, 0, 0))), 1)[0] == (76,)  # 0.299 · 255


def test_one_bit() -> None:
    assert corners(encode(halves(0, 255).convert("1")))[:2] == [(0, 0, 0), (255, 255, 255)]


def test_palette_and_its_transparency() -> None:
    image = Image.new("P", (SIDE, SIDE), 1)
    image.putpalette([250, 0, 0, 0, 250, 0])
    image.paste(0, (0, 0, 8, SIDE))
    assert corners(encode(image))[:2] == [(250, 0, 0), (0, 250, 0)]
    see_through = encode(image, transparency=0)
    assert corners(see_through)[:2] == [(255, 255, 255), (0, 250, 0)]
    assert corners(see_through, 4)[:2] == [(0, 0, 0, 0), (0, 250, 0, 255)]


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_shows_white_or_is_premultiplied(mode: str) -> None:
    image = Image.merge("LA", (Image.new("L", (SIDE, SIDE), 100), halves(255, 51))).convert(mode)
    content = encode(image)
    half = 255 - 51 + 20  # 51 / 255 of 100, over white
    assert corners(content)[:2] == [(100, 100, 100), (half, half, half)]
    assert corners(content, 1)[:2] == [(100,), (half,)]
    assert corners(content, 4)[:2] == [(100, 100, 100, 255), (20, 20, 20, 51)]


def test_palette_with_alpha_channel() -> None:
    image = Image.merge("RGBA", (*Image.new("RGB", (SIDE, SIDE), (0, 0, 200)).split(), halves(255, 0)))
    from attngan.data.transforms import fit, to_plain

    picture = fit(to_plain(image.convert("PA")), SIDE, 3)
    assert picture[4, 12].tolist() == [255, 255, 255]
    assert picture[4, 4, 2] > 150 and picture[4, 4, 0] < 60  # the web palette is coarse


def test_transparent_colour_of_grey_and_rgb() -> None:
    assert corners(encode(halves(10, 200), transparency=10))[:2] == [(255, 255, 255), (200, 200, 200)]
    rgb = halves(10, 200).convert("RGB")
    assert corners(encode(rgb, transparency=(10, 10, 10)))[:2] == [(255, 255, 255), (200, 200, 200)]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind: str) -> None:
    red = Image.new("CMYK", (SIDE, SIDE), (0, 255, 255, 0))
    r, g, b = corners(encode(red, kind))[0]
    assert r > 230 and g < 30 and b < 30


@pytest.mark.parametrize(
    "kind", ["AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TGA", "TIFF", "WEBP"]
)
def test_formats(kind: str) -> None:
    if kind == "AVIF" and "AVIF" not in FORMATS:
        pytest.skip("this Pillow has no AVIF")
    left, right = corners(encode(halves(40, 220).convert("RGB"), kind))[:2]
    assert all(abs(v - 40) < 6 for v in left) and all(abs(v - 220) < 6 for v in right)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    upright = Image.fromarray(np.repeat(np.repeat(np.array([[0, 80], [160, 240]], np.uint8), 8, 0), 8, 1))
    undo = {  # what turns the upright picture into the stored one, by the EXIF standard
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = upright if orientation == 1 else upright.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert corners(encode(stored, exif=exif), 1) == [(0,), (80,), (160,), (240,)]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_is_no_damage() -> None:
    content = encode(halves(10, 200).convert("RGB"), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")
    assert abs(corners(content)[0][0] - 10) < 4


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("L", (SIDE, SIDE), value) for value in (50, 150)]
    for kind in ("GIF", "PNG", "WEBP"):
        content = encode(frames[0].convert("RGB"), kind, save_all=True, append_images=[frames[1].convert("RGB")])
        assert abs(corners(content)[0][0] - 50) < 4, kind


def test_resized_without_aliasing_and_cropped_at_the_centre() -> None:
    stripes = np.zeros((64, 192), np.uint8)
    stripes[:, ::2] = 255  # the finest pattern there is: antialiased it is even grey
    stripes[:, :64] = 0
    stripes[:, 128:] = 0
    picture = decode(encode(Image.fromarray(stripes)), 1)[:, 1:-1]
    assert abs(int(picture.min()) - 128) < 20 and abs(int(picture.max()) - 128) < 20


def test_large_photograph_is_reduced_evenly() -> None:
    ramp = np.tile(np.linspace(0, 255, 1200).astype(np.uint8), (1200, 1))
    picture = decode(encode(Image.fromarray(ramp), "JPEG", quality=95), 1)[..., 0].astype(int)
    expected = (np.arange(SIDE) + 0.5) * 255 / SIDE
    assert np.abs(picture - expected).max() < 3


def test_same_size_is_untouched() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE + 3, 3), np.uint8)
    picture = decode(encode(Image.fromarray(pixels)), 3)
    np.testing.assert_array_equal(picture, pixels[:, 1 : 1 + SIDE])


@settings(max_examples=60)
@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"]),
    channels=st.sampled_from([1, 3, 4]),
    seed=st.integers(0, 9),
)
def test_any_size_and_mode(size: tuple[int, int], mode: str, channels: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 4), np.uint8)
    if mode == "I;16":
        image = Image.fromarray(noise.astype(np.uint16)[..., 0] * 257)
    else:
        image = Image.fromarray(noise[..., : 4 if "A" in mode else 3]).convert(mode)
    picture = decode(encode(image, "TIFF" if mode == "CMYK" else "PNG"), channels)
    assert picture.shape == (SIDE, SIDE, channels) and picture.dtype == np.uint8
    if channels == 4:
        assert (picture[..., :3] <= picture[..., 3:]).all()  # premultiplied: no colour above its alpha
        if "A" not in mode:
            assert (picture[..., 3] == 255).all()


@given(st.integers(0, 255), st.integers(0, 255))
def test_on_white_is_the_same_before_and_after_premultiplying(value: int, alpha: int) -> None:
    premultiplied = np.asarray(Image.new("RGBA", (1, 1), (value, value, value, alpha)).convert("RGBa"))
    exact = 255 + (value - 255) * alpha / 255
    assert abs(int(on_white(premultiplied)[0, 0, 0]) - exact) <= 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_files_are_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = encode(Image.fromarray(noise), kind)
    with pytest.raises(UnreadablePictureError):
        decode_picture(content[: int(len(content) * share)], SIDE, 3)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "empty file"), (b"hello, world", "not a picture"), (b"%!PS-Adobe-3.0", "not a pict")]
)
def test_what_is_no_picture(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadablePictureError, match=reason):
        decode_picture(content, SIDE, 3)


def test_truncated_is_called_so() -> None:
    content = encode(Image.effect_noise((64, 64), 80), "JPEG")
    with pytest.raises(UnreadablePictureError, match=r"^truncated$"):
        decode_picture(content[: len(content) // 2], SIDE, 3)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [10_000, 60_000])
def test_decompression_bombs_are_refused_before_they_unfold(side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    assert side**2 > MAX_PIXELS
    with pytest.raises(UnreadablePictureError, match="too large"):
        decode_picture(content, SIDE, 3)
