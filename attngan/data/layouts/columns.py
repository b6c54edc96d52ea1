"""What people call the columns of a table, or the keys of an object, about pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attngan.data.layouts.entry import Entry, checked_label, checked_text

NAMES = (
    "file_name", "filename", "file", "file_path", "filepath", "path", "image_name", "image_path", "image_file", "image",
    "image_id", "img", "id",
)  # fmt: skip
TEXTS = ("text", "caption", "captions", "comment", "description", "prompt", "sentence")
LABELS = ("label", "labels", "class", "class_name", "category", "cls")


def find_column(columns: Iterable[str], known: tuple[str, ...]) -> str | None:
    """Which of the columns has a known name, the first of those known; case does not count."""
    written = {column.strip().lower(): column for column in columns}
    return next((written[name] for name in known if name in written), None)


def texts_of(where: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    """The captions in a row, which may be one text or a list of them."""
    column = find_column(row, TEXTS)
    value = None if column is None else row[column]
    values = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(filter(None, (checked_text(where, str(column), text) for text in values)))


def entry_of(where: str, row: Mapping[str, Any], wanted: tuple[str, ...]) -> Entry:
    """What a row says of its picture. wanted: TEXTS or LABELS, of which the others are not looked at."""
    if wanted is TEXTS:
        return Entry(texts_of(where, row))
    column = find_column(row, LABELS)
    return Entry(label=None if column is None else checked_label(where, column, row[column]))
