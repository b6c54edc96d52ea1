"""Which key words a generator looked at when it chose each word of a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from attngan.errors import AttnGANError
from attngan.generators.text import TorchTextGenerator
from attngan.visualization.curves import render_png
from attngan_runtime.saving import check_output_file, write_output
from attngan_runtime.tokenizers.sentences import END
from attngan_runtime.tokenizers.word_level import PADDING

_MOST = 16  # sentences on a sheet
_COLUMNS = 4
_ROW, _WIDTH, _HEAD = 0.22, 3.0, 1.3  # inches: a word's row, a table, and what stands above its first row


def check_sheet(writer: TorchTextGenerator, keywords: np.ndarray, path: Path) -> None:
    """AttnGANError unless a sheet of as many sentences as keywords int64 [B, K] has rows can be written to `path`."""
    if not writer.config.network.cross_attention:
        raise AttnGANError("--attention", f"{writer.name} has no attention to key words to look at", "leave it out")
    check_output_file(path, "heat.png")
    if path.suffix.lower() != ".png":
        raise AttnGANError(f"--out {path}", "sheets of key words are written as .png", "name one, such as heat.png")
    if len(keywords) > _MOST:
        raise AttnGANError("--seeds", f"{len(keywords)} sentences, and a sheet shows {_MOST}", "give fewer seeds")
    if not keywords.any(1).all():
        raise AttnGANError("--keywords", "none that it knows, so nothing was looked at", "give others")


def keyword_sheet(
    writer: TorchTextGenerator, tokens: np.ndarray, keywords: np.ndarray, seeds: Sequence[int], path: Path
) -> None:
    """Draws a table a sentence: its words go down, its key words go right, the darker the more it was looked at.

    tokens: int64 [B, L] that the writer wrote for keywords int64 [B, K] by the seeds. Raises AttnGANError as
    `check_sheet` does.
    """
    check_sheet(writer, keywords, path)
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    shares, words = writer.attention(tokens, keywords).numpy(), writer.tokenizer.words
    columns = min(_COLUMNS, len(set(seeds)))  # so that few seeds are a row for each set of key words
    rows = -(-len(tokens) // columns)
    longest = int((tokens > END).sum(1).max())
    size = (_WIDTH * columns + 0.8, rows * (_HEAD + _ROW * longest))
    figure = Figure(figsize=size, dpi=100, layout=ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.1))
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.ravel():
        axis.axis("off")
    for axis, sentence, asked, share, seed in zip(axes.ravel(), tokens, keywords, shares, seeds, strict=False):
        spoken, known = sentence[sentence > END], asked[asked != PADDING]
        axis.axis("on")
        axis.spines[:].set_visible(False)
        looked = share[: len(spoken), : len(known)]
        cells = axis.pcolormesh(looked, cmap="Blues", vmin=0, vmax=1, edgecolors="#bbb", linewidth=0.5)
        labels = [words[word] for word in known]
        axis.set_xticks(np.arange(len(known)) + 0.5, labels, rotation=35, ha="left", rotation_mode="anchor")
        axis.set_yticks(np.arange(len(spoken)) + 0.5, [words[word] for word in spoken])
        axis.xaxis.tick_top()
        axis.set_ylim(longest, 0)  # rows as high in every table
        axis.tick_params(length=0)
        axis.set_title(f"seed {seed}", loc="left", fontsize=10, fontweight="bold")
    figure.colorbar(cells, ax=axes, label="share of attention", shrink=min(1.0, 3.0 / size[1]), aspect=15)
    write_output(path, render_png(figure))
