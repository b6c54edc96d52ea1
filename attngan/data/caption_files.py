"""`captions.jsonl`, or a `.txt` beside each picture, as captions by the names of the pictures."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from attngan.data.listing import Listing, SourceFile, class_of
from attngan.data.transforms import UnreadablePictureError
from attngan.errors import AttnGANError
from attngan_runtime.tokenizers.text import NO_TEXT

JSON_LINES = "captions.jsonl"
_LINE_END = re.compile("[\\t\\n\\v\\f\\r\\x85]")  # which would break the reports that name a picture
_EXAMPLE = 'write {"file_name": "a.png", "caption": "red heart"}'


@dataclass(frozen=True)
class Entry:
    """What is said of one picture."""

    texts: tuple[str, ...]  #: captions, the first of which is the main one
    tags: tuple[str, ...]  #: key words
    style: str | None
    concept: str  #: pictures of one concept are held out together


@dataclass(frozen=True)
class Described:
    """What the files of a folder or a zip say of its pictures."""

    entries: dict[str, Entry]  #: by the name of the picture; each has a caption
    pictureless: list[str]  #: names under which there is a caption and no picture
    ignored: int  #: files that are neither pictures nor captions


def read_captions(path: Path, listing: Listing) -> Described:
    """What is said of the listed pictures; AttnGANError, naming file and line, for what can't be captions.

    Of several captions.jsonl the one at the root counts. File names in it are relative to its folder.
    """
    lists = [file for file in listing.others if PurePosixPath(file.name).name == JSON_LINES]
    if len(lists) > 1:
        several = f"{lists[0].name} and {lists[1].name}"
        lists = [file for file in lists if file.name == JSON_LINES]
        if not lists:
            raise AttnGANError(f"--data {path}", several, "join them at the root, or name one folder")
    return _from_json_lines(path, listing, lists[0]) if lists else _from_sidecars(path, listing)


def _from_json_lines(path: Path, listing: Listing, file: SourceFile) -> Described:
    folder = PurePosixPath(file.name).parent
    names = {_key(picture.name): picture.name for picture in listing.pictures}
    found: dict[str, tuple[int, str, Entry]] = {}
    for number, text in _lines(path, file):
        where = f"--data {path}: {file.name} line {number}"
        name, entry = _parse(where, text)
        key = _key((folder / name).as_posix())
        if key in found:
            raise AttnGANError(where, f"{name} again, after line {found[key][0]}", 'use one line with "captions": [..]')
        found[key] = (number, name, entry)
    _check_styles(f"--data {path}: {file.name}", [(number, entry.style) for number, _, entry in found.values()])
    entries = {names[key]: entry for key, (_, _, entry) in found.items() if key in names and entry.texts}
    pictureless = [name for key, (_, name, _) in found.items() if key not in names]
    return Described(entries, pictureless, len(listing.others) - 1)


def _from_sidecars(path: Path, listing: Listing) -> Described:
    pictures: dict[str, list[str]] = {}
    for picture in listing.pictures:
        pictures.setdefault(_stem(picture), []).append(picture.name)
    sidecars = [file for file in listing.others if PurePosixPath(file.name).suffix.lower() == ".txt"]
    texts: dict[str, tuple[str, ...]] = {}
    for file in sidecars:
        if _stem(file) in pictures:
            lines = [_plain(f"--data {path}: {file.name} line {number}", text) for number, text in _lines(path, file)]
            texts |= dict.fromkeys(pictures[_stem(file)], tuple(lines))
    texts = {name: lines for name, lines in texts.items() if lines}
    styles = dict(zip(texts, class_of(list(texts)), strict=True))
    entries = {name: Entry(lines, (), styles[name], name) for name, lines in texts.items()}
    pictureless = [file.name for file in sidecars if _stem(file) not in pictures]
    return Described(entries, pictureless, len(listing.others) - len(sidecars))


def _stem(file: SourceFile) -> str:
    return _key(PurePosixPath(file.name).with_suffix("").as_posix())


def _key(name: str) -> str:
    """Names that differ in how an accent is composed are one: macOS decomposes what others don't."""
    return unicodedata.normalize("NFC", name)


def _lines(path: Path, file: SourceFile) -> Iterator[tuple[int, str]]:
    """(number, text) of the lines that are not blank; AttnGANError if the file is not UTF-8."""
    try:
        content = file.read()
    except UnreadablePictureError as reason:
        raise AttnGANError(f"--data {path}: {file.name}", f"{reason}", "replace it") from None
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            where = f"--data {path}: {file.name} line {number}"
            problem = f"byte {line[error.start]:#04x} is not UTF-8"
            raise AttnGANError(where, problem, "save the file as UTF-8") from None
        if text.strip():
            yield number, text


def _parse(where: str, text: str) -> tuple[str, Entry]:
    """(file name, entry) of one line of captions.jsonl; the entry's texts are empty if its captions are."""
    try:
        line = json.loads(text, strict=False)  # lets control characters through, which have a message of their own
    except (ValueError, RecursionError):
        raise AttnGANError(where, "not JSON", _EXAMPLE) from None
    if not isinstance(line, dict) or "file_name" not in line:
        raise AttnGANError(where, "no object with a file_name", _EXAMPLE)
    if ("caption" in line) == ("captions" in line):
        what = "both caption and captions" if "caption" in line else "neither caption nor captions"
        raise AttnGANError(where, what, _EXAMPLE)
    name = _file_name(where, line["file_name"])
    texts = _texts(where, "captions", line["captions"] if "captions" in line else [line["caption"]])
    tags = _texts(where, "tags", line.get("tags") or [])
    style, concept = (
        None if line.get(key) is None else _text(where, key, line[key]) or None for key in ("style", "concept")
    )
    return name, Entry(texts, tags, style, concept or name)


def _texts(where: str, key: str, value: Any) -> tuple[str, ...]:
    """The texts of a list that are not blank."""
    if not isinstance(value, list):
        raise AttnGANError(where, f"{key} is no list", f'write "{key}": ["red heart", "love"]')
    texts = [_text(where, key, item) for item in value]
    return tuple(text for text in texts if text)


def _text(where: str, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise AttnGANError(where, f"{key} holds {json.dumps(value)[:40]}, which is no text", "put it in quotes")
    return _plain(where, value)


def _plain(where: str, text: str) -> str:
    """The text with single spaces; AttnGANError for control characters that are no white space."""
    found = NO_TEXT.search(text)
    if found:
        what = "half a surrogate pair" if found[0] >= "\ud800" else "a control character"
        raise AttnGANError(where, f"U+{ord(found[0]):04X} is {what}", "remove it")
    return " ".join(text.split())


def _file_name(where: str, name: Any) -> str:
    """The name with forward slashes; AttnGANError if it could lead out of the folder."""
    _text(where, "file_name", name)
    path = PurePosixPath(name.replace("\\", "/"))
    outside = ".." in path.parts or path.is_absolute() or PureWindowsPath(name).drive
    if not path.parts or outside or _LINE_END.search(name):
        raise AttnGANError(where, f"file_name {name!r}", "name a picture of the folder, as google/a.png")
    return path.as_posix()


def _check_styles(where: str, styles: list[tuple[int, str | None]]) -> None:
    with_style = next((number for number, style in styles if style is not None), None)
    without = next((number for number, style in styles if style is None), None)
    if with_style is not None and without is not None:
        raise AttnGANError(
            where, f"line {with_style} has a style, line {without} none", "give all pictures one, or none"
        )
