"""What folders say: which of several splits is read, and which class a picture is of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from attngan.data.image_dataset import count_of, name_some
from attngan.data.layouts.shards import are_shards
from attngan.data.listing import Listing, SourceFile, left_out, most_strays

# A word of its own: `train2017`, `seg_train`, `DIV2K_train_HR`, `cats-train-00000-of-00002.parquet`.
_SPLIT = re.compile(
    "(?<![a-z])(?:(?P<train>train(?:ing|val)?)|(?P<validation>val(?:id(?:ation)?)?|dev|eval)|(?P<test>test(?:ing)?)"
    "|(?P<other>unlabell?ed|extra|pred))(?:set|images|imgs|data)?(?![a-z])",
    re.IGNORECASE,
)
_ORDER = ("train", "validation", "test", "other")  # which of those that there are is used


@dataclass(frozen=True)
class ByFolder:
    """Pictures by their folders."""

    classes: dict[str, str]  #: by the name of the picture; {} where the folders are no classes
    strays: list[str]  #: pictures beside the folders of classes, which have none
    note: str = ""  #: which folders are no classes, and why


def split_of(folder: str) -> str | None:
    """`train`, `validation`, `test` or `other` if a folder or an archive is named as such a split; None otherwise."""
    found = _SPLIT.search(folder)
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
    used = {folder for folder, other in kinds.items() if other == kind}
    unused = set(kinds) - used
    pictures = [file for file in listing.pictures if at_level[file.name] in used]
    passed_over = [name for name, folder in at_level.items() if folder in unused]
    strays = [name for name, folder in at_level.items() if folder is None]
    note = f"split {next(iter(used)) if len(used) == 1 else kind} alone, not {name_some(sorted(unused))}"
    note += f" ({count_of(len(passed_over), 'picture')})"
    others = [file for file in listing.others if _part(file, level) not in unused]
    notes = [*listing.notes, note, *stray_note(strays)]
    return replace(listing, pictures=pictures, others=others, notes=notes, passed_over=frozenset(passed_over))


def classes_by_folder(names: Iterable[str]) -> ByFolder:
    """The class of each picture: its first folder, below folders that all share and those that are only shards.

    `a/x.png b/y.png` and `data/a/x.png data/b/y.png` → a, b. `x.png a/y.png` and `a/x.png a/y.png` → none.
    A tenth of the pictures at most may lie beside the folders, or one; a tenth in folders of their own: strays.
    """
    inside, strays, level, note = [name.split("/") for name in names], list[str](), 0, ""
    while True:
        within = [path for path in inside if len(path) > level + 1]
        folders = {path[level] for path in within}
        beside = len(inside) - len(within)
        if not within or beside > most_strays(len(inside)):
            if len(folders) > 1:
                note = f"no classes: {count_of(beside, 'picture')} beside the {len(folders):,} folders"
            return ByFolder({}, [], note)
        main = _main_folder(within, level)
        strays += ["/".join(path) for path in inside if len(path) == level + 1 or main not in (None, path[level])]
        within = [path for path in within if main in (None, path[level])]
        if len(folders) > 1 and main is None:
            if not are_shards(within, level):
                return ByFolder({"/".join(path): path[level] for path in within}, strays, note)
            note = f"shards, no classes unless a labels.csv names them: {name_some(sorted(folders))}"
        inside, level = within, level + 1


def stray_note(names: list[str]) -> list[str]:
    """A note of pictures that lie beside the folders, or none."""
    return left_out(names, "picture beside the folders", "pictures beside the folders")


def _main_folder(paths: list[list[str]], level: int) -> str | None:
    """The folder of nine tenths of the pictures, if they lie in several folders below it, and all others in none."""
    main, count = Counter(path[level] for path in paths).most_common(1)[0]
    deep = [path for path in paths if len(path) > level + 2]
    aside = len(paths) - count
    if not aside or max(aside, count - len(deep)) > len(paths) // 10 or any(path[level] != main for path in deep):
        return None
    return main if len({path[level + 1] for path in deep}) > 1 else None


def _split_level(folders: list[list[str]]) -> int | None:
    """At which depth folders are splits, two or more: the first that pictures do not share, or the next below."""
    level = 0
    while inside := _below(folders, level):
        names = {parts[level] for parts in inside}
        if _are_splits(names):
            return level
        if len(names) > 1:
            return level + 1 if _are_splits({parts[level + 1] for parts in _below(inside, level + 1)}) else None
        folders, level = inside, level + 1
    return None


def _below(folders: list[list[str]], level: int) -> list[list[str]]:
    """Those that have a folder at this depth; [] if more than strays have none."""
    inside = [parts for parts in folders if len(parts) > level]
    return inside if len(folders) - len(inside) <= most_strays(len(folders)) else []


def _are_splits(folders: set[str]) -> bool:
    """Whether all folders are splits, of two kinds; or all but one, with train and validation or test."""
    kinds = [split_of(folder) for folder in folders]
    if None in kinds:
        return kinds.count(None) == 1 and "train" in kinds and not {"validation", "test"}.isdisjoint(kinds)
    return len(set(kinds)) > 1


def _part(file: SourceFile, level: int) -> str | None:
    parts = file.name.split("/")[:-1]
    return parts[level] if len(parts) > level else None
