"""Folders and zips as lists of picture files, in an order that only names decide."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from attngan.data.transforms import UnreadablePictureError
from attngan.errors import AttnGANError

EXTENSIONS = frozenset(
    {
        ".apng", ".avif", ".bmp", ".dds", ".dib", ".gif", ".heic", ".heif", ".icns", ".ico", ".j2k", ".jfif", ".jp2",
        ".jpe", ".jpeg", ".jpg", ".jpx", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".sgi", ".tga",
        ".tif", ".tiff", ".webp", ".xbm", ".xpm",
    }
)  # fmt: skip
_LITTER = frozenset({"__macosx", "thumbs.db", "desktop.ini"})  # what systems leave behind; hidden files beside them
_MAX_ENTRY = 2**30  # bytes that one zip entry may unpack to


@dataclass(frozen=True)
class SourceFile:
    """One file of a folder or a zip."""

    name: str  #: path below the source, with forward slashes
    read: Callable[[], bytes]  #: its content; raises UnreadablePictureError


@dataclass(frozen=True)
class Listing:
    """The files of a folder or a zip."""

    pictures: list[SourceFile]  #: sorted by name
    others: list[SourceFile]  #: files that are not of a picture type, sorted by name


def list_folder(folder: Path) -> Listing:
    """All files below a folder, following links; AttnGANError if a folder may not be read.

    A folder that links lead to more than once is read once, under the name that sorts first.
    """
    found: list[tuple[str, Callable[[], bytes]]] = []
    visited: set[str] = set()
    for here, folders, files in os.walk(folder, onerror=_cannot_list, followlinks=True):
        real = os.path.realpath(here)
        if real in visited:  # a link back up, which would be followed for ever
            folders.clear()
            continue
        visited.add(real)
        folders.sort()  # decides which of several links to one folder comes first
        for file in files:
            path = Path(here, file)
            found.append((path.relative_to(folder).as_posix(), partial(_read_file, path)))
    return _sort(found)


def list_zip(archive: zipfile.ZipFile) -> Listing:
    """All files of a zip, read in memory when asked for, so that nothing is ever written to disk."""
    entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    return _sort(
        [
            (entry.filename.replace("\\", "/"), partial(_read_entry, archive, entry))
            for entry in entries
            if not entry.is_dir()
        ]
    )


def class_of(names: list[str]) -> list[str | None]:
    """The class of each picture: its first folder, below folders that all share; None if any lies beside the folders.

    `a/x.png b/y.png` → a, b. `data/a/x.png data/b/y.png` → a, b. `x.png a/y.png` and `a/x.png a/y.png` → None, None.
    """
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    shared = 0
    while all(len(parts) > shared for parts in folders) and len({parts[shared] for parts in folders}) == 1:
        shared += 1
    if any(len(parts) == shared for parts in folders):
        return [None] * len(names)
    return [parts[shared] for parts in folders]


def _sort(found: list[tuple[str, Callable[[], bytes]]]) -> Listing:
    pictures: list[SourceFile] = []
    others: list[SourceFile] = []
    for name, read in found:
        parts = PurePosixPath(name).parts
        if any((part.startswith(".") and part != "..") or part.lower() in _LITTER for part in parts):
            continue
        kind = pictures if PurePosixPath(name).suffix.lower() in EXTENSIONS else others
        kind.append(SourceFile(name, read))
    return Listing(sorted(pictures, key=_name), sorted(others, key=_name))


def _name(file: SourceFile) -> str:
    return file.name


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadablePictureError(error.strerror or "cannot be read") from None


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.flag_bits & 1:
        raise UnreadablePictureError("encrypted")
    if entry.file_size > _MAX_ENTRY:
        raise UnreadablePictureError(f"too large: {entry.file_size:,} bytes")
    try:
        return archive.read(entry)
    except Exception as error:  # damaged archives raise zlib, struct and zipfile errors alike
        raise UnreadablePictureError(f"damaged zip entry: {str(error)[:60] or type(error).__name__}") from None


def _cannot_list(error: OSError) -> None:
    raise AttnGANError(f"--data {error.filename}", f"{error.strerror}", "make the folder readable") from None
