"""Attention maps as one sheet: a row a picture, the chosen point marked, a heat map for each head beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from attngan.generators.image import TorchImageGenerator
from attngan.visualization.attention_maps import AttentionMaps, attention_maps, layers
from attngan.visualization.tiles import CAPTION, add_caption, enlarge, legible_side, mark_cell, on_paper, overlay_heat
from attngan_runtime.generators.grid import check_sheet_size, grid


def attention_sheet(
    generator: TorchImageGenerator, seeds: list[int], classes: list[int], truncation: float, point: tuple[int, int]
) -> Image.Image:
    """A row for each seed and class: the picture, then what each head of each attention layer looks at from `point`.

    classes: empty for an unconditional generator. Raises AttnGANError if the point lies outside of the picture, the
    generator has no attention, or the sheet would be too large.
    """
    side = legible_side(generator.resolution)
    columns = 1 + sum(layer.attention.num_heads for layer in layers(generator.network))
    named: Sequence[int | None] = classes or (None,)
    pairs = [(seed, label) for seed in seeds for label in named]
    check_sheet_size(len(pairs) * columns, side + CAPTION, side, columns)
    labels = np.array([label for _, label in pairs], np.int64) if classes else None
    pictures, found = attention_maps(generator, [seed for seed, _ in pairs], labels, truncation, point)
    tiles = []
    for index, (seed, label) in enumerate(pairs):
        name = "" if label is None else f" {generator.choice_names[label]}"
        picture = enlarge(on_paper(pictures[index]), side)
        tiles.append(add_caption(mark_cell(picture, point, pictures.shape[1]), f"seed {seed}{name}"))
        tiles += [tile for maps in found for tile in _head_tiles(picture, maps, index)]
    return grid(np.stack(tiles), columns)


def _head_tiles(picture: np.ndarray, maps: AttentionMaps, index: int) -> list[np.ndarray]:
    """One tile a head; the hottest place of each is white, and the caption says what share of the attention it has."""
    tiles = []
    for head, weights in enumerate(maps.weights[index], 1):
        tile = mark_cell(overlay_heat(picture, weights), maps.token[::-1], maps.resolution)
        tiles.append(add_caption(tile, f"{maps.resolution}² head {head}, max {weights.max():.1%}"))
    return tiles
