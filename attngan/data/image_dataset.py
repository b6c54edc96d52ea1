"""Pictures as one array with their classes, and an account of what was left out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from attngan.data.dataset import Dataset, hash_samples
from attngan.data.pixels import take_pixels
from attngan.data.reading import NOTHING, UNFIXED, Account, Reading
from attngan.data.split import holdout_seed, whole_copies
from attngan_runtime.errors import printable

_NAMED = 3  # of the pictures left out, which `describe` names
_CLASSES = 10  # of which the data line gives names and numbers
_HASHED_AT_ONCE = 4096  # pictures; bounds the memory when the array is a memory map


@dataclass(frozen=True, eq=False)
class ImageDataset(Dataset):
    """Pictures of one size, by class or without, in an order that depends on their names alone."""

    unit = "images"
    noun = "pictures"
    group = "picture"

    images: np.ndarray  #: uint8 [N, H, W, C]; C is 1 grey, 3 RGB, 4 RGB with premultiplied alpha
    classes: np.ndarray | None = None  #: int64 [N], 0 … len(class_names) − 1; None where there are none
    class_names: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    ignored: int = 0  #: files that are not of a picture type and hold no captions
    sides: np.ndarray | None = None  #: int64 [N], pixels that became a side of the square; None if not known
    reading: Reading = UNFIXED  #: how they were read, so that others can be read alike
    account: Account = NOTHING  #: of what that did to them
    notes: list[str] = field(default_factory=list)  #: what of their layout was used, and what was left out

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def fingerprint(self) -> str:
        return self._digest(self.classes, self.class_names, b"")

    @cached_property
    def keys(self) -> np.ndarray:
        return hash_samples(picture.tobytes() for picture in self.images)

    @property
    def labels(self) -> Sequence[str]:
        if self.classes is None:
            return super().labels
        return [self.class_names[number] for number in self.classes.tolist()]

    @cached_property
    def first_of_equals(self) -> np.ndarray:
        """int64 [N]: of each picture the place of the first one with the same pixels."""
        _, first, which = np.unique(self.keys, return_index=True, return_inverse=True)
        return first[which]

    @property
    def copies(self) -> int:
        return int((self.first_of_equals != np.arange(len(self))).sum())

    @property
    def about(self) -> dict[str, Any]:
        return {"copies": self.copies} if self.copies else {}

    def _digest(self, numbers: np.ndarray | None, names: list[str], captions: bytes) -> str:
        """SHA-256 in hex of shape, pixels, what each picture is numbered and named as, and its captions."""
        digest = hashlib.sha256(repr((self.images.shape, names)).encode())
        for start in range(0, len(self.images), _HASHED_AT_ONCE):
            digest.update(np.ascontiguousarray(self.images[start : start + _HASHED_AT_ONCE]).data)
        if numbers is not None:
            digest.update(numbers.astype("<i8").tobytes())
        digest.update(captions)
        return digest.hexdigest()

    def describe(self) -> str:
        """`60 pictures, 59 different, 2 classes (cat: 40, dog: 20); 3 skipped: a.png (truncated), …`."""
        counts = self.count_classes()
        named = ", ".join([*counts[:_CLASSES], *["…"] * (len(counts) > _CLASSES)])
        classes = f"{count_of(len(counts), 'class', 'classes')} ({named})"
        return self._summarise([classes] if counts else [], [])

    def count_classes(self) -> list[str]:
        """Each class with the number of its pictures: `cat: 40`."""
        if self.classes is None:
            return []
        sizes = np.bincount(self.classes, minlength=len(self.class_names))
        return [f"{name}: {size:,}" for name, size in zip(self.class_names, sizes, strict=True)]

    def _summarise(self, counts: Sequence[str], left_out: list[str]) -> str:
        skipped = [f"{len(self.skipped):,} skipped: {name_skipped(self.skipped)}"] if self.skipped else []
        others = [f"{count_of(self.ignored, 'other file')} ignored"] if self.ignored else []
        different = [f"{len(self) - self.copies:,} different"] if self.copies else []
        first = ", ".join([count_of(len(self), "picture"), *different, *counts])
        read = self.account.describe(self.reading, self.images.shape[-1])
        return printable("; ".join([first, *self.notes, *read, *skipped, *left_out, *others]))

    def take(self, places: np.ndarray) -> Self:
        classes = None if self.classes is None else self.classes[places]
        sides = None if self.sides is None else self.sides[places]
        return replace(
            self, images=take_pixels(self.images, places), classes=classes, skipped=[], ignored=0, sides=sides,
            account=NOTHING, notes=[],
        )  # fmt: skip

    @property
    def most_held_out(self) -> int:
        """All but one, or but one picture of each class: a class that was never seen can't be drawn."""
        return len(self) - (1 if self.classes is None else len(np.unique(self.classes)))

    def choose_held_out(self, count: int, seed: int) -> np.ndarray:
        """Pictures with the same pixels go together; classes keep their shares as nearly as that allows."""
        if self.copies:
            return whole_copies(self.first_of_equals, count, seed, self.classes)
        return self.choose_apart(count, seed)

    def choose_apart(self, count: int, seed: int) -> np.ndarray:
        """Classes keep their shares as nearly as whole numbers allow.

        That is every k-th picture of a shuffled list that is sorted by class and lacks the first of each.
        """
        order = np.random.default_rng(holdout_seed(seed)).permutation(len(self))
        if self.classes is not None:
            order = order[np.argsort(self.classes[order], kind="stable")]
            order = np.delete(order, np.unique(self.classes[order], return_index=True)[1])
        places = (np.arange(count) + 0.5) * len(order) / max(count, 1)
        chosen = np.zeros(len(self), bool)
        chosen[order[places.astype(np.int64)]] = True
        return chosen


def name_skipped(skipped: list[tuple[str, str]]) -> str:
    """The first few as `name (reason)`, and `…` where there are more."""
    return name_some([f"{name} ({reason})" for name, reason in skipped])


def name_some(names: Sequence[str]) -> str:
    """The first few, and `…` where there are more."""
    return ", ".join([*names[:_NAMED], *["…"] * (len(names) > _NAMED)])


def count_of(number: int, one: str, many: str | None = None) -> str:
    """`1 picture`, `2,000 pictures`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
