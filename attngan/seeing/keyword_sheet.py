"""Which key words a generator looked at when it chose each word of a sentence."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from attngan.errors import AttnGANError
from attngan.writing import LoadedWriter
from attngan_runtime.files import check_place, write_whole
from attngan_runtime.sentences import END
from attngan_runtime.tokens import PADDING

_MOST = 16  # sentences on a sheet


def keyword_sheet(writer: LoadedWriter, tokens: np.ndarray, keywords: np.ndarray, path: Path) -> None:
    """Draws a table a sentence: its words go down, its key words go right, the darker the more it was looked at.

    tokens: int64 [B, L] that the writer wrote for keywords int64 [B, K]. Raises AttnGANError if there are too many
    sentences, none has key words, or `path` is no picture file.
    """
    check_place(path, "heat.png")
    if path.suffix.lower() != ".png":
        raise AttnGANError(f"--out {path}: sheets of key words are written as .png; name one, such as heat.png")
    if len(tokens) > _MOST:
        raise AttnGANError(f"--seeds: {len(tokens)} sentences, and a sheet shows {_MOST}; give fewer seeds")
    if not keywords.any(1).all():
        raise AttnGANError("--keywords: none that it knows, so nothing was looked at; give others")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shares, words = writer.attention(tokens, keywords).numpy(), writer.tokenizer.words
    columns = min(4, len(tokens))
    rows = -(-len(tokens) // columns)
    longest = int((tokens > END).sum(1).max())
    figure = Figure(figsize=(3 * columns, rows * (1.2 + 0.22 * longest)), dpi=100, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.ravel()[len(tokens) :]:
        axis.axis("off")
    for axis, sentence, asked, share in zip(axes.ravel(), tokens, keywords, shares, strict=False):
        spoken, known = sentence[sentence > END], asked[asked != PADDING]
        axis.imshow(share[: len(spoken), : len(known)], cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axis.set_xticks(range(len(known)), [words[word] for word in known], rotation=40, ha="left")
        axis.set_yticks(range(len(spoken)), [words[word] for word in spoken])
        axis.xaxis.tick_top()
        axis.set_ylim(longest - 0.5, -0.5)  # rows as high in every table
        axis.tick_params(length=0)
    png = io.BytesIO()
    FigureCanvasAgg(figure).print_png(png)
    write_whole(path, png.getvalue())
