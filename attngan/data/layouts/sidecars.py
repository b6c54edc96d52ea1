"""A text file beside each picture."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from attngan.data.layouts.entry import Described, Entry, plain_text
from attngan.data.layouts.folders import classes_by_folder, stray_note
from attngan.data.layouts.names import key_of
from attngan.data.layouts.text_bytes import read_lines
from attngan.data.listing import Listing, SourceFile


def read_captions(path: Path, listing: Listing) -> Described:
    """`.txt` beside each picture, a caption a line; folders that would be classes are styles."""
    pictures: dict[str, list[str]] = {}
    for picture in listing.pictures:
        pictures.setdefault(_stem(picture), []).append(picture.name)
    sidecars = [file for file in listing.others if PurePosixPath(file.name).suffix.lower() == ".txt"]
    texts: dict[str, tuple[str, ...]] = {}
    for file in sidecars:
        if _stem(file) in pictures:
            lines = tuple(
                plain_text(f"--data {path}: {file.name} line {number}", text) for number, text in read_lines(path, file)
            )
            texts |= dict.fromkeys(pictures[_stem(file)], lines)
    texts = {name: lines for name, lines in texts.items() if lines}
    found = classes_by_folder(texts)
    entries = {
        name: Entry(lines, style=found.classes.get(name)) for name, lines in texts.items() if name not in found.strays
    }
    pictureless = [file.name for file in sidecars if _stem(file) not in pictures]
    notes = stray_note(found.strays)
    return Described(entries, pictureless, len(listing.others) - len(sidecars), notes=notes)


def _stem(file: SourceFile) -> str:
    return key_of(PurePosixPath(file.name).with_suffix("").as_posix())
