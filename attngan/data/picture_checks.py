"""What training says of pictures before it begins: refusals of those that teach nothing, remarks on others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from attngan.data.copies import near_copies
from attngan.data.image_dataset import ImageDataset, count_of
from attngan.errors import AttnGANError

SMALLEST_SEEN = 16  #: pixels a side; of less, EfficientNet-Lite0's first maps of 8² show nothing

_AT_ONCE = 1024  # pictures; bounds the memory when the array is a memory map


def check_pictures(dataset: ImageDataset, by_features: bool) -> None:
    """AttnGANError for pictures from which there is nothing to learn.

    by_features: whether a network is trained by what EfficientNet-Lite0 sees of them.
    """
    if len(dataset) > 1 and _all(dataset, lambda images: images == dataset.images[0]):
        raise AttnGANError("--data", "all pictures are the same", "name a folder of different ones")
    if _all(dataset, lambda images: images == images[:, :1, :1]):
        raise AttnGANError("--data", "every picture is of a single colour", "name a folder of pictures with a content")
    if by_features and dataset.sides is not None and dataset.sides.max() < SMALLEST_SEEN:
        raise AttnGANError(
            "--data",
            f"its largest picture has {dataset.sides.max()} pixels a side, and features need {SMALLEST_SEEN}",
            "name a folder of larger ones",
        )


def remarks(dataset: ImageDataset) -> list[str]:
    """What may be other than meant: pictures enlarged, all grey in a network that draws colours, or nearly the same."""
    found, side = [], dataset.images.shape[1]
    smaller = 0 if dataset.sides is None else int((dataset.sides < side).sum())
    if smaller:
        found.append(f"{count_of(smaller, 'picture')} smaller than {side}×{side}: enlarged, and as blurred as that")
    if dataset.images.shape[3] > 1 and _all(dataset, lambda images: images[..., :2] == images[..., 1:3]):
        found.append("all pictures are grey")
    alike = int(near_copies(dataset.images, np.unique(dataset.first_of_equals)).sum())
    if alike:
        copies = count_of(alike, "near copy", "near copies")
        found.append(f"{copies} of other pictures: held-out ones may look as those do that are trained on")
    return found


def _all(dataset: ImageDataset, holds: Callable[[np.ndarray], np.ndarray]) -> bool:
    """Whether this is so of every pixel; looks no further than the first pictures where it is not."""
    starts = range(0, len(dataset), _AT_ONCE)
    return all(bool(holds(dataset.images[start : start + _AT_ONCE]).all()) for start in starts)
