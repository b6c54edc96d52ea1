"""Folders that only keep a large set in pieces, told from classes that are numbered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from attngan.data.listing import without_suffix

# `00000`, `part-1`, `images_012`. No one calls classes part 1 and part 2.
_PIECE = re.compile(
    r"(part|shard|chunk|batch|images?|imgs?|pictures?|photos?|folder|data|train(?:ing)?|test(?:ing)?|val(?:id|idation)?"
    r")?[-_. ]?(\d+)(?:[-_]?of[-_]?\d+)?",
    re.IGNORECASE,
)
ARCHIVES = (".tar", ".parquet")  #: as `sources` names the files of several tars or tables
_LAST_NUMBER = re.compile(r"(\d{1,18})\D*$")
_LEAST = 64  # pictures in each of even shards
_HASH = re.compile(r"[0-9a-f]{16,}")  # of 64 bits or more


def are_shards(paths: list[list[str]], level: int) -> bool:
    """Whether the folders at this level, two or more, are pieces of one set. paths: of pictures in them, as parts.

    That is so of archives; of `part1`, `part2` …; and of numbers or hashes where the names of the pictures say so:
    they count on from folder to folder (`00000/img00000000.png` … `00001/img00001000.png`), are hashes that hold the
    folder's name (`3f/3fa9….jpg`), or numbers that end like it (`0123/5123.jpg`). Classes have names that start anew in
    each folder (`0/1.png`, `1/1.png`) or are spread over them.
    """
    folders = {path[level] for path in paths}
    if all(folder.lower().endswith(ARCHIVES) for folder in folders):
        return True
    pieces = [_PIECE.fullmatch(folder) for folder in folders]
    words = {piece and (piece[1] or "").lower() for piece in pieces}
    if len(words) == 1 and words <= {""}:
        return _count_on(paths, level) or _end_alike(paths, level) or _are_hashed(paths, level)
    return (len(words) == 1 and None not in words) or _are_hashed(paths, level)


def _count_on(paths: list[list[str]], level: int) -> bool:
    numbered = [(int(path[level]), _LAST_NUMBER.search(without_suffix(path[-1]))) for path in paths]
    pairs = [(folder, int(found[1])) for folder, found in numbered if found]
    if len(pairs) < len(numbered):
        return False
    sizes = (10**power for power in range(2, 7))  # no one cuts a set into tens, and classes of ten are common
    return any(
        _is_constant((number - first) // size * unit - folder for folder, number in pairs)
        for size in sizes for first in (0, 1) for unit in (1, size)
    ) or _are_even(pairs)  # fmt: skip


def _is_constant(values: Iterator[int]) -> bool:
    first = next(values)
    return all(value == first for value in values)


def _are_even(pairs: list[tuple[int, int]]) -> bool:
    """Whether of four folders or more each goes on from the one before, and all but the last hold a power of two."""
    counts = Counter(folder for folder, _ in pairs)
    *full, last = sorted(counts)
    sizes = {counts[folder] for folder in full}
    size = max(sizes)
    if len(full) < 3 or len(sizes) > 1 or counts[last] > size or size < _LEAST or size.bit_count() > 1:
        return False
    ordered = [number for _, number in sorted(pairs)]
    return len(set(ordered)) == len(ordered) and ordered == sorted(ordered)


def _end_alike(paths: list[list[str]], level: int) -> bool:
    pairs = ((path[level], without_suffix(path[-1])) for path in paths)
    return all(len(folder) >= 3 and stem.isdigit() and stem.zfill(3)[-3:] == folder[-3:] for folder, stem in pairs)


def _are_hashed(paths: list[list[str]], level: int) -> bool:
    pairs = ((path[level].lower(), without_suffix(path[-1]).lower()) for path in paths)
    return all(_HASH.fullmatch(stem) and folder in stem[:8] for folder, stem in pairs)
