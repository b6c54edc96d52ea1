"""Captioned pictures as conditions: int64 [B, 1 + L], the style, then the words as tokens, 0 where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from attngan.data.pictures import Pictures
from attngan_runtime.tokens import Tokenizer

# Shares of what a picture is called: nothing, so that empty prompts have a meaning (Ho & Salimans 2022, section 3.2);
# some of its tags; its caption and a tag or two; else one of its captions alone.
_EMPTY, _TAGS_ALONE, _WITH_TAGS = 0.1, 0.1, 0.3


class Conditions:
    """The captions, tags and styles of pictures, as tokens."""

    def __init__(self, pictures: Pictures, tokenizer: Tokenizer) -> None:
        assert pictures.captions is not None
        self.length = tokenizer.length
        self.styles = np.zeros(len(pictures), np.int64) if pictures.labels is None else pictures.labels
        self._texts = _encoded(pictures.captions.texts, tokenizer)
        self._tags = _encoded(pictures.captions.tags, tokenizer)

    def main(self, places: np.ndarray) -> np.ndarray:
        """The conditions [B, 1 + L] of pictures under their first captions."""
        return self._rows(places, [self._texts[place][0] for place in places])

    def drawn(self, places: np.ndarray, seeds: np.ndarray, *, always: bool = False) -> np.ndarray:
        """The conditions [B, 1 + L] of pictures under what chance calls them.

        seeds: int64 [B], the whole randomness of each row. always: say something of every picture.
        """
        called = [self._called(place, seed, always) for place, seed in zip(places, seeds, strict=True)]
        return self._rows(places, called)

    def _called(self, place: int, seed: int, always: bool) -> list[int]:
        chance = np.random.default_rng(seed)
        texts, tags = self._texts[place], self._tags[place]
        kind = chance.random() * (1 - _EMPTY if always else 1)
        text = texts[chance.integers(len(texts))]
        if kind < _TAGS_ALONE and tags:
            return _joined(tags, chance, 3)
        if kind < _TAGS_ALONE + _WITH_TAGS:
            return text + _joined(tags, chance, 2)
        return text if kind < 1 - _EMPTY else []

    def _rows(self, places: np.ndarray, tokens: list[list[int]]) -> np.ndarray:
        rows = np.zeros((len(places), 1 + self.length), np.int64)
        rows[:, 0] = self.styles[places]
        for row, words in zip(rows, tokens, strict=True):
            words = words[: self.length]
            row[1 : 1 + len(words)] = words
        return rows


def with_conditions(pictures: Pictures, tokenizer: Tokenizer) -> Pictures:
    """The same pictures, labelled by their conditions [N, 1 + L] under their first captions."""
    rows = Conditions(pictures, tokenizer).main(np.arange(len(pictures)))
    return replace(pictures, labels=rows, class_names=[])


def _joined(tags: list[list[int]], chance: np.random.Generator, most: int) -> list[int]:
    """One to `most` of the tags in random order, as one row of tokens; empty if there are none."""
    chosen = chance.permutation(len(tags))[: chance.integers(1, most + 1)]
    return [token for tag in chosen for token in tags[tag]]


def _encoded(groups: list[tuple[str, ...]], tokenizer: Tokenizer) -> list[list[list[int]]]:
    """The tokens of every text of every picture."""
    texts = [text for group in groups for text in group]
    tokens = tokenizer.encode(texts)
    rows = iter([ids[mask > 0].tolist() for ids, mask in zip(tokens.ids, tokens.mask, strict=True)])
    return [[next(rows) for _ in group] for group in groups]
