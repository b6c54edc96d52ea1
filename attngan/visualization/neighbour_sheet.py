"""Generated pictures, each beside its nearest training pictures, drawn as one picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from attngan.visualization.tiles import enlarge, on_paper

_SIDE = 96  # pixels that a picture is enlarged to, or as near as a whole factor comes
_GAP, _TEXT, _LINE, _MARGIN = 6, 15, 18, 12
_INK, _WARNING = "#202020", "#c00000"


@dataclass(frozen=True)
class Block:
    """Rows of a generated picture and its nearest training pictures."""

    title: str
    seeds: np.ndarray  #: int64 [R]
    drawn: np.ndarray  #: uint8 [R, H, W, C], RGBA premultiplied
    found: np.ndarray  #: uint8 [R, K, H, W, C]: training pictures, nearest first
    distances: np.ndarray  #: float [R, K]
    warn_below: float  #: distances that are drawn in red


def neighbour_sheet(blocks: list[Block], heading: list[str]) -> Image.Image:
    """RGB: the blocks side by side below the lines of a heading; under each picture its seed or its distance.

    Pictures smaller than 96² are enlarged by a whole factor, pixel by pixel.
    """
    side = blocks[0].drawn.shape[1]
    cell = side * max(round(_SIDE / side), 1)
    width = (1 + blocks[0].found.shape[1]) * (cell + _GAP) + _GAP  # one more gap sets the generated picture off
    height = cell + _TEXT + _GAP
    top = _MARGIN + (len(heading) + 1) * _LINE + _GAP
    rows = max(len(block.seeds) for block in blocks)
    size = (len(blocks) * (width + _MARGIN) + _MARGIN, top + rows * height + _MARGIN)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    for number, line in enumerate(heading):
        pen.text((_MARGIN, _MARGIN + number * _LINE), line, _INK, font)
    for index, block in enumerate(blocks):
        left = _MARGIN + index * (width + _MARGIN)
        pen.text((left, top - _LINE), block.title, _INK, font)
        for row in range(len(block.seeds)):
            _draw_row(sheet, font, block, row, (left, top + row * height), cell)
    return sheet


def _draw_row(
    sheet: Image.Image, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, block: Block, row: int,
    corner: tuple[int, int], cell: int,
) -> None:  # fmt: skip
    pen = ImageDraw.Draw(sheet)
    left, top = corner
    sheet.paste(_tile(block.drawn[row], cell), (left, top))
    pen.text((left, top + cell), f"seed {block.seeds[row]}", _INK, font)
    for rank, (picture, distance) in enumerate(zip(block.found[row], block.distances[row], strict=True), 1):
        place = left + rank * (cell + _GAP) + _GAP
        sheet.paste(_tile(picture, cell), (place, top))
        pen.text((place, top + cell), f"{distance:.2f}", _WARNING if distance < block.warn_below else _INK, font)


def _tile(picture: np.ndarray, side: int) -> Image.Image:
    return Image.fromarray(enlarge(on_paper(picture, premultiplied=True), side))
