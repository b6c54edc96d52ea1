"""Files of a source as a list, in an order that only names decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath

from attngan.data.image_dataset import count_of, name_some

EXTENSIONS = frozenset(
    {
        ".apng", ".avif", ".bmp", ".dds", ".dib", ".gif", ".heic", ".heif", ".icns", ".ico", ".j2k", ".jfif", ".jp2",
        ".jpe", ".jpeg", ".jpg", ".jpx", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".sgi", ".tga",
        ".tif", ".tiff", ".webp", ".xbm", ".xpm",
    }
)  # fmt: skip
LARGEST = 2**30  #: bytes of one file, or of what an entry of an archive unpacks to; larger ones are not read
_LITTER = frozenset(  # what systems leave behind; hidden files beside them
    {"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "system volume information", "lost+found"}
)


@dataclass(frozen=True)
class SourceFile:
    """One file of a source."""

    name: str  #: path below the source, with forward slashes
    read: Callable[[], bytes]  #: its content; raises UnreadablePictureError


@dataclass(frozen=True)
class Listing:
    """The files of a source."""

    pictures: list[SourceFile]  #: sorted by name
    others: list[SourceFile]  #: files that are not of a picture type, sorted by name
    notes: list[str] = field(default_factory=list)  #: what the data line says of how it was read
    passed_over: frozenset[str] = frozenset()  #: names of the pictures of splits that are not used


def sort_files(found: Iterable[tuple[str, Callable[[], bytes]]], notes: list[str]) -> Listing:
    """Files by their names below the source; names that lead out of it are left out, with a note."""
    pictures: list[SourceFile] = []
    others: list[SourceFile] = []
    outside: list[str] = []
    for written, read in found:
        path = PurePosixPath(written)
        if leads_out(written):
            outside.append(written)
        elif not any(part.startswith(".") or part.lower() in _LITTER for part in path.parts):
            kind = pictures if path.suffix.lower() in EXTENSIONS else others
            kind.append(SourceFile(path.as_posix(), read))
    notes = [*notes, *left_out(outside, "entry that leads out of it", "entries that lead out of it")]
    return Listing(sorted(pictures, key=_name), sorted(others, key=_name), notes)


def leads_out(name: str) -> bool:
    """Whether a name could be of a file that is not below the source."""
    path = PurePosixPath(name.replace("\\", "/"))
    return not path.parts or ".." in path.parts or path.is_absolute() or bool(PureWindowsPath(name).drive)


def left_out(names: list[str], one: str, many: str | None = None) -> list[str]:
    """A note of what was left out, or none."""
    return [f"{count_of(len(names), one, many)} left out: {name_some(names)}"] if names else []


def _name(file: SourceFile) -> str:
    return file.name
