"""Tables with a row a caption or a label: Hugging Face's metadata, labels as CSV, Flickr8k and 30k."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from attngan.data.image_dataset import count_of, name_some
from attngan.data.layouts.columns import LABELS, NAMES, TEXTS, entry_of, find_column
from attngan.data.layouts.entry import Attempt, Described, Entry
from attngan.data.layouts.names import find_pictures, folder_of, name_first
from attngan.data.layouts.text_bytes import read_text
from attngan.data.listing import Listing, SourceFile, suffix_of
from attngan.errors import AttnGANError

# The first of which there is one that names a picture counts, from all folders where it stands.
_METADATA = r"metadata\.jsonl|metadata\.[ct]sv"
_OF_TEXTS = re.compile(
    rf"{_METADATA}|captions?\.(?:[ct]sv|txt)|results\.csv|.*token(?:\.txt)?|annotations\.[ct]sv", re.I
)
_OF_LABELS = re.compile(rf"{_METADATA}|labels?\.[ct]sv|annotations\.[ct]sv|train(?:ing)?(?:_labels)?\.[ct]sv", re.I)
_TOKEN = re.compile(r"(?P<image>[^\t#]+)#\d+\t(?P<caption>.*)")  # 1000268201_693b08cb0e.jpg#0⇥A child …
_DELIMITERS = "\t|;,"

Row = tuple[int, dict[str, Any]]  # with the number of its line


@dataclass
class _Table:
    file: SourceFile
    rows: Iterator[Row]
    broken: list[int] = field(default_factory=list)  #: lines without all columns, filled while rows are taken


def read_captions(path: Path, listing: Listing) -> Described | None:
    """Captions of the tables that have them; AttnGANError, naming file and line, for what can't be read as such."""
    described = None
    for attempt in _attempts(path, listing, TEXTS, _OF_TEXTS):
        found = attempt()
        if found and found.entries:
            return found
        described = described or found
    return described


def find_labels(path: Path, listing: Listing) -> Iterator[Attempt]:
    """Labels of the tables that have them, an attempt for those of each name."""
    return _attempts(path, listing, LABELS, _OF_LABELS)


def _attempts(path: Path, listing: Listing, wanted: tuple[str, ...], called: re.Pattern[str]) -> Iterator[Attempt]:
    groups: dict[str, list[SourceFile]] = {}
    for file in listing.others:
        name = file.name.rpartition("/")[2].lower()
        if called.fullmatch(name) and "lemma" not in name:  # Flickr8k has its captions a second time, as bare words
            groups.setdefault(name, []).append(file)
    for name in sorted(groups, key=lambda name: (not name.startswith("metadata"), name)):
        yield partial(_read, path, listing, groups[name], wanted)


def _read(path: Path, listing: Listing, files: list[SourceFile], wanted: tuple[str, ...]) -> Described | None:
    tables = [table for file in files if (table := _open(path, file, wanted))]
    if not tables:
        return None
    entries, pictureless = find_pictures(listing, (said for table in tables for said in _said(path, table, wanted)))
    entries = {name: entry for name, entry in entries.items() if entry.texts or entry.label is not None}
    notes = []
    for table in tables:
        if table.broken:
            lines = name_some([f"line {number:,}" for number in table.broken])
            notes.append(f"{count_of(len(table.broken), 'broken line')} of {table.file.name} left out: {lines}")
    source = name_first([_source(table.file) for table in tables])
    return Described(entries, pictureless, len(listing.others) - len(tables), source, notes)


def _source(file: SourceFile) -> str:
    """The name of a file, or of the table whose columns it holds."""
    return folder_of(file.name) if _is_parquet(file) else file.name


def _is_parquet(file: SourceFile) -> bool:
    return suffix_of(folder_of(file.name)) == ".parquet"


def _said(path: Path, table: _Table, wanted: tuple[str, ...]) -> Iterator[tuple[str, str, str, Entry]]:
    folder = folder_of(table.file.name)
    for number, row in table.rows:
        where = f"--data {path}: {_source(table.file)} {'row' if _is_parquet(table.file) else 'line'} {number}"
        column = find_column(row, NAMES)
        name = None if column is None else row[column]
        if not isinstance(name, str | int) or not str(name).strip():
            raise AttnGANError(where, "names no picture", 'write one, as file_name: "a.png"')
        yield where, str(name), folder, entry_of(where, row, wanted)


def _open(path: Path, file: SourceFile, wanted: tuple[str, ...]) -> _Table | None:
    """The rows of a file, None if it lacks the columns that are wanted."""
    text = io.StringIO(read_text(path, file), newline=None).read()  # whatever ends its lines
    if file.name.lower().endswith(".jsonl"):
        return _open_json_lines(f"--data {path}: {file.name}", file, text, wanted)
    start = text.lstrip().partition("\n")[0]
    table = _Table(file, iter(()))
    if _TOKEN.fullmatch(start):
        table.rows = _token_rows(text, table.broken)
        return table if wanted is TEXTS else None
    for delimiter in _DELIMITERS:
        header = [column.strip().strip('"') for column in start.split(delimiter)]
        if find_column(header, NAMES) and find_column(header, wanted):
            where, last = f"--data {path}: {file.name}", find_column(header, TEXTS) if wanted is TEXTS else None
            table.rows = _csv_rows(where, text, delimiter, header, last, table.broken)
            return table
    return None


def _token_rows(text: str, broken: list[int]) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        found = _TOKEN.fullmatch(line)
        if found:
            yield number, found.groupdict()
        elif line.strip():
            broken.append(number)


def _csv_rows(
    where: str, text: str, delimiter: str, header: list[str], last: str | None, broken: list[int]
) -> Iterator[Row]:
    """Rows by column. Surplus fields belong to the text if it stands last, as its commas may lack quotes."""
    # Between bars or tabs, quotes are part of a caption.
    quoting: Any = csv.QUOTE_MINIMAL if delimiter in ",;" else csv.QUOTE_NONE
    lines = io.StringIO(text, newline="")
    spaced = quoting == csv.QUOTE_MINIMAL and f"{delimiter} " in text.lstrip().partition("\n")[0]
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, skipinitialspace=spaced, strict=True)
    try:
        filled = (fields for fields in reader if any(value.strip() for value in fields))
        next(filled)  # the header
        for fields in filled:
            if len(fields) > len(header) and header[-1] == last:
                fields[len(header) - 1 :] = [delimiter.join(fields[len(header) - 1 :])]
            if len(fields) == len(header):
                yield reader.line_num, {name: value.strip() for name, value in zip(header, fields, strict=True)}
            else:
                broken.append(reader.line_num)
    except csv.Error as error:
        where, problem = f"{where} line {reader.line_num}", f"not CSV ({str(error)[:80]})"
        raise AttnGANError(where, problem, "put fields that hold quotes in quotes, and double theirs") from None


def _open_json_lines(where: str, file: SourceFile, text: str, wanted: tuple[str, ...]) -> _Table | None:
    rows = _json_rows(where, text)
    first = next(rows, None)
    if first is None or not find_column(first[1], NAMES):
        return None
    every = [first, *rows]
    return _Table(file, iter(every)) if any(find_column(row, wanted) for _, row in every) else None


def _json_rows(where: str, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, strict=False)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            remedy = 'write {"file_name": "a.png", "text": "red heart"}'
            raise AttnGANError(f"{where} line {number}", "no JSON object", remedy)
        yield number, row
