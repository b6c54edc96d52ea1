"""The text of one file of a source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attngan.data import encoding
from attngan.data.listing import SourceFile
from attngan.data.transforms import UnreadablePictureError
from attngan.errors import AttnGANError


def read_lines(path: Path, file: SourceFile) -> Iterator[tuple[int, str]]:
    """(number, text) of the lines that are not blank; AttnGANError as `read_text` has it."""
    return ((number, line) for number, line in enumerate(read_text(path, file).split("\n"), 1) if line.strip())


def read_text(path: Path, file: SourceFile) -> str:
    """The whole text of a file; AttnGANError if it can't be read, or is not Unicode (see `attngan.data.encoding`)."""
    where = f"--data {path}: {file.name}"
    try:
        content = file.read()
    except UnreadablePictureError as reason:
        raise AttnGANError(where, f"{reason}", "replace it") from None
    return encoding.read_text(content, where)


def read_json(path: Path, file: SourceFile) -> Any:
    """The value in a JSON file."""
    text = read_text(path, file)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise AttnGANError(f"--data {path}: {file.name}", "not JSON", "mend it, or take the file away") from None
