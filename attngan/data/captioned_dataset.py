"""Pictures with what is said of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np

from attngan.data.captions import Captions, rank_names
from attngan.data.image_dataset import ImageDataset, count_of, name_some
from attngan.data.split import join_groups, whole_groups


@dataclass(frozen=True, eq=False, kw_only=True)
class CaptionedDataset(ImageDataset):
    """Pictures with captions, in several styles or in none; they have no classes."""

    group = "concept"

    captions: Captions
    styles: np.ndarray | None = None  #: int64 [N], 0 … len(style_names) − 1; None where there is one style at most
    style_names: list[str] = field(default_factory=list)

    @cached_property
    def fingerprint(self) -> str:
        return self._digest(self.styles, self.style_names, self.captions.digest)

    @property
    def groups(self) -> np.ndarray:
        return rank_names(self._joined)

    @property
    def labels(self) -> Sequence[str]:
        captions = self.captions
        styles = [""] * len(self) if self.styles is None else [self.style_names[one] for one in self.styles.tolist()]
        said = zip(captions.texts, captions.tags, captions.concepts, styles, strict=True)
        return [json.dumps(words) for words in said]

    def describe(self) -> str:
        """`7,022 pictures, 7,022 captions, 1,636 concepts, 2 styles`, and what has no counterpart."""
        captions = self.captions
        counts = [
            count_of(sum(map(len, captions.texts)), "caption"),
            count_of(len(set(captions.concepts)), "concept"),
            *([count_of(len(self.style_names), "style")] if self.style_names else []),
        ]
        without = [
            *_without(captions.uncaptioned, "picture", "caption"), *_without(captions.pictureless, "caption", "picture")
        ]  # fmt: skip
        return self._summarise(counts, without)

    def take(self, places: np.ndarray) -> Self:
        styles = None if self.styles is None else self.styles[places]
        return replace(super().take(places), captions=self.captions.take(places), styles=styles)

    @property
    def most_held_out(self) -> int:
        """All but one picture of each style: a style that was never seen can't be drawn."""
        return len(self) - (1 if self.styles is None else len(np.unique(self.styles)))

    def choose_held_out(self, count: int, seed: int) -> np.ndarray:
        """Whole concepts, as many as fit into the number; those that share a picture are one."""
        return whole_groups(self._joined, count, seed, self.styles)

    def choose_apart(self, count: int, seed: int) -> np.ndarray:
        return whole_groups(self.captions.concepts, count, seed, self.styles)

    @cached_property
    def _joined(self) -> list[str]:
        return join_groups(self.captions.concepts, self.first_of_equals)


def _without(names: list[str], one: str, other: str) -> list[str]:
    return [f"{count_of(len(names), one)} without a {other}: {name_some(names)}"] if names else []
