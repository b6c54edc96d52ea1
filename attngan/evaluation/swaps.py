"""Pairs of real pictures whose captions differ in one word: a skin tone, a colour, a person or a direction."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from attngan.data import Captions

#: By the name of the group, sets of words of which one can stand for another; a skin tone counts as one word.
SWAPS = {
    "skin tone": (
        tuple(f"{tone} skin tone" for tone in ("light", "medium light", "medium", "medium dark", "dark")),
    ),
    "colour": (
        ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey", "gray"),
    ),
    "man, woman": (("man", "woman", "person"), ("men", "women", "people"), ("boy", "girl", "child")),
    "direction": (("left", "right"), ("up", "down")),
}  # fmt: skip


def find_swaps(captions: Captions, styles: np.ndarray | None) -> dict[str, np.ndarray]:
    """By group int64 [P, 2], the places of both pictures of each pair, in an order of chance, always the same.

    styles: int64 [N] or None; both pictures of a pair are of one style. Main captions count, in lower case and without
    punctuation; of pictures of one style that are called the same, the first.
    """
    of = np.zeros(len(captions.texts), np.int64) if styles is None else styles
    first: dict[tuple[int, str], int] = {}
    for place, (texts, style) in enumerate(zip(captions.texts, of.tolist(), strict=True)):
        first.setdefault((style, _plain(texts[0])), place)
    return {group: _find_pairs(first, sets) for group, sets in SWAPS.items()}


def _find_pairs(first: dict[tuple[int, str], int], sets: tuple[tuple[str, ...], ...]) -> np.ndarray:
    found = {
        (place, other)
        for words in sets
        for (style, text), place in first.items()
        for other_text in _change_word(text, words)
        if (other := first.get((style, other_text), -1)) > place
    }
    pairs = np.array(sorted(found), np.int64).reshape(-1, 2)
    return pairs[np.random.default_rng(0).permutation(len(pairs))]


def _change_word(text: str, words: tuple[str, ...]) -> Iterator[str]:
    """The text with one of the words it has in place of another one, every way there is."""
    # From the left, so that "medium light skin tone" is found before "light skin tone" in it.
    known = "|".join(words)
    for match in re.finditer(rf"(?<!\S)(?:{known})(?!\S)", text):
        for word in words:
            if word != match[0]:
                yield text[: match.start()] + word + text[match.end() :]


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]|_", " ", text.lower()).split())
