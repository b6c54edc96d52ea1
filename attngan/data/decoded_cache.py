"""Decoded pictures, kept on disk: every start of a run, every evaluation and every dry run reads the same ones.

A set is one file of the cache folder: four arrays as `numpy.save` writes them, one behind the other, of what became of
the files (JSON), their places in the list, their sides, and the pixels. Nothing in it is unpickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import __version__ as pillow

from attngan.cache_folder import cache_folder, prune
from attngan.data import pixels
from attngan.data.listing import SourceFile
from attngan.data.reading import Account, Reading
from attngan.errors import AttnGANError

LIMIT = 2**34  # bytes of all sets: 1.4 million pictures of 64² in RGB
WORTH = 1.0  # seconds of decoding below which nothing is kept
_VERSION = 2  # changes whenever the same files are decoded otherwise
_HASHED_AT_ONCE = 2**24


@dataclass(frozen=True, eq=False)
class Decoded:
    """What became of a list of picture files."""

    images: np.ndarray  #: uint8 [N, resolution, resolution, channels]
    kept: np.ndarray  #: int64 [N], places in the list of files, rising
    sides: np.ndarray  #: int64 [N], how many of their pixels became a side of the square
    skipped: list[tuple[str, str]]  #: (name, reason) of the others
    reading: Reading  #: how they were read, with the scales that were fixed by them
    account: Account
    failed: bool = False  #: whether the disk failed at some of the skipped, which may be read another time


@dataclass(frozen=True)
class Place:
    """Where a set of pictures is kept."""

    path: Path
    shape: tuple[int, int, int]  #: of a picture
    asked: Reading  #: how it is to be read; scales that are not fixed yet follow from the files

    def load(self) -> Decoded | None:
        """The set, marked as used; None if there is none, or none that is whole and was read like this."""
        try:
            with open(self.path, "rb") as file:
                found = self._read(file)
        except Exception:  # a torn or foreign file makes numpy and json raise nearly anything
            return None
        with contextlib.suppress(OSError):  # a cache that can only be read serves as well
            os.utime(self.path)
        return found

    def store(self, decoded: Decoded) -> None:
        """Keeps the set, unless it would take more than a quarter of the free disk; a full disk is no error."""
        partial = None
        try:
            if decoded.images.nbytes > min(LIMIT, shutil.disk_usage(self.path.parent).free // 4):
                return
            # A name of its own: two commands may decode the same pictures at the same time.
            with tempfile.NamedTemporaryFile(dir=self.path.parent, suffix=".part", delete=False) as file:
                partial = Path(file.name)
                self._write(file, decoded)
            os.replace(partial, self.path)
            prune(self.path.parent, LIMIT)
        except OSError:
            pass
        finally:
            if partial:
                partial.unlink(missing_ok=True)

    def _read(self, file: IO[bytes]) -> Decoded | None:
        about = json.loads(np.load(file, allow_pickle=False).tobytes())
        asked, reading = (_reading(about[name]) for name in ("asked", "reading"))
        if about["name"] != self.path.name or self.asked not in (asked, reading):
            return None
        kept, sides = (np.load(file, allow_pickle=False) for _ in range(2))
        images = _load_pixels(file)
        fits = images.shape == (len(kept), *self.shape) and kept.shape == sides.shape
        if not fits or about["sha256"] != _digest(kept, sides, images):
            return None
        skipped = [(str(name), str(reason)) for name, reason in about["skipped"]]
        return Decoded(images, kept, sides, skipped, reading, Account(**about["account"]))

    def _write(self, file: Any, decoded: Decoded) -> None:
        arrays = decoded.kept, decoded.sides, decoded.images
        about = {
            "name": self.path.name, "asked": asdict(self.asked), "reading": asdict(decoded.reading),
            "account": asdict(decoded.account), "skipped": decoded.skipped, "sha256": _digest(*arrays),
        }  # fmt: skip
        for array in (np.frombuffer(json.dumps(about).encode(), np.uint8), *arrays):
            np.save(file, array, allow_pickle=False)


def find_place(
    source: Path, files: Sequence[SourceFile], resolution: int, channels: int, reading: Reading
) -> Place | None:
    """Where these files below `source` are kept once decoded, whatever their scales; None if they can't be.

    By path, name, size and times of each file, or of the archive that it is in. None for files without them, and where
    there is no cache folder to write to.
    """
    key = hashlib.sha256(repr((_VERSION, pillow, str(source.resolve()), resolution, channels, reading.fit)).encode())
    try:
        times = {path: _times(path) for path in {file.path for file in files}}
        for file in files:
            key.update(repr((file.name, times[file.path])).encode())
        folder = cache_folder() / "pictures"
        folder.mkdir(exist_ok=True)
    except (AttnGANError, OSError):
        return None
    return Place(folder / f"{key.hexdigest()[:32]}.npy", (resolution, resolution, channels), reading)


def _times(path: Path | None) -> tuple[int, int, int]:
    """Size and times: that of its content, which copying may keep, and that of its entry, which it can't."""
    if path is None:
        raise FileNotFoundError
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _load_pixels(file: IO[bytes]) -> np.ndarray:
    start = file.tell()
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype != np.uint8:
        raise ValueError("not pixels")
    if np.prod(shape, dtype=object) > pixels.IN_MEMORY:
        return np.memmap(file.name, dtype, "c", file.tell(), shape)
    file.seek(start)
    found: np.ndarray = np.load(file, allow_pickle=False)
    return found


def _digest(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        view = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        for start in range(0, len(view), _HASHED_AT_ONCE):
            digest.update(view[start : start + _HASHED_AT_ONCE].data)
    return digest.hexdigest()


def _reading(fields: dict[str, Any]) -> Reading:
    return Reading(fields["fit"], tuple(fields["integers"]), tuple(fields["floats"]))
