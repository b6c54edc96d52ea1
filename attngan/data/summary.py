"""What a set would teach: its pictures, classes, words and styles, counted, with examples."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from attngan.data.captioned_dataset import CaptionedDataset
from attngan.data.captioned_folder import find_captioned
from attngan.data.captions import Captions
from attngan.data.image_dataset import ImageDataset, name_some
from attngan.data.image_folder import load_pictures
from attngan.data.tokenizer import build_tokenizer

_LENGTH = 16  # words of a prompt in the presets
_RESOLUTION = 32  # only to know which pictures can be read
_EXAMPLES = 5


def summarise(path: Path) -> str:
    """A few lines for the console on the pictures of a source and their captions; AttnGANError as it is read."""
    captioned = find_captioned(path, resolution=_RESOLUTION, channels=4)
    if captioned is not None:
        return _captioned(captioned)
    return _pictures(load_pictures(path, resolution=_RESOLUTION, channels=4))


def _pictures(pictures: ImageDataset) -> str:
    lines = [pictures.describe()]
    if pictures.class_names:
        lines.append("classes: " + ", ".join(pictures.count_classes()))
    if pictures.sides is not None:
        least, middle, most = np.quantile(pictures.sides, [0, 0.5, 1]).astype(int)
        lines.append(f"shorter sides: {least:,} pixels at least, {middle:,} in the middle, {most:,} at most")
    return "\n".join(lines)


def _captioned(pictures: CaptionedDataset) -> str:
    captions = pictures.captions
    texts = [text for group in captions.texts for text in group]
    words = _words(captions)
    lengths = [len(words[text]) for text in texts]
    concepts = _concepts_of_words(captions, words)
    rare = sorted(word for word, count in concepts.items() if count == 1)
    long = [text for text, length in zip(texts, lengths, strict=True) if length > _LENGTH]
    empty = [text for text, length in zip(texts, lengths, strict=True) if not length]
    lines = [
        pictures.describe(),
        *_styles(pictures),
        f"captions: {len(texts) / len(pictures):.1f} a picture, {np.mean(lengths):.1f} words, {max(lengths)} at most",
        f"tags: {sum(map(len, captions.tags)) / len(pictures):.1f} a picture",
        f"vocabulary: {len(concepts):,} words, {len(rare):,} of them with one concept only{_some(rare)}",
        f"captions of more than {_LENGTH} words, which are cut: {len(long):,}{_some(long)}",
    ]
    if empty:
        lines.append(f"captions of nothing but punctuation: {len(empty):,}{_some(empty)}")
    return "\n".join([*lines, "examples:", *_examples(pictures, captions)])


def _words(captions: Captions) -> dict[str, list[str]]:
    """The words of each caption and tag, as a generator's tokenizer takes them."""
    texts = sorted({text for groups in (captions.texts, captions.tags) for group in groups for text in group})
    tokenizer = Tokenizer.from_str(build_tokenizer(texts, _LENGTH).decode())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return {text: found.tokens for text, found in zip(texts, tokenizer.encode_batch(texts), strict=True)}


def _concepts_of_words(captions: Captions, words: dict[str, list[str]]) -> Counter[str]:
    """How many concepts each word is said of."""
    said: dict[str, set[str]] = {}
    for concept, texts, tags in zip(captions.concepts, captions.texts, captions.tags, strict=True):
        said.setdefault(concept, set()).update(word for text in (*texts, *tags) for word in words[text])
    return Counter(word for found in said.values() for word in found)


def _styles(pictures: CaptionedDataset) -> list[str]:
    if pictures.styles is None:
        return []
    sizes = np.bincount(pictures.styles)
    return ["styles: " + ", ".join(f"{name} {size:,}" for name, size in zip(pictures.style_names, sizes, strict=True))]


def _examples(pictures: CaptionedDataset, captions: Captions) -> list[str]:
    """A few pictures, spread evenly over the set."""
    lines = []
    for place in np.unique(np.linspace(0, len(pictures) - 1, _EXAMPLES).astype(int)):
        style = "" if pictures.styles is None else f"; style {pictures.style_names[pictures.styles[place]]}"
        tags = f"; tags {name_some(captions.tags[place])}" if captions.tags[place] else ""
        lines.append(f"  {name_some(captions.texts[place])}{tags}{style}; concept {captions.concepts[place]}")
    return lines


def _some(names: list[str]) -> str:
    return f": {name_some(names)}" if names else ""
