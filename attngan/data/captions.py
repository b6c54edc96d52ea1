"""What pictures show, in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np


def rank_names(names: list[str]) -> np.ndarray:
    """int64 [N]: the place of each name among the sorted different ones."""
    places = {name: place for place, name in enumerate(sorted(set(names)))}
    return np.array([places[name] for name in names], np.int64)


@dataclass(frozen=True, eq=False)
class Captions:
    """The words of N pictures, in the order of the pictures."""

    texts: list[tuple[str, ...]]  #: of each picture its captions, one at least; the first is the main one
    tags: list[tuple[str, ...]]  #: of each picture its key words, maybe none
    concepts: list[str]  #: what each picture shows; pictures of one concept never cross training and held-out
    uncaptioned: list[str] = field(default_factory=list)  #: names of pictures left out because nothing describes them
    pictureless: list[str] = field(default_factory=list)  #: names under which there is a caption and no picture

    def take(self, places: np.ndarray) -> Captions:
        """Those of some of the pictures; what was left out is not repeated."""
        chosen = [int(place) for place in places]
        return Captions(
            [self.texts[place] for place in chosen],
            [self.tags[place] for place in chosen],
            [self.concepts[place] for place in chosen],
        )

    def all_texts(self) -> Iterator[str]:
        """Every caption and every tag of every picture."""
        return (text for group in (*self.texts, *self.tags) for text in group)

    @cached_property
    def numbers(self) -> np.ndarray:
        """int64 [N]: the number of each picture's concept."""
        return rank_names(self.concepts)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of texts, tags and concepts."""
        return hashlib.sha256(json.dumps([self.texts, self.tags, self.concepts]).encode()).digest()
