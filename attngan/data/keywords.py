"""The key words of a sentence: its content words, by a rule that needs no model.

A word counts unless it holds no letter or stands in stop_words.txt, a list of English function words: articles,
pronouns, prepositions, conjunctions, auxiliaries and the like. Of a sentence in another language every word counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from attngan.random import uniforms

FEWEST_KEY_WORDS, MOST_KEY_WORDS = 2, 5  #: key words drawn for a sentence that has as many


@cache
def stop_words() -> frozenset[str]:
    """English function words, in lower case."""
    return frozenset(Path(__file__).with_name("stop_words.txt").read_text(encoding="utf-8").split())


def content_words(words: Iterable[str]) -> list[str]:
    """The content words among words in lower case, each once, in their order."""
    return [word for word in dict.fromkeys(words) if any(map(str.isalpha, word)) and word not in stop_words()]


def draw_content_words(content: Tensor, seeds: Tensor, most: int, without: float = 0.0) -> Tensor:
    """int64 [B, most]: some of each sentence's content words in random order, then 0.

    content: int64 [B, C], their numbers, then 0. seeds: int64 [B], which decide. Of a sentence FEWEST_KEY_WORDS to
    `most` words are drawn, all numbers alike, or as many as it has; with probability `without` none at all.
    """
    chance = uniforms(seeds, content.shape[1] + 2)
    order = chance[:, 2:].masked_fill(content == 0, 2.0).argsort(1)[:, :most]
    found = torch.nn.functional.pad(content.gather(1, order), (0, most - order.shape[1]))
    count = FEWEST_KEY_WORDS + (chance[:, 0] * (most + 1 - FEWEST_KEY_WORDS)).long()
    count = torch.where(chance[:, 1] < without, 0, count)
    return torch.where(torch.arange(most, device=content.device) < count[:, None], found, 0)
