"""Files that are written whole or not at all, and whether they can be written where `--out` says."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from attngan_runtime.errors import AttnGANError


class NotSavedError(AttnGANError):
    """A file that the disk refused, with the remedy for its reason."""

    def __init__(self, path: Path, error: OSError) -> None:
        remedies = {errno.EACCES: "write elsewhere", errno.EROFS: "write elsewhere", errno.ENOENT: "its folder is gone"}
        before = "the file before it is intact: " if path.exists() else ""
        remedy = remedies.get(error.errno or 0, "free space, then run again")
        super().__init__(path, f"could not be saved ({error.strerror or error})", f"{before}{remedy}")


def write_atomically(path: Path, data: bytes | memoryview, keep_as: Path | None = None) -> None:
    """Writes beside `path`, flushes to disk, then renames: readers see the old content or the new, never a part.

    keep_as: where the old file goes. It moves after the new one is whole on disk, so that a kill in between leaves
    it there. Raises NotSavedError, and leaves what was there, if the disk refuses.
    """
    partial = path.with_name(path.name + ".part")
    try:
        with open(partial, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if keep_as and path.exists():
            os.replace(path, keep_as)
        os.replace(partial, path)
    except OSError as error:
        raise NotSavedError(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    _flush_names(path.parent)


def _flush_names(folder: Path) -> None:
    """So that the new name outlives a power cut, where folders can be flushed: not on Windows."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


@contextlib.contextmanager
def folders_for(path: Path) -> Iterator[None]:
    """Makes the folders that are to hold `path`; those that it made are gone again if the block fails.

    Raises NotSavedError if the disk refuses.
    """
    missing = [folder for folder in path.absolute().parents if not folder.exists()]
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NotSavedError(path, error) from None
        yield
    except BaseException:
        for folder in missing:  # the deepest first
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def write_output(path: Path, data: bytes | memoryview) -> None:
    """Writes a file that `--out` names by `write_atomically`, and makes the folders that are to hold it."""
    with folders_for(path):
        write_atomically(path, data)


def check_parent(path: Path, option: str = "--out") -> None:
    """Raises AttnGANError unless the folder that is to hold what the option names is there or can be made."""
    nearest = next(folder for folder in path.absolute().parents if folder.exists())
    if not nearest.is_dir():
        raise AttnGANError(f"{option} {path}", f"{nearest} is a file", "name a folder in its place")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise AttnGANError(f"{option} {path}", f"{nearest} can't be written to", "name another place")


def check_output_file(path: Path, example: str) -> None:
    """Raises AttnGANError unless a file, such as `example`, can be written where `--out` says."""
    check_parent(path)
    if path.is_dir():
        raise AttnGANError(f"--out {path}", "is a folder", f"name a file such as {path / example}")
