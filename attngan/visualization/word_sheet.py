"""Where a generator looks for each word: a row a picture, a heat map a word beside it."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from attngan.errors import AttnGANError
from attngan.generators.base import BATCH
from attngan.generators.text_to_image import TorchTextToImageGenerator
from attngan.random import normals
from attngan.visualization.tiles import add_caption, enlarge, legible_side, on_paper, overlay_heat
from attngan_runtime.generators.grid import check_sheet_size, grid
from attngan_runtime.generators.pixels import to_uint8
from attngan_runtime.tokenizers.prompts import Tokens


def word_sheet(
    generator: TorchTextToImageGenerator, tokens: Tokens, conditions: np.ndarray, seeds: list[int], truncation: float
) -> Image.Image:
    """A row for each prompt and seed: the picture, then for each of the prompt's words where it was looked at.

    conditions: int64 [prompts, 1 + L], of `tokens`. Heat is the share of the attention that a word has at a place,
    black where it is smallest and white where it is largest; the caption says both. A single word has all everywhere.
    Raises AttnGANError if the generator has no word attention, or the sheet would be too large.
    """
    if not generator.config.network.attention:
        raise AttnGANError("--attention", f"{generator.name} has no word attention to look at", "leave the option out")
    side, columns = legible_side(generator.resolution), 1 + max(map(len, tokens.words))
    rows = [(place, seed) for place in range(len(conditions)) for seed in seeds]
    check_sheet_size(len(rows) * columns, side, side, columns)
    pictures, maps = sample_with_attention(
        generator, conditions[[place for place, _ in rows]], [seed for _, seed in rows], truncation
    )
    tiles = []
    for (place, seed), picture, looked in zip(rows, pictures, maps, strict=True):
        shown, words = enlarge(on_paper(picture), side), tokens.words[place]
        tiles.append(add_caption(shown, f"seed {seed}"))
        for word, weights in zip(words, looked, strict=False):
            above = weights - weights.min()
            said = f"{word} {weights.min():.0%} to {weights.max():.0%}"
            tiles.append(add_caption(overlay_heat(shown, above, max(above.max(), 0.01)), said))
        blank = np.full_like(tiles[-1], 255)
        tiles += [blank] * (columns - 1 - len(words))
    return grid(np.stack(tiles), columns)


@torch.no_grad()
def sample_with_attention(
    generator: TorchTextToImageGenerator, conditions: np.ndarray, seeds: list[int], truncation: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 [B, H, W, C] and the words' shares of the attention at every place, float32 [B, L, r, r]."""
    rows = torch.from_numpy(conditions)
    z = normals(torch.tensor(seeds, dtype=torch.int64), generator.config.network.z_dim)
    drawn = []
    for row, noise in zip(rows.split(BATCH), z.split(BATCH), strict=True):
        tokens, scale = row[:, 1:], torch.full((len(row),), truncation)
        mask, style = (tokens > 0).long(), row[:, 0]
        drawn.append(generator.network.with_attention(tokens, mask, noise, style, scale))  # type: ignore[operator]
    pictures, maps = (torch.cat(parts).numpy() for parts in zip(*drawn, strict=True))
    return to_uint8(pictures), maps
