"""A folder and all below it."""

from __future__ import annotations

import os
import stat
from functools import partial
from pathlib import Path

from attngan.data.image_dataset import count_of, name_some
from attngan.data.listing import LARGEST, Listing, SourceFile, sort_files
from attngan.data.transforms import FailedReadError, UnreadablePictureError
from attngan.errors import AttnGANError


def list_folder(folder: Path) -> Listing:
    """All files below a folder, following links; AttnGANError if a folder may not be read.

    A folder that links lead to more than once is read once, under the name that sorts first. Links that lead out of
    the folder are followed, with a note.
    """
    found, root, visited, outward = list[SourceFile](), os.path.realpath(folder), set[str](), list[str]()
    for here, folders, files in os.walk(folder, onerror=_cannot_list, followlinks=True):
        real = os.path.realpath(here)
        if real in visited:  # a link back up, which would be followed for ever
            folders.clear()
            continue
        visited.add(real)
        folders.sort()  # decides which of several links to one folder comes first
        below = Path(here).relative_to(folder)
        if below.parts and os.path.islink(here) and not _is_below(root, real):
            outward.append(below.as_posix())
        for file in files:
            name = (below / file).as_posix()
            path = Path(here, file)
            if path.is_symlink() and not _is_below(root, os.path.realpath(path)):
                outward.append(name)
            found.append(SourceFile(name, partial(_read_file, path), path))
    followed = [f"{count_of(len(outward), 'link')} out of the folder followed: {name_some(sorted(outward))}"]
    return sort_files(found, followed if outward else [])


def _is_below(root: str, real: str) -> bool:
    return real == root or real.startswith(root.rstrip(os.sep) + os.sep)


def _read_file(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe or a device, which could be read for ever
            raise UnreadablePictureError("not a plain file")
        if status.st_size > LARGEST:
            raise UnreadablePictureError(f"too large: {status.st_size:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise FailedReadError(error.strerror or "cannot be read") from None


def _cannot_list(error: OSError) -> None:
    raise AttnGANError(f"--data {error.filename}", f"{error.strerror}", "make the folder readable") from None
