"""The bytes of one picture file → a uint8 square of the size and the channels asked for."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

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


class UnreadablePictureError(Exception):
    """A picture that has to be skipped; the message is the reason, in a few words."""


def decode_picture(content: bytes, resolution: int, channels: int) -> tuple[np.ndarray, int]:
    """uint8 [resolution, resolution, channels] of a file's bytes, and its shorter side in pixels before it was fitted.

    The picture stands upright, its shorter side is fitted, and its centre cropped.

    channels: 1 grey or 3 RGB, where transparency shows white; 4 RGB premultiplied by alpha, then alpha.
    Of an animation the first frame. Raises UnreadablePictureError.
    """
    if not content:
        raise UnreadablePictureError("empty file")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            side = min(image.size)  # before draft, which makes a JPEG smaller
            image.draft(None, (resolution * _DECODED,) * 2)  # JPEG only; other formats ignore it
            if image.width * image.height > MAX_PIXELS:
                raise UnreadablePictureError(f"too large: {image.width}×{image.height} pixels")
            image.load()
            return fit(to_plain(_upright(image)), resolution, channels), side
    except UnreadablePictureError:
        raise
    except Exception as error:  # damaged files make Pillow's decoders raise nearly anything
        raise UnreadablePictureError(_reason(error)) from error


def to_plain(image: Image.Image) -> Image.Image:
    """The same picture in mode L, RGB or RGBa (premultiplied), 8 bits a channel; wider values are scaled, not clipped.

    Raises UnreadablePictureError for values without a meaning as brightness (NaN, floats beyond 16 bits).
    """
    if image.mode.startswith(("I", "F")):
        return _narrow(image)
    if image.mode == "RGBa":
        return image
    if image.mode == "La" or image.has_transparency_data:
        return image.convert("LA").convert("RGBa") if image.mode == "La" else image.convert("RGBA").convert("RGBa")
    if image.mode in ("1", "L"):
        return image.convert("L")
    return image.convert("RGB")


def fit(image: Image.Image, resolution: int, channels: int) -> np.ndarray:
    """Resizes the central square of a picture in mode L, RGB or RGBa → uint8 [resolution, resolution, channels]."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    if side == resolution:
        square = image.crop(box)
    else:
        size = (resolution, resolution)
        square = image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=_REDUCED)
    return with_channels(square, channels)


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
    except Exception:  # unreadable EXIF says nothing about the orientation, and the pixels are fine
        return image


def _narrow(image: Image.Image) -> Image.Image:
    """Modes I, I;16 and F → L, or RGBa where one grey value stands for transparency."""
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise UnreadablePictureError("values that are not finite")
    low, high = values.min(), values.max()
    if low < 0 or high > 65535:
        raise UnreadablePictureError(f"values from {low:.6g} to {high:.6g}, not 0 to 65535")
    full = 65535.0
    if image.mode.startswith("F") and high <= 255:
        full = 1.0 if high <= 1 else 255.0
    grey = Image.fromarray(np.rint(values * (255.0 / full)).astype(np.uint8))
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return grey
    alpha = Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8))
    return Image.merge("LA", (grey, alpha)).convert("RGBA").convert("RGBa")


def _reason(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return "too large: more than 178 million pixels"
    if isinstance(error, Image.UnidentifiedImageError):
        return "not a picture that Pillow can read"
    text = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
    return "truncated" if "truncated" in text.lower() else text
