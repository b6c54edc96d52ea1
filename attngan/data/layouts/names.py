"""The pictures that a file of labels or captions names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import replace

from attngan.data.layouts.entry import Entry
from attngan.data.listing import Listing, plain_path, without_suffix
from attngan.errors import AttnGANError

_MOST_ALIKE = 1000  # pictures of one name in different folders, among which a longer one is sought


def folder_of(name: str) -> str:
    """The folder of a file, "" at the root."""
    return name.rpartition("/")[0]


def name_first(names: list[str]) -> str:
    """`a.csv`, or `a.csv and 2 more`."""
    return names[0] + (f" and {len(names) - 1:,} more" if len(names) > 1 else "")


def key_of(name: str) -> str:
    """Names that differ in how an accent is composed are one: macOS decomposes what others don't."""
    return unicodedata.normalize("NFC", name)


class Names:
    """Pictures by what files call them. Nothing is ever opened under such a name."""

    def __init__(self, names: Iterable[str]) -> None:
        self._whole, self._bare = _Paths(), _Paths()  # with the extension, and without
        for name in names:
            path = key_of(name)
            self._whole.add(path, name)
            self._bare.add(without_suffix(path), name)

    def find(self, written: str, folder: str) -> str | None:
        """The picture so called from the folder of the file or from the root, or the only one whose path ends so.

        The extension may lack. None where there is no such picture, or are several.
        """
        path = plain_path(key_of(written.strip()))
        return self._whole.find(path, folder) or self._bare.find(path, folder)


class _Paths:
    """Pictures by path, and by the last part of it."""

    def __init__(self) -> None:
        self._paths: dict[str, list[str]] = {}
        self._last: dict[str, list[tuple[str, str]]] = {}

    def add(self, path: str, name: str) -> None:
        self._paths.setdefault(path, []).append(name)
        self._last.setdefault(path.rpartition("/")[2], []).append((path, name))

    def find(self, path: str, folder: str) -> str | None:
        for place in (f"{folder}/{path}" if folder else path, path):
            found = self._paths.get(place, [])
            if len(found) == 1:
                return found[0]
        alike = self._last.get(path.rpartition("/")[2], [])
        if len(alike) > _MOST_ALIKE:
            return None
        found = [name for whole, name in alike if whole.endswith(f"/{path}")]
        return found[0] if len(found) == 1 else None


def find_pictures(listing: Listing, said: Iterable[tuple[str, str, str, Entry]]) -> tuple[dict[str, Entry], list[str]]:
    """(entries by picture, names of no picture) of what is said under names: (where, name, folder of the file, entry).

    What is said of a picture several times is joined; AttnGANError for two labels of one. What is said of splits that
    are not used is passed over.
    """
    names, others = Names(file.name for file in listing.pictures), Names(listing.passed_over)
    entries: dict[str, Entry] = {}
    pictureless: dict[str, None] = {}
    for where, written, folder, entry in said:
        name = names.find(written, folder)
        if name is not None:
            entries[name] = _join(where, written, entries[name], entry) if name in entries else entry
        elif not listing.passed_over or others.find(written, folder) is None:
            pictureless[written] = None
    return entries, list(pictureless)


def _join(where: str, written: str, first: Entry, second: Entry) -> Entry:
    if None not in (first.label, second.label) and first.label != second.label:
        problem = f"{written} is {second.label} here and {first.label} before"
        raise AttnGANError(where, problem, "give each picture one label")
    texts = (*first.texts, *second.texts)
    return replace(first, texts=texts, tags=(*first.tags, *second.tags), label=first.label or second.label)
