"""A table of pictures in one picture: names beside its rows and above its columns, and wrapped where it is long."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from attngan_runtime.generators.grid import GAP, as_image, check_sheet_size
from attngan_runtime.generators.labels import draw_label

_APART = 12  # pixels between the parts of a table that is wrapped
_FROM_LABEL = 5  # pixels between a label and its pictures
_LONG = 16  # rows or columns up to which a table stays as it is
_GREY = 118  # of labels on transparent sheets: as far from white as from black, 4.6 : 1


class Sheet:
    """Where each picture of a table stands.

    One row without names is a grid about as wide as high. A table of more than 16 rows or columns is wrapped towards
    that: rows go on in a further part to the right, columns in one below, each part under names of its own.
    """

    def __init__(
        self, rows: Sequence[str], columns: Sequence[str], height: int, width: int, most: int | None = None,
        scale: int = 1,
    ) -> None:  # fmt: skip
        """rows, columns: their names, "" where there is nothing to say. height, width: of a picture.

        most: pictures beside one another at most; if not given, what suits the table. scale: pixels a side of each
        of their pixels. Raises AttnGANError if the sheet would be larger than programs open.
        """
        self.rows, self.columns, self.scale = rows, columns, scale
        self.height, self.width = height * scale, width * scale
        check_sheet_size(len(rows) * len(columns), height, width, most)
        check_sheet_size(len(rows) * len(columns), self.height, self.width, most, f"--scale {scale}")
        self._beside = [draw_label(name) for name in rows] if any(rows) else []
        self._above = self._headings() if any(columns) else []
        self._cell_height = max([self.height, *(ink.shape[0] for ink in self._beside)])
        self._cell_width = max([self.width, *(ink.shape[1] for ink in self._above)])
        self._left = max((ink.shape[1] + _FROM_LABEL for ink in self._beside), default=0)
        self._top = max((ink.shape[0] + _FROM_LABEL for ink in self._above), default=0)
        self._apart = _APART if self._beside or self._above else GAP
        self._part = self._choose_part(most)

    def draw(self, pictures: np.ndarray) -> Image.Image:
        """The sheet of pictures uint8 [rows · columns, H, W, C], row by row; C is 1, 3 or 4."""
        pictures = pictures.repeat(self.scale, 1).repeat(self.scale, 2)
        (down, right), (high, wide) = self._part, self._part_size(*self._part)
        # White between the pictures, transparent where they can be transparent themselves.
        background = 0 if pictures.shape[3] == 4 else 255
        sheet = np.full((*self._size(down, right), pictures.shape[3]), background, np.uint8)
        for beside, row in enumerate(range(0, len(self.rows), down)):
            for below, column in enumerate(range(0, len(self.columns), right)):
                part = sheet[below * (high + self._apart) :, beside * (wide + self._apart) :]
                rows = range(row, min(row + down, len(self.rows)))
                self._draw_part(part, pictures, rows, range(column, min(column + right, len(self.columns))))
        return as_image(sheet)

    def _headings(self) -> list[np.ndarray]:
        """Upright where all of them are no wider than a picture, else turned to read upwards."""
        drawn = [draw_label(name) for name in self.columns]
        return drawn if all(ink.shape[1] <= self.width for ink in drawn) else [np.rot90(ink) for ink in drawn]

    def _choose_part(self, most: int | None) -> tuple[int, int]:
        """Rows and columns of each part of the table; all of them where it is not wrapped."""
        rows, columns = len(self.rows), len(self.columns)
        if most:
            return (math.ceil(rows / min(most // columns, rows)), columns) if most >= columns else (rows, most)
        if not (self._beside or self._above):
            return rows, math.ceil(math.sqrt(columns))
        parts = {(rows, columns)}
        parts |= {(math.ceil(rows / count), columns) for count in range(1, rows + 1) if rows > _LONG}
        parts |= {(rows, math.ceil(columns / count)) for count in range(1, columns + 1) if columns > _LONG}

        def oblong(part: tuple[int, int]) -> float:
            high, wide = self._size(*part)
            return abs(math.log(high / wide))

        return min(sorted(parts, reverse=True), key=oblong)

    def _part_size(self, rows: int, columns: int) -> tuple[int, int]:
        """Height and width of a part of so many rows and columns, with its names."""
        high, wide = rows * (self._cell_height + GAP) - GAP, columns * (self._cell_width + GAP) - GAP
        return self._top + high, self._left + wide

    def _size(self, rows: int, columns: int) -> tuple[int, int]:
        """Height and width of the sheet, in parts of so many rows and columns."""
        beside, below = math.ceil(len(self.rows) / rows), math.ceil(len(self.columns) / columns)
        high, wide = self._part_size(rows, columns)
        return below * (high + self._apart) - self._apart, beside * (wide + self._apart) - self._apart

    def _draw_part(self, sheet: np.ndarray, pictures: np.ndarray, rows: range, columns: range) -> None:
        """Everything stands in the middle of its cell, and labels as near to the pictures as they can."""
        high, wide = self._cell_height, self._cell_width
        tops = [self._top + place * (high + GAP) for place in range(len(rows))]
        lefts = [self._left + place * (wide + GAP) for place in range(len(columns))]
        for top, row in zip(tops, rows, strict=True):
            for left, column in zip(lefts, columns, strict=True):
                down, right = top + (high - self.height) // 2, left + (wide - self.width) // 2
                picture = pictures[row * len(self.columns) + column]
                sheet[down : down + self.height, right : right + self.width] = picture
        for top, row in zip(tops, rows if self._beside else (), strict=False):
            ink = self._beside[row]
            _write(sheet[top + (high - len(ink)) // 2 :, self._left - _FROM_LABEL - ink.shape[1] :], ink)
        for left, column in zip(lefts, columns if self._above else (), strict=False):
            ink = self._above[column]
            _write(sheet[self._top - _FROM_LABEL - len(ink) :, left + (wide - ink.shape[1]) // 2 :], ink)


def _write(sheet: np.ndarray, ink: np.ndarray) -> None:
    """Lays a label into the upper left corner of a sheet."""
    high, wide = ink.shape
    if sheet.shape[2] == 4:
        sheet[:high, :wide, :3], sheet[:high, :wide, 3] = _GREY, ink
    else:
        sheet[:high, :wide] = 255 - ink[..., None]
