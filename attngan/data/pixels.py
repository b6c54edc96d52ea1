"""Pixels of many pictures, in memory or beyond it on disk."""

from __future__ import annotations

import contextlib
import os
import tempfile

import numpy as np

from attngan.errors import AttnGANError

IN_MEMORY = 2**31  # bytes of pixels; more are mapped to a file


def allocate(shape: tuple[int, ...]) -> np.ndarray:
    """An uint8 array in memory, or beyond 2 GiB over an unnamed temporary file whose space is taken at once.

    AttnGANError if the disk has no room for it.
    """
    size = int(np.prod(shape))
    if size <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile(prefix="attngan-"))
        try:
            # Writing to a map over a full disk would kill the process; asking first gives an error.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise AttnGANError(
                f"TMPDIR {tempfile.gettempdir()}",
                f"{size / 2**30:.1f} GiB for the pictures do not fit ({error.strerror})",
                "free space, or set TMPDIR to a larger disk",
            ) from None
        return np.memmap(file, np.uint8, "r+", shape=shape)


def take_pixels(images: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The pictures uint8 [N, H, W, C] at the places [M], copied to where `allocate` puts as many."""
    # In memory numpy's own buffer would hold them a second time but for `clip`, which never applies.
    places = np.arange(len(images))[places]
    return np.take(images, places, 0, allocate((len(places), *images.shape[1:])), mode="clip")
