"""The text of a file: UTF-8 with or without a byte-order mark, UTF-16 and UTF-32 with one."""

from __future__ import annotations

import codecs

from attngan.errors import AttnGANError

_MARKS = {  # UTF-32 first, whose mark begins as that of UTF-16 does
    codecs.BOM_UTF32_LE: "utf-32-le", codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be", codecs.BOM_UTF8: "utf-8",
}  # fmt: skip
# Bytes at the beginning, by which UTF-16 without a mark is told, and the share of them that is 0 there. In Cyrillic,
# where only spaces and marks of punctuation hold one, it is a tenth.
_SEEN, _ZEROS = 4096, 1 / 32
_SAVE = "save the file as UTF-8, in an editor or by iconv -f {} -t UTF-8"


def read_text(content: bytes, where: str) -> str:
    """Text of bytes in UTF-8, with or without a byte-order mark, or in UTF-16 or UTF-32 with one.

    Raises AttnGANError, which begins with `where`, names the line and says how to save it, for anything else. Other
    encodings can't be told from one another: café in cp1252 is cafщ in cp1251.
    """
    mark, encoding = next((pair for pair in _MARKS.items() if content.startswith(pair[0])), (b"", "utf-8"))
    if not mark and content[:_SEEN].count(0) > len(content[:_SEEN]) * _ZEROS:
        raise AttnGANError(where, "holds bytes of 0, as UTF-16 without a mark does", _SAVE.format("UTF-16LE"))
    try:
        return content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: len(mark) + error.start]
        line = before.decode(encoding, "replace").count("\n") + 1
        found = f"byte {error.object[error.start]:#04x} is not {encoding[:6].upper()}"
        raise AttnGANError(f"{where} line {line:,}", found, _SAVE.format("WINDOWS-1252")) from None
