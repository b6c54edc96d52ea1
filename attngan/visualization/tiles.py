"""Pictures as tiles of a sheet: enlarged, on white, with captions, marks and heat."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from attngan.data.transforms import on_white, premultiply

LEGIBLE = 160  # pixels a side; a caption of 24 letters fits above
CAPTION = 18  # pixels above each tile
_MARK = (0, 200, 255)  # no colour of the heat map


def enlarge(pictures: np.ndarray, side: int) -> np.ndarray:
    """[…, H, W, C] → each pixel a square of side/W pixels (nearest neighbour); `side` is a multiple of H = W."""
    times = side // pictures.shape[-2]
    return pictures.repeat(times, axis=-3).repeat(times, axis=-2)


def legible_side(side: int) -> int:
    """The smallest multiple of `side` that is at least LEGIBLE pixels."""
    return side * math.ceil(LEGIBLE / side)


def on_paper(picture: np.ndarray, premultiplied: bool = False) -> np.ndarray:
    """[H, W, 3] of a grey, RGB or RGBA picture; white where it is transparent. premultiplied: as a dataset has it."""
    if picture.shape[2] != 4:
        return np.broadcast_to(picture, (*picture.shape[:2], 3))
    return on_white(picture if premultiplied else premultiply(picture))


def overlay_heat(picture: np.ndarray, weights: np.ndarray, hottest: float | None = None) -> np.ndarray:
    """Lays weights [r, r] over a picture uint8 [H, H, 3] as heat: its grey darkened, and coloured where they are.

    hottest: the weight that is shown white; the largest of them if not given.
    """
    from matplotlib import colormaps

    heat = enlarge(weights[..., None] / (hottest or weights.max()), len(picture))
    colour = colormaps["inferno"](heat[..., 0])[..., :3] * 255
    grey = picture.mean(-1, keepdims=True)
    return np.rint(0.35 * grey * (1 - heat) + colour * (0.65 + 0.35 * heat)).astype(np.uint8)


def mark_cell(picture: np.ndarray, place: tuple[int, int], cells: int) -> np.ndarray:
    """A frame around the cell (x, y) of cells², wide enough to be seen where cells are single pixels."""
    cell = len(picture) // cells
    image = Image.fromarray(picture)
    left, top = place[0] * cell, place[1] * cell
    ImageDraw.Draw(image).rectangle((left - 1, top - 1, left + cell, top + cell), outline=_MARK, width=2)
    return np.asarray(image)


def add_caption(picture: np.ndarray, text: str) -> np.ndarray:
    """uint8 [H + caption, W, 3]; what doesn't fit of the text is cut off."""
    strip = Image.new("RGB", (picture.shape[1], CAPTION), "white")
    ImageDraw.Draw(strip).text((1, 2), text, "black", caption_font(11))
    return np.concatenate([np.asarray(strip), picture])


@cache
def caption_font(size: int) -> ImageFont.FreeTypeFont:
    """matplotlib's DejaVu Sans; Pillow's own font has no ²."""
    from matplotlib import get_data_path

    return ImageFont.truetype(Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf", size)
