"""Small sets to train each task on, the same on every machine: pictures by class, captioned pictures, sentences.

Needs numpy and Pillow alone, so that two versions of attngan can be given the same files.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (255, 0, 0), "green": (0, 160, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
CORNERS = ("top left", "top right", "bottom left", "bottom right")
STYLES = ("flat", "soft", "thin")


def write_pictures(root: Path) -> None:
    """120 RGB pictures of 24 × 20 in three folders, one a class: noise, stripes and discs."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:20, :24]
    for index in range(120):
        name = ("disc", "noise", "stripes")[index % 3]
        colour, shift = random.integers(80, 255, 3), random.integers(4, 16)
        shapes = {"disc": (x - shift) ** 2 + (y - 10) ** 2 < 36, "noise": x >= 0, "stripes": (x + y + shift) % 6 < 3}
        pixels = random.integers(0, 80, (20, 24, 3)) + shapes[name][..., None] * (colour - 80)
        (root / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{index:03}.png")


def write_captioned(root: Path) -> None:
    """96 RGBA pictures of 16² of 32 concepts in three styles, with captions and tags: a square in a corner."""
    lines = []
    for index, (style, size, colour, corner) in enumerate(product(STYLES, ("small", "large"), COLOURS, CORNERS)):
        pixels, side = np.zeros((16, 16, 4), np.uint8), 8 if size == "large" else 5
        top, left = 8 * ("bottom" in corner), 8 * ("right" in corner)
        pixels[top : top + side, left : left + side] = [*COLOURS[colour], 128 if style == "soft" else 255]
        if style == "thin":
            pixels[top + 2 : top + side - 2, left + 2 : left + side - 2] = 0
        name = f"{style}/{index:03}.png"
        (root / style).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / name)
        lines.append({
            "file_name": name, "captions": [f"{size} {colour} square, {corner}", f"{corner}: a {size} {colour} one"],
            "tags": ["shape", colour], "style": style, "concept": f"{size} {colour} {corner}",
        })  # fmt: skip
    (root / "captions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_sentences(path: Path) -> None:
    """400 sentences of a small grammar, such as `a black dog sleeps on a beach .`, a few of them twice."""
    parts = (
        ("black", "white", "brown", "grey", "spotted"), ("dog", "cat", "bird", "horse", "fish"),
        ("sleeps", "eats", "runs", "waits"), ("on a beach", "in the kitchen", "under the old tree", "near a red house"),
    )  # fmt: skip
    found = [" ".join(("a", *words, ".")) for words in product(*parts)]
    order = np.random.default_rng(0).permutation(len(found))
    path.write_text("".join(f"{found[place]}\n" for place in [*order[:395], *order[:5]]))
