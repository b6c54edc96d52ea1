"""Pictures that training never shows, against which overfitting is measured."""

from __future__ import annotations

import numpy as np

from attngan.data import ImageDataset, TextDataset
from attngan.data.captions import numbered
from attngan.random import derive
from attngan.streams import Stream

_FEWEST, _MOST = 20, 1000  # of a tenth: an error bar needs the one, no figure here needs more than the other


def usual_holdout(data: ImageDataset | TextDataset) -> int:
    """How much a run holds out: a tenth, 20 to 1,000 pictures or sentences, never above a fifth or `most_held_out`."""
    count = len(data)
    return min(max(count // 10, _FEWEST), _MOST, count // 5, most_held_out(data))


def most_held_out(data: ImageDataset | TextDataset) -> int:
    """All but one, or but one picture of each class: a class that was never seen can't be drawn."""
    return len(data) - (1 if isinstance(data, TextDataset) or data.labels is None else len(np.unique(data.labels)))


def split(pictures: ImageDataset | TextDataset, held_out: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(places of the training pictures or sentences, places of the held-out ones), int64 and rising.

    The same for the same pictures, number and seed of the run. Classes keep their shares as nearly as whole numbers
    allow: every k-th picture of a shuffled list that is sorted by class and lacks the first of each.
    Captioned pictures are held out by whole concepts, as many as fit into the number.
    Equal sentences are held out together, for the same reason. held_out: `most_held_out` at most.
    """
    if isinstance(pictures, TextDataset):
        chosen = whole_concepts(pictures.sentences, held_out, seed)
        return np.flatnonzero(~chosen), np.flatnonzero(chosen)
    if pictures.captions is not None:
        chosen = whole_concepts(pictures.captions.concepts, held_out, seed, pictures.labels)
        return np.flatnonzero(~chosen), np.flatnonzero(chosen)
    order = np.random.default_rng(int(derive(seed, Stream.HOLDOUT))).permutation(len(pictures))
    if pictures.labels is not None:
        order = order[np.argsort(pictures.labels[order], kind="stable")]
        order = np.delete(order, np.unique(pictures.labels[order], return_index=True)[1])
    places = (np.arange(held_out) + 0.5) * len(order) / max(held_out, 1)
    chosen = np.zeros(len(pictures), bool)
    chosen[order[places.astype(np.int64)]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def whole_concepts(concepts: list[str], held_out: int, seed: int, styles: np.ndarray | None = None) -> np.ndarray:
    """bool [N]: the pictures of shuffled concepts, each taken if it still fits into the number.

    One concept stays, and with styles int64 [N] one of each style: a style that was never seen can't be drawn.
    """
    numbers = numbered(concepts)
    sizes = np.bincount(numbers)
    drawn_in = set(zip(numbers.tolist(), (np.zeros_like(numbers) if styles is None else styles).tolist(), strict=True))
    own: dict[int, set[int]] = {}
    for number, style in drawn_in:
        own.setdefault(number, set()).add(style)
    chosen, room, kept = np.zeros(len(sizes), bool), held_out, set[int]()
    for concept in np.random.default_rng(int(derive(seed, Stream.HOLDOUT))).permutation(len(sizes)).tolist():
        if not own[concept] <= kept:
            kept |= own[concept]
        elif sizes[concept] <= room:
            chosen[concept], room = True, room - sizes[concept]
    return chosen[numbers]


def take(pictures: ImageDataset, places: np.ndarray) -> ImageDataset:
    """A copy of some of the pictures, in memory; what was skipped or ignored is not repeated."""
    labels = None if pictures.labels is None else pictures.labels[places]
    captions = None if pictures.captions is None else pictures.captions.take(places)
    return ImageDataset(pictures.images[places], labels, pictures.class_names, captions=captions)
