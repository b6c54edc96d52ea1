"""The bytes of one picture file → a uint8 square of the size and the channels asked for."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from attngan.data.colour import to_srgb
from attngan.data.depth import Kind, read_deep
from attngan.data.reading import UNFIXED, Fit, Reading

# A closed list, so that a file called .png never reaches Ghostscript or another outside program. Older versions of
# Pillow lack some (AVIF before 11.3). JPEG stands for the multi-picture files of cameras too.
Image.init()
FORMATS = tuple(
    name
    for name in (
        "AVIF", "BMP", "DDS", "DIB", "GIF", "ICNS", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "QOI", "SGI",
        "TGA", "TIFF", "WEBP", "XBM", "XPM",
    )
    if name in Image.OPEN
)  # fmt: skip

# 89 million pixels, Pillow's own bound for a suspect: decoded as RGBA they take 360 MB in each thread.
MAX_PIXELS = 89_478_485

# JPEG decodes at 1/2, 1/4 or 1/8 size as long as twice the target is left (as in Pillow's thumbnail), and resizing
# starts with a box reduction to three times the target; Lanczos does the rest. At 32² a photograph of 1920×1280
# differs from Lanczos alone by 0.3 of 255 levels on average.
_DECODED, _REDUCED = 2, 3.0
_NO_MEMORY = "out of memory"  # of an OSError by which Pillow's decoders say so


class UnreadablePictureError(Exception):
    """A picture that has to be skipped; the message is the reason, in a few words."""


class FailedReadError(UnreadablePictureError):
    """The same where the disk, or a want of memory, is the reason, so that it may be read another time."""


def not_read(error: Exception, damaged: str) -> UnreadablePictureError:
    """What is raised for an error that an archive's reader raises; `damaged` says what is, if the disk isn't to blame.

    The disk's errors have a number, those of a reader that finds damage don't. Raises MemoryError as it is.
    """
    if isinstance(error, MemoryError):
        raise error
    if isinstance(error, OSError) and error.errno:
        return FailedReadError(error.strerror)
    return UnreadablePictureError(f"{damaged}: {str(error)[:60] or type(error).__name__}")


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that was read."""

    pixels: np.ndarray  #: uint8 [resolution, resolution, channels]
    side: int  #: how many of its pixels became a side of the square
    oblong: bool = False  #: whether it was not square
    deep: bool = False  #: whether it had more than 8 bits a channel
    clipped: bool = False  #: and values beyond the scale
    unprofiled: bool = False  #: whether it has a colour profile that can't be used


@dataclass(frozen=True)
class Span:
    """Of pictures for whose values there is no scale yet, the lowest and the highest."""

    kind: Kind
    low: float
    high: float
    alpha: float = 0.0  #: the highest; 0 without any

    def __or__(self, other: Span) -> Span:
        """That of both, of one kind."""
        return Span(self.kind, min(self.low, other.low), max(self.high, other.high), max(self.alpha, other.alpha))


def decode_picture(content: bytes, resolution: int, channels: int, reading: Reading = UNFIXED) -> Picture | Span:
    """A file's bytes as a picture in sRGB; the span of its values, where it takes a scale that `reading` doesn't have.

    The picture stands upright and is fitted as `fit` says.

    channels: 1 grey or 3 RGB, where transparency shows white; 4 RGB premultiplied by alpha, then alpha.
    Of an animation the first frame. Raises UnreadablePictureError.
    """
    if not content:
        raise UnreadablePictureError("empty file")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            size = image.size  # before draft, which makes a JPEG smaller
            image.draft(None, (resolution * _DECODED,) * 2)  # JPEG only; other formats ignore it
            if image.width * image.height > MAX_PIXELS:
                raise UnreadablePictureError(f"too large: {image.width}×{image.height} pixels")
            deep = read_deep(image, content, _upright)
            scale = reading.scale(deep.kind) if deep else ()
            if deep and not scale:
                return Span(deep.kind, *deep.span, deep.most_opaque)
            shown, unprofiled = to_srgb(deep.narrow(*scale) if deep else _upright(image), image.info.get("icc_profile"))
            pixels = fit(to_plain(shown), resolution, channels, reading.fit)
            side = max(size) if reading.fit == "pad" else min(size)
            return Picture(
                pixels, side, size[0] != size[1], bool(deep), deep is not None and deep.exceeds(*scale), unprofiled
            )
    except (UnreadablePictureError, MemoryError):
        raise
    except Exception as error:  # damaged files make Pillow's decoders raise nearly anything
        kind = FailedReadError if _NO_MEMORY in str(error) else UnreadablePictureError
        raise kind(_reason(error)) from error


