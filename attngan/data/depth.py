"""Pictures of more than 8 bits a channel: their values, and one scale on which a whole set of them becomes 8 bits."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile

Kind = Literal["integers", "floats"]

# White of the depths that cameras, scanners and programs write: 8, 10, 12, 14 and 16 bits; floats to 1, or as integers.
_WHITES: dict[Kind, tuple[float, ...]] = {"integers": (255, 1023, 4095, 16383, 65535), "floats": (1, 255, 65535)}
_USED = 0.25  # share of such a depth that a set's values span at least; less would leave it 64 levels of 256

# Pillow keeps the high byte of each value of 16-bit colours. Read in the other byte order, it keeps the low one.
_SWAPPED = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_OTHER = {f"{mode};16{one}": f"{mode};16{other}" for mode in ("RGB", "RGBA", "RGBX") for one, other in _SWAPPED.items()}
_OTHER["LA;16B"] = "RGBA"
_OPAQUE = 65535
_SAMPLE_FORMAT = 339  # of TIFF; 1 is unsigned


@dataclass(frozen=True, eq=False)
class Deep:
    """The values of a picture with more than 8 bits a channel."""

    values: np.ndarray  #: [H, W] grey or [H, W, 3], integers or floats, finite
    alpha: np.ndarray | None  #: uint16 [H, W]; None if it is opaque

    @property
    def kind(self) -> Kind:
        return "floats" if self.values.dtype.kind == "f" else "integers"

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return float(self.values.min()), float(self.values.max())

    @property
    def most_opaque(self) -> float:
        """The highest alpha; 0 without any."""
        return 0.0 if self.alpha is None else float(self.alpha.max())

    def exceeds(self, black: float, white: float, _opaque: float = _OPAQUE) -> bool:
        """Whether values lie beyond a scale."""
        low, high = self.span
        return low < black or high > white

    def narrow(self, black: float, white: float, opaque: float = _OPAQUE) -> Image.Image:
        """The picture in mode L, LA, RGB or RGBA; values beyond the scale are cut off."""
        picture = Image.fromarray(_levels(self.values, black, white))
        if self.alpha is not None:
            picture.putalpha(Image.fromarray(_levels(self.alpha, 0, opaque)))
        return picture


def _levels(values: np.ndarray, black: float, white: float) -> np.ndarray:
    levels = (values.astype(np.float64) - black) * (255.0 / (white - black))
    return np.rint(levels.clip(0, 255)).astype(np.uint8)


def choose_scale(kind: Kind, low: float, high: float, alpha: float = 0) -> tuple[float, ...]:
    """(black, white) for values from `low` to `high`: a usual depth's if they use it, else these two.

    With an alpha of at most as many bits, (black, white, opaque): it counts as the colours do.
    """
    usual = next((white for white in _WHITES[kind] if high <= white), None) if low >= 0 else None
    if usual and (high - low >= _USED * usual or low == high):
        black, white = 0.0, float(usual)
    else:
        black, white = low, high if high > low else low + 1
    return (black, white, white) if 0 < alpha <= white < _OPAQUE else (black, white)


def read_deep(image: ImageFile, content: bytes, upright: Callable[[Image.Image], Image.Image]) -> Deep | None:
    """The values of a picture with more than 8 bits a channel; None for any other, which is then loaded as it was.

    image: opened, not loaded yet. content: its bytes. Raises ValueError for values that are not finite.
    """
    low = _low_bytes(image, content)
    image.load()
    if low is not None:
        return _colours(np.asarray(upright(image)), np.asarray(upright(low)), image)
    if not image.mode.startswith(("I", "F")):
        return None
    values = np.asarray(upright(image))
    if values.dtype == np.int32 and _is_unsigned(image):
        values = values.view(np.uint32)
    if not np.isfinite(values).all():
        raise ValueError("values that are not finite")
    key = image.info.get("transparency")
    return Deep(values, _alpha(values == key) if isinstance(key, int) else None)


def _low_bytes(image: ImageFile, content: bytes) -> Image.Image | None:
    """The lower byte of each value of a picture in 16-bit colours; None for any other picture."""
    orders = {_order(tile.args) for tile in image.tile}
    if not orders or not orders <= _OTHER.keys():
        return None
    low = Image.open(io.BytesIO(content), formats=[image.format or ""])
    low.tile = [tile._replace(args=_other_order(tile.args)) for tile in low.tile]
    if orders != {"LA;16B"}:
        return low
    _, value, _, alpha = low.split()  # the high byte of each comes first
    grey = Image.merge("RGBA", [value, value, value, alpha])
    grey.info = low.info  # which says how it is turned
    return grey


def _order(args: Any) -> str:
    """Pillow's name for how a file holds its pixels."""
    return str(args if isinstance(args, str) else args[0])


def _other_order(args: Any) -> Any:
    other = _OTHER[_order(args)]
    return other if isinstance(args, str) else (other, *args[1:])


def _colours(high: np.ndarray, low: np.ndarray, image: ImageFile) -> Deep:
    both = high.astype(np.uint16) * 256 + low
    values = both[..., :3]
    if image.mode == "RGBA":
        return Deep(values, both[..., 3])
    key = image.info.get("transparency")
    return Deep(values, _alpha((values == np.array(key)).all(-1)) if isinstance(key, tuple) else None)


def _alpha(transparent: np.ndarray) -> np.ndarray:
    return np.where(transparent, 0, _OPAQUE).astype(np.uint16)


def _is_unsigned(image: ImageFile) -> bool:
    """Of a TIFF with integers of 32 bits, which Pillow reads as signed ones in any case."""
    return image.format == "TIFF" and next(iter(image.tag_v2.get(_SAMPLE_FORMAT, (1,)))) == 1  # type: ignore[attr-defined]
