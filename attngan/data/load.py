"""`load_pictures`: finds out what a path holds and fills one array from it."""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from attngan.data.convert import UnreadablePictureError, decode_picture
from attngan.data.files import Listing, PictureFile, class_of, list_folder, list_zip
from attngan.data.idx import find_idx, load_idx
from attngan.data.pictures import Pictures, name_skipped
from attngan.errors import AttnGANError

IN_MEMORY = 2**31  # bytes of pixels; beyond, the array is mapped to a temporary file
_WINDOW = 1024  # pictures handed to the threads at a time: a million tasks would be a gigabyte of bookkeeping
_EXAMPLES = ".jpg, .png, .webp …"


def load_pictures(path: str | Path, *, resolution: int, channels: int) -> Pictures:
    """The pictures of a folder, a zip or an IDX set as uint8 [N, resolution, resolution, channels].

    path: a folder or a zip of picture files, or a folder with train-images-idx3-ubyte[.gz] or such a file itself.
    channels: 1 grey, 3 RGB (transparency shows white), 4 RGB with premultiplied alpha (opaque without alpha).

    Pictures in subfolders have the first folder as class, in the order of sorted names, and deeper folders count to
    it. Folders that all pictures share are passed through. Pictures beside the folders make the whole set
    unlabelled. A picture that can't be read is left out and named in `skipped`.

    Raises AttnGANError if there is no such path, no picture in it, none that can be read, or a torn IDX file.
    """
    path = Path(path)
    if channels not in (1, 3, 4):
        raise AttnGANError(f"channels {channels}: use 1 (grey), 3 (RGB) or 4 (RGB and alpha)")
    if not path.exists():
        raise AttnGANError(f"--data {path}: no such file or folder; check the path")
    try:
        idx = find_idx(path)
        if idx is not None:
            return load_idx(idx, resolution, channels)
        if path.is_dir():
            return _decode_all(path, list_folder(path), resolution, channels)
        with zipfile.ZipFile(path) as archive:
            return _decode_all(path, list_zip(archive), resolution, channels)
    except zipfile.BadZipFile:
        raise AttnGANError(
            f"--data {path}: neither a zip nor an IDX file; name a folder or a zip of pictures ({_EXAMPLES})"
        ) from None
    except OSError as error:
        raise AttnGANError(f"--data {path}: {error.strerror or error}; make it readable") from None


def _decode_all(path: Path, listing: Listing, resolution: int, channels: int) -> Pictures:
    files = listing.pictures
    if not files and not listing.ignored:
        raise AttnGANError(f"--data {path}: empty; put pictures in it ({_EXAMPLES})")
    if not files:
        count = f"{listing.ignored:,} file{'s' * (listing.ignored != 1)}"
        raise AttnGANError(f"--data {path}: {count}, none of them a picture ({_EXAMPLES}); name a folder of pictures")

    images = _allocate((len(files), resolution, resolution, channels))
    classes = class_of([file.name for file in files])
    kept: list[str | None] = []
    skipped: list[tuple[str, str]] = []
    for file, name, result in zip(files, classes, _decoded(files, resolution, channels), strict=True):
        if isinstance(result, UnreadablePictureError):
            skipped.append((file.name, str(result)))
        else:
            images[len(kept)] = result
            kept.append(name)
    if not kept:
        raise AttnGANError(
            f"--data {path}: none of its {len(files):,} pictures can be read: {name_skipped(skipped)}; replace them"
        )
    names = sorted({name for name in kept if name is not None})
    images = images[: len(kept)]
    if len(names) < 2:  # one class says no more than none
        return Pictures(images, None, [], skipped, listing.ignored)
    number = {name: index for index, name in enumerate(names)}
    labels = np.array([number[name] for name in kept if name is not None], np.int64)
    return Pictures(images, labels, names, skipped, listing.ignored)


def _decoded(files: list[PictureFile], resolution: int, channels: int) -> Iterator[np.ndarray | UnreadablePictureError]:
    """Each file's picture or the reason there is none, in the order of the files; threads decode."""
    decode = partial(_decode, resolution=resolution, channels=channels)
    threads = min(8, os.cpu_count() or 1)
    bar = tqdm(total=len(files), desc="reading pictures", unit="", delay=2, mininterval=0.5, leave=False)
    # Pillow warns of odd metadata and large files; what matters of it ends in `skipped`.
    with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool, bar:
        warnings.simplefilter("ignore")
        for start in range(0, len(files), _WINDOW):
            for result in pool.map(decode, files[start : start + _WINDOW]):
                yield result
                bar.update()


def _decode(file: PictureFile, resolution: int, channels: int) -> np.ndarray | UnreadablePictureError:
    try:
        return decode_picture(file.read(), resolution, channels)
    except UnreadablePictureError as reason:
        return reason


def _allocate(shape: tuple[int, ...]) -> np.ndarray:
    """An uint8 array in memory, or beyond 2 GiB over an unnamed temporary file whose space is taken at once."""
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
                f"TMPDIR {tempfile.gettempdir()}: {size / 2**30:.1f} GiB for the decoded pictures do not fit "
                f"({error.strerror}); free space, or set TMPDIR to a larger disk"
            ) from None
        return np.memmap(file, np.uint8, "r+", shape=shape)
