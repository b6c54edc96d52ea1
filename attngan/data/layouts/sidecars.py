"""A file of text beside each picture, or in a tree of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from attngan.data.layouts.columns import LABELS, TEXTS, entry_of, find_column
from attngan.data.layouts.entry import Attempt, Described, Entry, checked_label, plain_text
from attngan.data.layouts.folders import classes_by_folder, stray_note
from attngan.data.layouts.names import key_of
from attngan.data.layouts.text_bytes import read_json, read_lines
from attngan.data.listing import Listing, SourceFile, suffix_of, without_suffix
from attngan.errors import AttnGANError

_TEXTS = (".caption", ".txt")  # kohya's captions first: of a picture that has both, the tags are a second caption
_TRIED = 3  # objects beside pictures, of which one has to have what is wanted
_NUMBER = r"[-+]?\d*\.?\d+(?:e[-+]?\d+)?"
_BOX = re.compile(rf"{_NUMBER}(?: {_NUMBER}){{3,}}", re.IGNORECASE)  # four numbers or more, as YOLO's class and box


def read_captions(path: Path, listing: Listing) -> Described:
    """A caption a line of each `.txt` or `.caption`, or the text in each `.json`; folders that would be classes are
    styles.

    The files stand beside the pictures, where a.txt belongs to a.png, or in a tree of text beside that of pictures:
    `text/gulls/a.txt` to `images/gulls/a.png`, without styles. Files of boxes are no captions.
    """
    texts = _of_kind(listing, *_TEXTS)
    beside = _match(listing, texts, _stem)
    said, boxes = _lines(path, beside)
    if any(said.values()):
        stems = {_stem(name) for name in beside}
        pictureless = [file.name for file in texts if _stem(file.name) not in stems]
        return _described(listing, said, len(texts) - boxes, pictureless, styled=True)
    objects, read = _objects(path, listing, TEXTS)
    if objects:
        return _described(listing, {name: entry.texts for name, entry in objects.items()}, read, [], styled=True)
    apart = beside or _match(listing, texts, _last_two) or _match(listing, texts, _last)
    said, boxes = (said, boxes) if beside else _lines(path, apart)
    found = {file.name for files in apart.values() for file in files}
    pictureless = [] if boxes else [file.name for file in texts if file.name not in found]
    return _described(listing, said, len(texts) - boxes, pictureless, styled=False)


def find_labels(path: Path, listing: Listing) -> Iterator[Attempt]:
    """The class in each `.cls`, then the label in each `.json`, beside the pictures."""
    yield partial(_read_classes, path, listing)
    yield partial(_read_objects, path, listing)


def _read_classes(path: Path, listing: Listing) -> Described | None:
    entries, read = {}, set()
    for name, (file, *_) in _match(listing, _of_kind(listing, ".cls"), _stem).items():
        number, text = next(read_lines(path, file), (1, ""))
        entries[name] = Entry(label=checked_label(f"--data {path}: {file.name} line {number}", "class", text))
        read.add(file.name)
    return _labelled(listing, entries, len(read))


def _read_objects(path: Path, listing: Listing) -> Described | None:
    return _labelled(listing, *_objects(path, listing, LABELS))


def _labelled(listing: Listing, entries: dict[str, Entry], read: int) -> Described | None:
    if not entries:
        return None
    return Described(entries, [], len(listing.others) - read, "the files beside the pictures")


def _described(
    listing: Listing, texts: dict[str, tuple[str, ...]], files: int, pictureless: list[str], styled: bool
) -> Described:
    texts = {name: lines for name, lines in texts.items() if lines}
    found = classes_by_folder(texts if styled else [])
    entries = {
        name: Entry(lines, style=found.classes.get(name)) for name, lines in texts.items() if name not in found.strays
    }
    return Described(entries, pictureless, len(listing.others) - files, notes=stray_note(found.strays))


def _of_kind(listing: Listing, *suffixes: str) -> list[SourceFile]:
    files = [file for file in listing.others if suffix_of(file.name) in suffixes]
    return sorted(files, key=lambda file: suffixes.index(suffix_of(file.name)))


def _match(listing: Listing, files: list[SourceFile], key: Callable[[str], str]) -> dict[str, list[SourceFile]]:
    """The files of each picture that have the same key; where a key is of several stems, none."""
    if not files:
        return {}
    pictures = _by_key([picture.name for picture in listing.pictures], key)
    named = {file.name: file for file in files}
    return {
        picture: [named[name] for name in names]
        for found, names in _by_key(list(named), key).items()
        for picture in pictures.get(found, [])
    }


def _by_key(names: list[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(key(name), []).append(name)
    return {key: some for key, some in found.items() if len({_stem(name) for name in some}) == 1}


def _stem(name: str) -> str:
    return key_of(without_suffix(name))


def _last_two(name: str) -> str:
    return "/".join(_stem(name).split("/")[-2:])


def _last(name: str) -> str:
    return _stem(name).rpartition("/")[2]


def _lines(path: Path, files: dict[str, list[SourceFile]]) -> tuple[dict[str, tuple[str, ...]], int]:
    """(the lines of the files of each picture, how many files hold boxes and are left out); each is read once."""
    read: dict[str, tuple[str, ...]] = {}
    boxes = 0
    for file in {file.name: file for some in files.values() for file in some}.values():
        where = f"--data {path}: {file.name} line"
        lines = tuple(plain_text(f"{where} {number}", text) for number, text in read_lines(path, file))
        are_boxes = bool(lines) and all(map(_BOX.fullmatch, lines))
        read[file.name] = () if are_boxes else lines
        boxes += are_boxes
    return {name: tuple(line for file in some for line in read[file.name]) for name, some in files.items()}, boxes


def _objects(path: Path, listing: Listing, wanted: tuple[str, ...]) -> tuple[dict[str, Entry], int]:
    """(what the `.json` of each picture says, in how many files); ({}, 0) where the first few lack what is wanted.

    Those of other tools lack it, and need not be JSON.
    """
    entries: dict[str, Entry] = {}
    read = set()
    for place, (name, (file, *_)) in enumerate(_match(listing, _of_kind(listing, ".json"), _stem).items()):
        if place == _TRIED and not entries:
            break
        try:
            found = read_json(path, file)
        except AttnGANError:
            continue
        if isinstance(found, dict) and find_column(found, wanted):
            entries[name] = entry_of(f"--data {path}: {file.name}", found, wanted)
            read.add(file.name)
    return entries, len(read)
