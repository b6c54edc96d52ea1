"""`captions.jsonl`, attngan's own form of captions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from attngan.data.layouts.entry import Described, Entry, checked_text
from attngan.data.layouts.names import folder_of, key_of
from attngan.data.layouts.text_bytes import read_lines
from attngan.data.listing import Listing, SourceFile, leads_out, plain_path
from attngan.errors import AttnGANError

FILE = "captions.jsonl"
_LINE_END = re.compile("[\\t\\n\\v\\f\\r\\x85]")  # which would break the reports that name a picture
_EXAMPLE = 'write {"file_name": "a.png", "caption": "red heart"}'


def read_captions(path: Path, listing: Listing) -> Described | None:
    """What it says of the listed pictures; AttnGANError, naming file and line, for what can't be captions.

    Of several captions.jsonl the one at the root counts. File names in it are relative to its folder.
    """
    lists = [file for file in listing.others if file.name.rpartition("/")[2] == FILE]
    if len(lists) > 1:
        several = f"{lists[0].name} and {lists[1].name}"
        lists = [file for file in lists if file.name == FILE]
        if not lists:
            raise AttnGANError(f"--data {path}", several, "join them at the root, or name one folder")
    return _read(path, listing, lists[0]) if lists else None


def _read(path: Path, listing: Listing, file: SourceFile) -> Described:
    folder = folder_of(file.name)
    names = {key_of(picture.name): picture.name for picture in listing.pictures}
    passed_over = {key_of(name) for name in listing.passed_over}
    found: dict[str, tuple[int, str, Entry]] = {}
    for number, text in read_lines(path, file):
        where = f"--data {path}: {file.name} line {number}"
        name, entry = _parse(where, text)
        key = key_of(f"{folder}/{name}" if folder else name)
        if key in found:
            raise AttnGANError(where, f"{name} again, after line {found[key][0]}", 'use one line with "captions": [..]')
        found[key] = (number, name, entry)
    _check_styles(f"--data {path}: {file.name}", [(number, entry.style) for number, _, entry in found.values()])
    entries = {names[key]: entry for key, (_, _, entry) in found.items() if key in names and entry.texts}
    pictureless = [name for key, (_, name, _) in found.items() if key not in names and key not in passed_over]
    return Described(entries, pictureless, len(listing.others) - 1, file.name)


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
        None if line.get(key) is None else checked_text(where, key, line[key]) or None for key in ("style", "concept")
    )
    return name, Entry(texts, tags, style, concept or name)


def _texts(where: str, key: str, value: Any) -> tuple[str, ...]:
    """The texts of a list that are not blank."""
    if not isinstance(value, list):
        raise AttnGANError(where, f"{key} is no list", f'write "{key}": ["red heart", "love"]')
    texts = [checked_text(where, key, item) for item in value]
    return tuple(text for text in texts if text)


def _file_name(where: str, name: Any) -> str:
    """The name with forward slashes; AttnGANError if it could lead out of the folder."""
    checked_text(where, "file_name", name)
    if leads_out(name) or _LINE_END.search(name):
        raise AttnGANError(where, f"file_name {name!r}", "name a picture of the folder, as google/a.png")
    return plain_path(name)


def _check_styles(where: str, styles: list[tuple[int, str | None]]) -> None:
    with_style = next((number for number, style in styles if style is not None), None)
    without = next((number for number, style in styles if style is None), None)
    if with_style is not None and without is not None:
        raise AttnGANError(
            where, f"line {with_style} has a style, line {without} none", "give all pictures one, or none"
        )
