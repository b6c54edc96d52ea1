"""Colour profiles: what a picture's numbers mean, put into sRGB."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

_SAME = 3  # levels of 255 by which profiles that are called sRGB differ from one another
_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # of profiles, and the mode of their pictures
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
_PROBE = np.stack(np.meshgrid(*[np.linspace(0, 255, 9).astype(np.uint8)] * 3), -1).reshape(27, 27, 3)


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bool]:
    """The picture in sRGB, and whether its profile had to be ignored: a broken one, or one for other pictures.

    image: of 8 bits, in any mode. profile: ICC, as files embed it. Pictures that are in sRGB already stay as they are,
    and so do those in Lab, whose numbers are colours as people see them.
    """
    if not profile or image.mode == "LAB":
        return image, False
    try:
        mode, transform = _transform(profile)
        if transform is None:
            return image, False
        return _apply(image, mode, transform)
    except MemoryError:
        raise
    except Exception:  # LittleCMS and Pillow refuse profiles by errors of many classes
        return image, True


def _apply(image: Image.Image, mode: str, transform: Any) -> tuple[Image.Image, bool]:
    alpha = None
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or image.has_transparency_data:
        image = image.convert("LA" if image.mode in ("L", "La", "LA") else "RGBA")
        alpha = image.getchannel("A")
    if image.mode in ("1", "LA"):
        image = image.convert("L")
    elif image.mode in ("P", "PA", "RGBA", "RGBX"):
        image = image.convert("RGB")
    if image.mode == "L" and mode == "RGB":  # grey values of that colour space
        image = image.convert("RGB")
    if image.mode != mode:
        return _with_alpha(image, alpha), True
    done = ImageCms.applyTransform(image, transform)
    assert done is not None
    return _with_alpha(done.getchannel("G") if mode == "L" else done, alpha), False


def _with_alpha(image: Image.Image, alpha: Image.Image | None) -> Image.Image:
    if alpha is not None:
        image.putalpha(alpha)
    return image


@lru_cache(maxsize=64)
def _transform(profile: bytes) -> tuple[str, Any]:
    """The mode of pictures that a profile is for, and what puts them into sRGB; None where that changes nothing."""
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    mode = _SPACES[opened.profile.xcolor_space]
    transform = ImageCms.buildTransform(
        opened, ImageCms.createProfile("sRGB"), mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC, _FLAGS
    )
    return mode, None if _is_srgb(mode, transform) else transform


def _is_srgb(mode: str, transform: Any) -> bool:
    """Whether it leaves colours, or greys, as they are."""
    if mode == "CMYK":
        return False
    probe = Image.fromarray(_PROBE) if mode == "RGB" else Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    done = np.asarray(ImageCms.applyTransform(probe, transform)).astype(int)
    return int(np.abs(done - np.asarray(probe.convert("RGB"))).max()) <= _SAME
