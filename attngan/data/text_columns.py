"""Where sentences stand in a text: a line each, or a column of a CSV or of JSON lines."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attngan.data.image_dataset import name_some
from attngan.errors import AttnGANError

USUAL_COLUMNS = ("text", "caption", "sentence")  #: taken, the first that is there, where no column is named

_LINE_END = re.compile("\r\n|\r|\n")
_TABLES = (".csv", ".tsv")
_JSON_LINES = (".jsonl", ".ndjson")
_LOOKED_AT = 3  # lines: objects in all of them are JSON lines, whatever the file is called

Entries = Iterator[tuple[int, str | None]]  #: (number of the line, what stands there or None if it is no text)


def find_sentences(path: Path, text: str, column: str | None, usual: Sequence[str]) -> tuple[str, Entries]:
    """(column, entries) of the text of a file; the column is empty where each line is an entry.

    column: its name; the first of `usual` that is there if None. Raises AttnGANError, naming the columns, if it isn't
    there, and for JSON that is one document.
    """
    where = f"--data {path}"
    if path.suffix.lower() in _TABLES:
        return _from_table(where, text, column, usual, tabs=path.suffix.lower() == ".tsv")
    lines = _LINE_END.split(text)
    objects = list(itertools.islice((_object(line) for line in lines if line.strip()), _LOOKED_AT))
    if path.suffix.lower() in _JSON_LINES or (objects and None not in objects):
        return _from_objects(where, lines, column, usual)
    if _is_document(text):
        raise AttnGANError(where, "one JSON document", "write it as JSON lines, an object a line")
    if column is not None:
        raise AttnGANError(f"--column {column}", f"{path.name} has no columns, only lines", "leave it out")
    return "", ((number, line) for number, line in enumerate(lines, 1) if number < len(lines) or line)


def _from_table(
    where: str, text: str, column: str | None, usual: Sequence[str], tabs: bool
) -> tuple[str, Entries]:  # fmt: skip
    head = text[: text.find("\n") + 1] or text
    rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if tabs else max(",;\t", key=head.count))
    try:
        names = [name.strip() for name in next(rows, [])]
    except csv.Error as error:
        raise AttnGANError(where, f"line 1 is no CSV ({error})", "save it as CSV in UTF-8") from None
    chosen = _choose(where, names, column, usual)
    place = names.index(chosen)

    def entries() -> Entries:
        try:
            for row in rows:
                yield rows.line_num, row[place] if place < len(row) else ""
        except csv.Error as error:
            raise AttnGANError(f"{where} line {rows.line_num:,}", f"no CSV ({error})", "save it as CSV") from None

    return chosen, entries()


def _from_objects(where: str, lines: list[str], column: str | None, usual: Sequence[str]) -> tuple[str, Entries]:
    rows = [(number, _object(line)) for number, line in enumerate(lines, 1) if line.strip()]
    chosen = _choose(where, list(dict.fromkeys(name for _, row in rows for name in row or ())), column, usual)

    def entries() -> Entries:
        for number, row in rows:
            value = None if row is None else row.get(chosen, "")
            yield number, value if isinstance(value, str) else None

    return chosen, entries()


def _choose(where: str, names: list[str], column: str | None, usual: Sequence[str]) -> str:
    if column is None:
        found = next((name for wanted in usual for name in names if name.lower() == wanted.lower()), None)
        problem = f"none of its columns is called {' or '.join(dict.fromkeys(usual))}"
    else:
        found, where = (column if column in names else None), f"--column {column}"
        problem = "no such column"
    if found is None:
        shown = name_some([repr(name[:40]) for name in names]) or "none"
        raise AttnGANError(where, f"{problem}; there are {shown}", "attngan train takes --column NAME")
    return found


def _object(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_document(text: str) -> bool:
    if not text.lstrip().startswith(("[", "{")):
        return False
    try:
        return isinstance(json.loads(text), list | dict)
    except (ValueError, RecursionError):
        return False
