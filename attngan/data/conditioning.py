"""Captioned pictures as conditions: int64 [B, 1 + L], the style, then the words as tokens, 0 where there is none."""

from __future__ import annotations

from collections import Counter

import numpy as np

from attngan.data.captioned_dataset import CaptionedDataset
from attngan_runtime.tokenizers.prompts import Tokenizer

# Shares of what a picture is called: nothing, so that empty prompts have a meaning (Ho & Salimans 2022, section 3.2);
# some of its tags; its caption and a tag or two; else one of its captions alone.
_EMPTY, _TAGS_ALONE, _WITH_TAGS = 0.1, 0.1, 0.3


class Conditions:
    """The captions, tags and styles of pictures, as tokens."""

    def __init__(self, pictures: CaptionedDataset, tokenizer: Tokenizer) -> None:
        self.length = tokenizer.length
        self.styles = np.zeros(len(pictures), np.int64) if pictures.styles is None else pictures.styles
        self._texts = _encode(pictures.captions.texts, tokenizer)
        self._tags = _encode(pictures.captions.tags, tokenizer)

    def main(self, places: np.ndarray) -> np.ndarray:
        """The conditions [B, 1 + L] of pictures under their first captions."""
        return self._rows(places, [self._texts[place][0] for place in places])

    def rarity(self, places: np.ndarray) -> np.ndarray:
        """float [B], up to 1: how often pictures should be shown for rare words to be learnt beside common ones.

        The fourth root of the least frequency of a word in that of the picture's own rarest word (after Mikolov et al.
        2013, eq. 5, who take the square root, which leaves too few smiling faces): a hundred pictures that differ in
        skin tones alone then count as thirty.
        """
        words = [set(self._texts[place][0]) for place in places]
        counts = Counter(word for some in words for word in some)
        rarest = np.array([min((counts[word] for word in some), default=len(words)) for some in words], float)
        return (rarest.min() / rarest) ** 0.25

    def draw(self, places: np.ndarray, seeds: np.ndarray, *, always: bool = False) -> np.ndarray:
        """The conditions [B, 1 + L] of pictures under what chance calls them.

        seeds: int64 [B], the whole randomness of each row. always: say something of every picture.
        """
        called = [self._draw_tokens(place, seed, always) for place, seed in zip(places, seeds, strict=True)]
        return self._rows(places, called)

    def _draw_tokens(self, place: int, seed: int, always: bool) -> list[int]:
        chance = np.random.default_rng(seed)
        texts, tags = self._texts[place], self._tags[place]
        kind = chance.random() * (1 - _EMPTY if always else 1)
        text = texts[chance.integers(len(texts))]
        if kind < _TAGS_ALONE and tags:
            return _join_tags(tags, chance, 3)
        if kind < _TAGS_ALONE + _WITH_TAGS:
            return text + _join_tags(tags, chance, 2)
        return text if kind < 1 - _EMPTY else []

    def _rows(self, places: np.ndarray, tokens: list[list[int]]) -> np.ndarray:
        rows = np.zeros((len(places), 1 + self.length), np.int64)
        rows[:, 0] = self.styles[places]
        for row, words in zip(rows, tokens, strict=True):
            words = words[: self.length]
            row[1 : 1 + len(words)] = words
        return rows


def _join_tags(tags: list[list[int]], chance: np.random.Generator, most: int) -> list[int]:
    """One to `most` of the tags in random order, as one row of tokens; empty if there are none."""
    chosen = chance.permutation(len(tags))[: chance.integers(1, most + 1)]
    return [token for tag in chosen for token in tags[tag]]


def _encode(groups: list[tuple[str, ...]], tokenizer: Tokenizer) -> list[list[list[int]]]:
    """The tokens of every text of every picture."""
    known: dict[str, list[int]] = {}  # the tags of an emoji stand under each of its skin tones
    texts = list(dict.fromkeys(text for group in groups for text in group))
    for start in range(0, len(texts), 4096):  # with what the tokenizer tells of each, 4 MB at a time
        part = texts[start : start + 4096]
        for text, row in zip(part, tokenizer.encode(part).ids, strict=True):
            known[text] = row[row > 0].tolist()
    return [[known[text] for text in group] for group in groups]
