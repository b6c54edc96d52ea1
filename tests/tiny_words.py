"""Text to image runs of a second or two: 48 captioned pictures of 16², squares of one colour in a corner."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from attngan.config import RunConfig
from attngan.data import CaptionedDataset
from attngan.data.captions import Captions
from attngan.presets import preset
from attngan.tasks import TASKS
from attngan.tasks.base import TrainOptions

COLOURS = {"red": (255, 0, 0), "green": (0, 160, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
PLACES = ("top left", "top right", "bottom left", "bottom right")
STYLES = ("flat", "soft", "thin")


def picture(colour: str, place: str, style: str) -> np.ndarray:
    """uint8 [16, 16, 4] with premultiplied alpha."""
    alpha = {"flat": 255, "soft": 128, "thin": 255}[style]
    pixels = np.zeros((16, 16, 4), np.uint8)
    top, left = 8 * ("bottom" in place), 8 * ("right" in place)
    side = 4 if style == "thin" else 8
    pixels[top : top + side, left : left + side] = [*(value * alpha // 255 for value in COLOURS[colour]), alpha]
    return pixels


def captioned() -> CaptionedDataset:
    """48 pictures of 16 concepts in three styles."""
    named = [(colour, place, style) for style in STYLES for colour in COLOURS for place in PLACES]
    texts = [(f"{colour} square, {place}", f"{place}: a {colour} one") for colour, place, _ in named]
    captions = Captions(texts, [("shape", colour) for colour, _, _ in named], [f"{c} {p}" for c, p, _ in named])
    images, styles = np.stack([picture(*one) for one in named]), np.repeat(np.arange(3), 16)
    return CaptionedDataset(images, captions=captions, styles=styles, style_names=list(STYLES))


def write_captioned(root: Path) -> Path:
    """The same as a folder with captions.jsonl."""
    pictures, lines = captioned(), []
    captions = pictures.captions
    for index, (image, label) in enumerate(zip(pictures.images, pictures.styles, strict=True)):
        name = f"{STYLES[label]}/{index:02}.png"
        (root / STYLES[label]).mkdir(exist_ok=True)
        straight = image.copy()
        straight[..., :3] = np.where(image[..., 3:] > 0, image[..., :3] * 255.0 / np.maximum(image[..., 3:], 1), 0)
        Image.fromarray(straight).save(root / name)
        lines.append({
            "file_name": name, "captions": captions.texts[index], "tags": captions.tags[index],
            "style": STYLES[label], "concept": captions.concepts[index],
        })  # fmt: skip
    (root / "captions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


def words_config(pictures: CaptionedDataset, images: int = 320, **changes: object) -> tuple[RunConfig, bytes]:
    """The preset tiny-words for these pictures, and its tokenizer.json; `changes` are of its TrainingConfig."""
    network, training = preset("tiny-words")
    training = replace(training, images=images, matching_images=256, **changes)
    return TASKS["text-to-image"].complete(network, training, TrainOptions("tiny-words"), pictures)
