"""What draws the pictures that are measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from attngan.data import ImageDataset
from attngan.errors import AttnGANError

#: (seeds int64 [B], conditions with a row a seed or None) → uint8 [B, H, W, C], RGBA premultiplied as a dataset has it
Draw = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


def sample_reader(pictures: ImageDataset, draw: Draw, conditions: np.ndarray | None) -> Callable[[slice], np.ndarray]:
    """Places → the drawn pictures of those seeds with the conditions there, checked to be of the pictures' shape."""

    def read(part: slice) -> np.ndarray:
        drawn = draw(np.arange(part.start, part.stop), None if conditions is None else conditions[part])
        if drawn.shape != (part.stop - part.start, *pictures.images.shape[1:]):
            raise AttnGANError(
                "generator",
                f"draws {drawn.shape[1:]} where --data was read as {pictures.images.shape[1:]} (height, width, "
                "channels)",
                "evaluate it against pictures of its own kind",
            )
        return drawn

    return read