def to_plain(image: Image.Image) -> Image.Image:
    """A picture of 8 bits a channel in mode L, RGB or RGBa (premultiplied)."""
    if image.mode == "RGBa":
        return image
    if image.mode == "La" or image.has_transparency_data:
        return image.convert("LA").convert("RGBa") if image.mode == "La" else image.convert("RGBA").convert("RGBa")
    if image.mode in ("1", "L"):
        return image.convert("L")
    return image.convert("RGB")


def fit(image: Image.Image, resolution: int, channels: int, how: Fit = "crop") -> np.ndarray:
    """A picture in mode L, RGB or RGBa as a square → uint8 [resolution, resolution, channels].

    how: "crop" fits the shorter side and cuts the middle out; "pad" fits the longer side and leaves the rest
    transparent, which shows white without alpha; "stretch" fits both.
    """
    width, height = image.size
    if how == "pad" and width != height:
        return _padded(image, resolution, channels)
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    box = (0, 0, width, height) if how == "stretch" else (left, top, left + side, top + side)
    return with_channels(_resized(image, (resolution, resolution), box), channels)


def _padded(image: Image.Image, resolution: int, channels: int) -> np.ndarray:
    longer = max(image.size)
    size = tuple(max(1, round(side * resolution / longer)) for side in image.size)
    pixels = with_channels(_resized(image, size, (0, 0, *image.size)), channels)
    rest = [(resolution - side) // 2 for side in pixels.shape[:2]]
    around = [(before, resolution - side - before) for before, side in zip(rest, pixels.shape[:2], strict=True)]
    return np.pad(pixels, (*around, (0, 0)), constant_values=0 if channels == 4 else 255)


def _resized(image: Image.Image, size: tuple[int, ...], box: tuple[int, int, int, int]) -> Image.Image:
    """The part of a picture in the box, left, top, right and bottom, at a size of width and height."""
    if size == (box[2] - box[0], box[3] - box[1]):
        return image.crop(box)
    return image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=_REDUCED)  # type: ignore[arg-type]


def with_channels(image: Image.Image, channels: int) -> np.ndarray:
    """A picture in mode L, RGB or RGBa → uint8 [H, W, channels], composited on white unless channels is 4."""
    if channels == 4:
        if image.mode != "RGBa":
            return np.asarray(image.convert("RGBA"))
        pixels = np.array(image)
        # Lanczos overshoots at edges, and no premultiplied colour may exceed its alpha.
        pixels[..., :3] = np.minimum(pixels[..., :3], pixels[..., 3:])
        return pixels
    if image.mode == "RGBa":
        image = Image.fromarray(on_white(np.asarray(image)))
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return pixels.reshape(*pixels.shape[:2], channels)


def on_white(pixels: np.ndarray) -> np.ndarray:
    """Premultiplied uint8 [..., 4] → uint8 [..., 3] over white: colour + 255 − alpha."""
    return (255 - pixels[..., 3:] + np.minimum(pixels[..., :3], pixels[..., 3:])).astype(np.uint8)


def premultiply(pixels: np.ndarray) -> np.ndarray:
    """Straight alpha, as files have it, uint8 [..., 4] → the same multiplied by alpha, as training has it."""
    alpha = pixels[..., 3:]
    colour = np.rint(pixels[..., :3] * (alpha / 255.0)).astype(np.uint8)
    return np.concatenate([colour, alpha], -1)


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except MemoryError:
        raise
    except Exception:  # unreadable EXIF says nothing about the orientation, and the pixels are fine
        return image


def _reason(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return "too large: more than 178 million pixels"
    if isinstance(error, Image.UnidentifiedImageError):
        return "not a picture that Pillow can read"
    text = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
    return "truncated" if "truncated" in text.lower() else text
