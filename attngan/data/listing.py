"""Files of a source as a list, in an order that only names decide."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

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
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class SourceFile:
    """One file of a source."""

    name: str  #: path below the source, with forward slashes
    read: Callable[[], bytes]  #: its content; raises UnreadablePictureError
    path: Path | None = None  #: the file on disk that it is, or is packed in, whose size and times tell of changes


@dataclass(frozen=True)
class Listing:
    """The files of a source."""

    pictures: list[SourceFile]  #: sorted by name
    others: list[SourceFile]  #: files that are not of a picture type, sorted by name
    notes: list[str] = field(default_factory=list)  #: what the data line says of how it was read
    passed_over: frozenset[str] = frozenset()  #: names of the pictures of splits that are not used


def sort_files(found: Iterable[SourceFile], notes: list[str]) -> Listing:
    """Files by their names below the source, without what systems leave behind."""
    pictures: list[SourceFile] = []
    others: list[SourceFile] = []
    for file in found:
        if not any(part.startswith(".") or part.lower() in _LITTER for part in file.name.split("/")):
            kind = pictures if suffix_of(file.name) in EXTENSIONS else others
            kind.append(file)
    return Listing(sorted(pictures, key=_name), sorted(others, key=_name), notes)


def sort_entries(found: Iterable[SourceFile], notes: list[str]) -> Listing:
    """The same of an archive, of entries of one name the last; what leads out of it is left out, with a note."""
    inside: dict[str, SourceFile] = {}
    outside = []
    for file in found:
        if leads_out(file.name):
            outside.append(file.name)
        else:
            name = plain_path(file.name)
            inside[name] = replace(file, name=name)
    notes = [*notes, *left_out(outside, "entry that leads out of it", "entries that lead out of it")]
    return sort_files(inside.values(), notes)


def plain_path(name: str) -> str:
    """A path with forward slashes, and without parts that say nothing."""
    name = name.replace("\\", "/")
    return "/" * name.startswith("/") + "/".join(part for part in name.split("/") if part not in ("", "."))


def leads_out(name: str) -> bool:
    """Whether a name could be of a file that is not below the source."""
    path = plain_path(name)
    return path in ("", "/") or path.startswith("/") or ".." in path.split("/") or bool(_DRIVE.match(path))


def suffix_of(name: str) -> str:
    """`.png` of `a/b.PNG`, `` of `a/b`."""
    stem, _, ending = name.rpartition("/")[2].rpartition(".")
    return f".{ending.lower()}" if stem else ""


def without_suffix(name: str) -> str:
    """`a/b` of `a/b.png`."""
    suffix = suffix_of(name)
    return name[: -len(suffix)] if suffix else name


def most_strays(count: int) -> int:
    """How many of so many pictures may differ from the others and be left out: a tenth, or one."""
    return max(1, count // 10)


def left_out(names: list[str], one: str, many: str | None = None) -> list[str]:
    """A note of what was left out, or none."""
    return [f"{count_of(len(names), one, many)} left out: {name_some(names)}"] if names else []


def _name(file: SourceFile) -> str:
    return file.name
