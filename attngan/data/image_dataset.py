"""What every source of pictures becomes: one array, its labels, and an account of what was left out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from attngan.data.captions import Captions

_NAMED = 3  # of the pictures left out, which `describe_pictures` names
_HASHED_AT_ONCE = 4096  # pictures; bounds the memory when the array is a memory map


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Pictures of one size, in an order that depends on their names alone."""

    images: np.ndarray  #: uint8 [N, H, W, C]; C is 1 grey, 3 RGB, 4 RGB with premultiplied alpha
    #: int64 [N], 0 … len(class_names) − 1, or None; conditions [N, 1 + L] as attngan.data.conditioning makes them
    labels: np.ndarray | None = None
    class_names: list[str] = field(default_factory=list)  #: empty if there are no labels
    skipped: list[tuple[str, str]] = field(default_factory=list)  #: (name, reason) of pictures that can't be read
    ignored: int = 0  #: files that are not of a picture type and hold no captions
    captions: Captions | None = None  #: what the pictures show, in words; then the labels are styles

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hex of shape, pixels, labels, class names and captions: equal for equal training data."""
        digest = hashlib.sha256(repr((self.images.shape, self.class_names)).encode())
        for start in range(0, len(self.images), _HASHED_AT_ONCE):
            digest.update(np.ascontiguousarray(self.images[start : start + _HASHED_AT_ONCE]).data)
        if self.labels is not None:
            digest.update(self.labels.astype("<i8").tobytes())
        if self.captions is not None:
            digest.update(self.captions.digest)
        return digest.hexdigest()


def describe_pictures(pictures: ImageDataset) -> str:
    """One line for the console: `60,000 pictures, 10 classes; 3 skipped: a.png (truncated), …`.

    Of captioned pictures `7,022 pictures, 7,022 captions, 1,636 concepts, 2 styles`, and what has no counterpart.
    """
    counts = [_count(len(pictures), "picture")]
    left_out = [f"{len(pictures.skipped):,} skipped: {name_skipped(pictures.skipped)}"] if pictures.skipped else []
    captions = pictures.captions
    if captions is not None:
        counts.append(_count(sum(map(len, captions.texts)), "caption"))
        counts.append(_count(len(set(captions.concepts)), "concept"))
        left_out += _without(captions.uncaptioned, "picture", "caption")
        left_out += _without(captions.pictureless, "caption", "picture")
    if pictures.class_names:
        named = ("class", "classes") if captions is None else ("style", "styles")
        counts.append(_count(len(pictures.class_names), *named))
    if pictures.ignored:
        left_out.append(f"{_count(pictures.ignored, 'other file')} ignored")
    return "; ".join([", ".join(counts), *left_out])


def name_skipped(skipped: list[tuple[str, str]]) -> str:
    """The first few as `name (reason)`, and `…` where there are more."""
    return name_some([f"{name} ({reason})" for name, reason in skipped])


def name_some(names: Sequence[str]) -> str:
    """The first few, and `…` where there are more."""
    return ", ".join([*names[:_NAMED], *["…"] * (len(names) > _NAMED)])


def _without(names: list[str], one: str, other: str) -> list[str]:
    return [f"{_count(len(names), one)} without a {other}: {name_some(names)}"] if names else []


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
