"""What every source of pictures becomes: one array, its labels, and an account of what was left out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

_NAMED = 3  # skipped pictures that `describe` names
_HASHED_AT_ONCE = 4096  # pictures; bounds the memory when the array is a memory map


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of one size, in an order that depends on their names alone."""

    images: np.ndarray  #: uint8 [N, H, W, C]; C is 1 grey, 3 RGB, 4 RGB with premultiplied alpha
    labels: np.ndarray | None = None  #: int64 [N], 0 … len(class_names) − 1, or None
    class_names: list[str] = field(default_factory=list)  #: empty if there are no labels
    skipped: list[tuple[str, str]] = field(default_factory=list)  #: (name, reason) of pictures that can't be read
    ignored: int = 0  #: files that are not of a picture type

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hex of shape, pixels, labels and class names: equal for equal training data."""
        digest = hashlib.sha256(repr((self.images.shape, self.class_names)).encode())
        for start in range(0, len(self.images), _HASHED_AT_ONCE):
            digest.update(np.ascontiguousarray(self.images[start : start + _HASHED_AT_ONCE]).data)
        if self.labels is not None:
            digest.update(self.labels.astype("<i8").tobytes())
        return digest.hexdigest()


def describe(pictures: Pictures) -> str:
    """One line for the console: `60,000 pictures, 10 classes; 3 skipped: a.png (truncated), …`."""
    line = _count(len(pictures), "picture")
    if pictures.class_names:
        line += f", {_count(len(pictures.class_names), 'class', 'classes')}"
    if pictures.skipped:
        line += f"; {len(pictures.skipped):,} skipped: {name_skipped(pictures.skipped)}"
    if pictures.ignored:
        line += f"; {_count(pictures.ignored, 'other file')} ignored"
    return line


def name_skipped(skipped: list[tuple[str, str]]) -> str:
    """The first few as `name (reason)`, and `…` where there are more."""
    named = [f"{name} ({reason})" for name, reason in skipped[:_NAMED]]
    return ", ".join(named + ["…"] * (len(skipped) > _NAMED))


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
