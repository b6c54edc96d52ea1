"""A file of text beside each picture, or in a tree of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from attngan.data.layouts.columns import LABELS, TEXTS, entry_of, find_column
from attngan.data.layouts.entry import Described, Entry, checked_label, plain_text
from attngan.data.layouts.folders import classes_by_folder, stray_note
from attngan.data.layouts.names import key_of
from attngan.data.layouts.text_bytes import read_json, read_lines
from attngan.data.listing import Listing, SourceFile, suffix_of, without_suffix

_TEXTS = (".caption", ".txt")  # kohya's captions come first where there are tags in a .txt too
_TRIED = 3  # objects beside pictures, of which one has to have what is wanted


def read_captions(path: Path, listing: Listing) -> Described:
    """A caption a line of each `.txt` or `.caption`, or the text in each `.json`; folders that would be classes are
    styles.

    The files stand beside the pictures, where a.txt belongs to a.png, or in a tree of text beside that of pictures:
    `text/gulls/a.txt` to `images/gulls/a.png`, without styles.
    """
    texts = _of_kind(listing, *_TEXTS)
    beside = _match(listing, texts, _stem)
    if beside:
        stems = {_stem(name) for name in beside}
        pictureless = [file.name for file in texts if _stem(file.name) not in stems]
        return _described(listing, _lines(path, beside), len(texts), pictureless, styled=True)
    objects = _objects(path, listing, TEXTS)
    if objects:
        said = {name: entry.texts for name, entry in objects.items()}
        return _described(listing, said, len(objects), [], styled=True)
    apart = _match(listing, texts, _last_two) or _match(listing, texts, _last)
    found = {file.name for files in apart.values() for file in files}
    pictureless = [file.name for file in texts if file.name not in found]
    return _described(listing, _lines(path, apart), len(texts), pictureless, styled=False)


def read_labels(path: Path, listing: Listing) -> Described | None:
    """The class in each `.cls`, or the label in each `.json`, beside the pictures."""
    entries = {}
    for name, files in _match(listing, _of_kind(listing, ".cls"), _stem).items():
        lines = read_lines(path, files[0])
        number, text = next(lines, (1, ""))
        entries[name] = Entry(label=checked_label(f"--data {path}: {files[0].name} line {number}", text))
    entries = entries or _objects(path, listing, LABELS)
    if not entries:
        return None
    return Described(entries, [], len(listing.others) - len(entries), "the files beside the pictures")


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


def _lines(path: Path, files: dict[str, list[SourceFile]]) -> dict[str, tuple[str, ...]]:
    """The lines of the files of each picture, each file read once."""
    read: dict[str, tuple[str, ...]] = {}
    for file in {file.name: file for some in files.values() for file in some}.values():
        where = f"--data {path}: {file.name} line"
        read[file.name] = tuple(plain_text(f"{where} {number}", text) for number, text in read_lines(path, file))
    return {name: tuple(line for file in some for line in read[file.name]) for name, some in files.items()}


def _objects(path: Path, listing: Listing, wanted: tuple[str, ...]) -> dict[str, Entry]:
    """What the `.json` of each picture says; {} where the first few lack what is wanted, as those of other tools do."""
    beside = list(_match(listing, _of_kind(listing, ".json"), _stem).items())
    entries: dict[str, Entry] = {}
    for place, (name, files) in enumerate(beside):
        if place == _TRIED and not entries:
            break
        found = read_json(path, files[0])
        if isinstance(found, dict) and find_column(found, wanted):
            entries[name] = entry_of(f"--data {path}: {files[0].name}", found, wanted)
    return entries
