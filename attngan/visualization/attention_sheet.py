"""Attention maps as one sheet: a row a picture, the chosen point marked, a heat map for each head beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from attngan.checkpoint import LoadedGenerator
from attngan.data.transforms import on_white, premultiply
from attngan.visualization.attention_maps import AttentionMaps, attention_maps, layers
from attngan.visualization.enlarge import enlarged, legible_side
from attngan_runtime.generators.grid import check_sheet_size, grid

_CAPTION = 18  # pixels above each tile
_MARK = (0, 200, 255)  # no colour of the heat map


def attention_sheet(
    generator: LoadedGenerator, seeds: list[int], classes: list[int], truncation: float, point: tuple[int, int]
) -> Image.Image:
    """A row for each seed and class: the picture, then what each head of each attention layer looks at from `point`.

    classes: empty for an unconditional generator. Raises AttnGANError if the point lies outside of the picture, the
    generator has no attention, or the sheet would be too large.
    """
    side = legible_side(generator.config.picture_network.resolution)
    columns = 1 + sum(layer.attention.num_heads for layer in layers(generator.network))
    named: Sequence[int | None] = classes or (None,)
    pairs = [(seed, label) for seed in seeds for label in named]
    check_sheet_size(len(pairs) * columns, side + _CAPTION, side, columns)
    labels = [label for _, label in pairs if label is not None] or None
    pictures, found = attention_maps(generator, [seed for seed, _ in pairs], labels, truncation, point)
    tiles = []
    for index, (seed, label) in enumerate(pairs):
        name = "" if label is None else f" {generator.config.class_names[label]}"
        picture = enlarged(on_paper(pictures[index]), side)
        tiles.append(captioned(_marked(picture, point, pictures.shape[1]), f"seed {seed}{name}"))
        tiles += [tile for maps in found for tile in _head_tiles(picture, maps, index)]
    return grid(np.stack(tiles), columns)


def _head_tiles(picture: np.ndarray, maps: AttentionMaps, index: int) -> list[np.ndarray]:
    """One tile a head; the hottest place of each is white, and the caption says what share of the attention it has."""
    tiles = []
    for head, weights in enumerate(maps.weights[index], 1):
        tile = _marked(heated(picture, weights), maps.token[::-1], maps.resolution)
        tiles.append(captioned(tile, f"{maps.resolution}² head {head}, max {weights.max():.1%}"))
    return tiles


def heated(picture: np.ndarray, weights: np.ndarray, hottest: float | None = None) -> np.ndarray:
    """Lays weights [r, r] over a picture uint8 [H, H, 3] as heat: its grey darkened, and coloured where they are.

    hottest: the weight that is shown white; the largest of them if not given.
    """
    from matplotlib import colormaps

    heat = enlarged(weights[..., None] / (hottest or weights.max()), len(picture))
    colour = colormaps["inferno"](heat[..., 0])[..., :3] * 255
    grey = picture.mean(-1, keepdims=True)
    return np.rint(0.35 * grey * (1 - heat) + colour * (0.65 + 0.35 * heat)).astype(np.uint8)


def _marked(picture: np.ndarray, place: tuple[int, int], cells: int) -> np.ndarray:
    """A frame around the cell (x, y) of cells², wide enough to be seen where cells are single pixels."""
    cell = len(picture) // cells
    image = Image.fromarray(picture)
    left, top = place[0] * cell, place[1] * cell
    ImageDraw.Draw(image).rectangle((left - 1, top - 1, left + cell, top + cell), outline=_MARK, width=2)
    return np.asarray(image)


def captioned(picture: np.ndarray, text: str) -> np.ndarray:
    """uint8 [H + caption, W, 3]; what doesn't fit of the text is cut off."""
    strip = Image.new("RGB", (picture.shape[1], _CAPTION), "white")
    ImageDraw.Draw(strip).text((1, 2), text, "black", _font())
    return np.concatenate([np.asarray(strip), picture])


def on_paper(picture: np.ndarray) -> np.ndarray:
    """[H, W, 3] of a grey, RGB or RGBA picture; white where it is transparent."""
    if picture.shape[2] != 4:
        return np.broadcast_to(picture, (*picture.shape[:2], 3))
    return on_white(premultiply(picture))


@cache
def _font() -> ImageFont.FreeTypeFont:
    """matplotlib's DejaVu Sans; Pillow's own font has no ²."""
    from matplotlib import get_data_path

    return ImageFont.truetype(Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf", 11)
