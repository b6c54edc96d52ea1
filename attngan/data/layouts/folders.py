"""What folders say: which of several splits is read, and which class a picture is of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from attngan.data.image_dataset import count_of, name_some
from attngan.data.layouts.shards import ARCHIVES, are_shards
from attngan.data.listing import Listing, SourceFile, left_out

_WORD = (
    "(?:(?P<train>train(?:ing)?)|(?P<validation>val(?:id(?:ation)?)?|dev|eval)|(?P<test>test(?:ing)?)"
    "|(?P<other>unlabell?ed|extra))"
)
_SPLIT = re.compile(rf"{_WORD}(?:[-_ ]?(?:set|images|imgs|data))?(?:[-_]?\d+)?", re.IGNORECASE)  # `train2017`
_SPLIT_OF_ARCHIVE = re.compile(rf"(?<![a-z]){_WORD}(?![a-z])", re.IGNORECASE)  # `cats-train-00000-of-00002.parquet`
_ORDER = ("train", "validation", "test", "other")  # which of those that there are is used


@dataclass(frozen=True)
class ByFolder:
    """Pictures by their folders."""

    classes: dict[str, str]  #: by the name of the picture; {} where the folders are no classes
    strays: list[str]  #: pictures beside the folders of classes, which have none
    note: str = ""  #: which folders are no classes, and why


def split_of(folder: str) -> str | None:
    """`train`, `validation`, `test` or `other` if a folder is named as such a split; None otherwise."""
    archive = folder.lower().endswith(ARCHIVES)
    found = _SPLIT_OF_ARCHIVE.search(folder) if archive else _SPLIT.fullmatch(folder)
    return next((kind for kind, word in found.groupdict().items() if word), None) if found else None


def choose_split(listing: Listing) -> Listing:
    """The files of one split, train if there is one, where folders are splits; with a note of the others."""
    folders = [file.name.split("/")[:-1] for file in listing.pictures]
    level = _split_level(folders)
    if level is None:
        return listing
    at_level = {file.name: _part(file, level) for file in listing.pictures}
    kinds = {folder: split_of(folder) for folder in set(at_level.values()) if folder}
    kind = min(filter(None, kinds.values()), key=_ORDER.index)
    used = sorted(folder for folder, other in kinds.items() if other == kind)
    unused = sorted(set(kinds) - set(used))
    pictures = [file for file in listing.pictures if at_level[file.name] in used]
    passed_over = [name for name, folder in at_level.items() if folder in unused]
    strays = [name for name, folder in at_level.items() if folder is None]
    note = f"split {used[0] if len(used) == 1 else kind} alone, not {name_some(unused)}"
    note += f" ({count_of(len(passed_over), 'picture')})"
    others = [file for file in listing.others if _part(file, level) not in unused]
    notes = [*listing.notes, note, *stray_note(strays)]
    return replace(listing, pictures=pictures, others=others, notes=notes, passed_over=frozenset(passed_over))


def classes_by_folder(names: Iterable[str]) -> ByFolder:
    """The class of each picture: its first folder, below folders that all share and those that are only shards.

    `a/x.png b/y.png` and `data/a/x.png data/b/y.png` → a, b. `x.png a/y.png` and `a/x.png a/y.png` → none.
    A tenth of the pictures at most may lie beside the folders, or one: strays.
    """
    inside, strays, level, note = [name.split("/") for name in names], list[str](), 0, ""
    while True:
        beside = [path for path in inside if len(path) == level + 1]
        within = [path for path in inside if len(path) > level + 1]
        folders = {path[level] for path in within}
        if not within or len(beside) > _most_strays(len(inside)):
            if len(folders) > 1:
                note = f"no classes: {count_of(len(beside), 'picture')} beside the {len(folders):,} folders"
            return ByFolder({}, [], note)
        strays += ["/".join(path) for path in beside]
        if len(folders) > 1:
            if not are_shards(within, level):
                return ByFolder({"/".join(path): path[level] for path in within}, strays, note)
            note = f"shards, no classes: {name_some(sorted(folders))}"
        inside, level = within, level + 1


def stray_note(names: list[str]) -> list[str]:
    """A note of pictures that lie beside the folders, or none."""
    return left_out(names, "picture beside the folders", "pictures beside the folders")


def _split_level(folders: list[list[str]]) -> int | None:
    """At which depth all folders are splits, two or more: the first that pictures do not share, or the next below."""
    level = 0
    while True:
        inside = [parts for parts in folders if len(parts) > level]
        if not inside or len(folders) - len(inside) > _most_strays(len(folders)):
            return None
        names = {parts[level] for parts in inside}
        if _are_splits(names):
            return level
        if len(names) > 1:
            below = {parts[level + 1] if len(parts) > level + 1 else "" for parts in inside}
            return level + 1 if _are_splits(below) else None
        folders, level = inside, level + 1


def _are_splits(folders: set[str]) -> bool:
    kinds = {split_of(folder) for folder in folders}
    return len(kinds) > 1 and None not in kinds


def _most_strays(count: int) -> int:
    return max(1, count // 10)


def _part(file: SourceFile, level: int) -> str | None:
    parts = file.name.split("/")[:-1]
    return parts[level] if len(parts) > level else None
