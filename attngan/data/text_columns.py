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

Entries = Iterator[tuple[int, str, str]]  #: (number of the line, what stands there, what keeps it from being a text)


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
    return "", ((number, line, "") for number, line in enumerate(lines, 1) if number < len(lines) or line)


def _from_table(
    where: str, text: str, column: str | None, usual: Sequence[str], tabs: bool
) -> tuple[str, Entries]:  # fmt: skip
    head = _LINE_END.split(text, maxsplit=1)[0]
    delimiter = "\t" if tabs else max(",;\t", key=head.count)
    rows = _rows(where, text, delimiter)
    names = [name.strip() for name in next(rows, (1, [], False))[1]]
    chosen = _choose(where, names, column, usual)
    place, last = names.index(chosen), len(names) - 1

    def entries() -> Entries:
        for number, row, quoted in rows:
            if len(row) > len(names) and place == last and not quoted:  # its own delimiters lack quotes
                row[last:] = [delimiter.join(row[last:])]
            fits = place < len(row) <= len(names) or not row
            problem = "" if fits else f"{len(row)} fields, where the first line has {len(names)}"
            yield number, row[place] if fits and row else "", problem

    return chosen, entries()


def _rows(where: str, text: str, delimiter: str) -> Iterator[tuple[int, list[str], bool]]:
    """(number of its first line, fields, whether quotes held any of them together) of each row."""
    lines = io.StringIO(text, newline="")
    quoting: Any = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL  # between tabs they are part of a text
    rows = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
    while True:
        number, start = rows.line_num + 1, lines.tell()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            problem, remedy = f"no CSV ({error})", "put a field that holds quotes in quotes, and double its own"
            raise AttnGANError(f"{where} line {number:,}", problem, remedy) from None
        yield number, row, delimiter.join(row) != text[start : lines.tell()].rstrip("\r\n")


def _from_objects(where: str, lines: list[str], column: str | None, usual: Sequence[str]) -> tuple[str, Entries]:
    rows = [(number, _object(line)) for number, line in enumerate(lines, 1) if line.strip()]
    chosen = _choose(where, list(dict.fromkeys(name for _, row in rows for name in row or ())), column, usual)

    def entries() -> Entries:
        for number, row in rows:
            value = None if row is None else row.get(chosen, "")
            yield (number, value, "") if isinstance(value, str) else (number, "", "no text")

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
