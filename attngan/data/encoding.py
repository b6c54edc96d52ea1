"""The text of a file: UTF-8, or UTF-16 that says so."""

from __future__ import annotations

import codecs

from attngan.errors import AttnGANError

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_SEEN = 4096  # bytes at the beginning, by which UTF-16 without a mark is told
_SAVE = "save it as UTF-8, in an editor or by iconv -f {} -t UTF-8"


def read_text(content: bytes, where: str) -> str:
    """Text of bytes in UTF-8, with or without a byte-order mark, or in UTF-16 with one.

    Raises AttnGANError, which begins with `where` and says how to save it, for anything else.
    """
    mark, encoding = next((pair for pair in _MARKS.items() if content.startswith(pair[0])), (b"", "utf-8"))
    if not mark and content[:_SEEN].count(0) > len(content[:_SEEN]) // 4:
        raise AttnGANError(where, "not text, or UTF-16 without a byte-order mark", _SAVE.format("UTF-16LE"))
    try:
        return content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: len(mark) + error.start]
        line = before.decode(encoding, "replace").count("\n") + 1
        found = f"byte {error.object[error.start]:#04x} in line {line:,} is not {encoding[:6].upper()}"
        raise AttnGANError(where, found, _SAVE.format("WINDOWS-1252")) from None
