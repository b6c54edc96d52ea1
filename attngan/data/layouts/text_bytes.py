"""Text files of other people: UTF-8 with or without a mark, UTF-16 and UTF-32 with one."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attngan.data.listing import SourceFile
from attngan.data.transforms import UnreadablePictureError
from attngan.errors import AttnGANError

_MARKS = (  # UTF-32 first, whose mark begins as that of UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_REMEDY = "save the file as UTF-8: in an editor by Save As, or by iconv -f cp1252 -t utf-8"


def read_lines(path: Path, file: SourceFile) -> Iterator[tuple[int, str]]:
    """(number, text) of the lines that are not blank; AttnGANError if the file is not Unicode.

    Without a mark, other encodings can't be told from one another: café in cp1252 is cafщ in cp1251.
    """
    content = _content(path, file)
    encoding = _marked(content)
    if encoding:
        content = _decode(path, file, content, encoding).encode()
    for number, line in enumerate(content.removeprefix(codecs.BOM_UTF8).split(b"\n"), 1):
        text = _decode(path, file, line, "utf-8", number)
        if text.strip():
            yield number, text


def read_text(path: Path, file: SourceFile) -> str:
    """The whole text of a file, as `read_lines` takes it."""
    content = _content(path, file)
    encoding = _marked(content)
    if encoding:
        return _decode(path, file, content, encoding)
    try:
        return content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        return _decode(path, file, content, "utf-8", content.count(b"\n", 0, error.start) + 1)


def read_json(path: Path, file: SourceFile) -> Any:
    """The value in a JSON file."""
    text = read_text(path, file)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise AttnGANError(f"--data {path}: {file.name}", "not JSON", "mend it, or take the file away") from None


def _content(path: Path, file: SourceFile) -> bytes:
    where = f"--data {path}: {file.name}"
    try:
        content = file.read()
    except UnreadablePictureError as reason:
        raise AttnGANError(where, f"{reason}", "replace it") from None
    if b"\0" in content and not _marked(content):
        raise AttnGANError(where, "holds bytes of 0, as UTF-16 without a mark does", _REMEDY)
    return content


def _marked(content: bytes) -> str | None:
    return next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)


def _decode(path: Path, file: SourceFile, content: bytes, encoding: str, line: int | None = None) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        where = f"--data {path}: {file.name}" + (f" line {line}" if line else "")
        problem = f"byte {content[error.start]:#04x} is not {encoding.upper()}"
        raise AttnGANError(where, problem, _REMEDY) from None
