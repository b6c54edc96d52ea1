"""Files of a bundle, which may be anything but plain files."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from attngan_runtime.errors import AttnGANError

# Not through a link that came since, and without waiting for whoever writes into a pipe.
_FLAGS = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


def read_within(folder: Path, name: str, limit: int) -> bytes:
    """All bytes of a file of the bundle, read once.

    Raises AttnGANError, which names it, unless it is a plain file (no device, no pipe, no link out of the folder), can
    be read, stays as it is meanwhile, and holds no more than `limit` bytes.
    """
    with _open_within(folder, name, limit) as (file, size):
        data = file.read(size + 1)  # one more than there were: a file in /proc, or one that grows, says so
        _check_size(folder / name, size, len(data))
        return data


def sha256_within(folder: Path, name: str, limit: int) -> tuple[str, bytes]:
    """The SHA-256 of a file of the bundle, and its first 64 bytes; block by block. Errors as `read_within`."""
    with _open_within(folder, name, limit) as (file, size):
        start = block = file.read(64)
        digest, count = hashlib.sha256(), 0
        while block and count <= size:
            digest.update(block)
            count += len(block)
            block = file.read(2**20)
        _check_size(folder / name, size, count)
        return digest.hexdigest(), start


@contextmanager
def _open_within(folder: Path, name: str, limit: int) -> Iterator[tuple[BinaryIO, int]]:
    """A file of the bundle and the bytes in it, checked on what was opened: a path can change between two looks."""
    path = folder / name
    try:
        if not path.exists():
            raise AttnGANError(path, "is missing", "copy the whole bundle again, or export the generator again")
        real = path.resolve()
        if not real.is_relative_to(folder.resolve()):
            raise AttnGANError(path, "is a link out of the bundle", "put the file itself there")
        if not real.is_file():
            raise AttnGANError(path, "is no plain file", "copy the bundle again")
        with os.fdopen(os.open(real, _FLAGS), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise AttnGANError(path, "changed while it was opened", "copy the bundle again")
            if found.st_size > limit:
                raise AttnGANError(
                    path,
                    f"is too big, {found.st_size:,} bytes where {limit:,} is the limit",
                    "use another bundle, or export the generator again",
                )
            yield file, found.st_size
    except OSError as error:
        raise AttnGANError(path, f"can't be read ({error.strerror})", "check its permissions") from None


def _check_size(path: Path, said: int, found: int) -> None:
    if found != said:
        raise AttnGANError(path, f"changed while it was read, from {said:,} bytes", "copy the bundle again")
