"""What a layout says of pictures, and the checks of what stands in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from attngan.errors import AttnGANError
from attngan_runtime.tokenizers.text import NO_TEXT


@dataclass(frozen=True)
class Entry:
    """What is said of one picture."""

    texts: tuple[str, ...] = ()  #: captions, the first of which is the main one
    tags: tuple[str, ...] = ()  #: key words
    style: str | None = None
    concept: str = ""  #: pictures of one concept are held out together; its own name if ""
    label: str | None = None  #: the name of its class


@dataclass(frozen=True)
class Described:
    """What the files of a source say of its pictures."""

    entries: dict[str, Entry]  #: by the name of the picture
    pictureless: list[str]  #: names under which something is said and there is no picture
    ignored: int  #: files that are neither pictures nor read for this
    source: str = ""  #: the file that says it; "" where each picture has its own
    notes: list[str] = field(default_factory=list)  #: what the data line says of it


Attempt = Callable[[], Described | None]  #: reads one source of labels; None if it says nothing of them, or an error


class NoClassError(AttnGANError):
    """Labels as they should stand, which are no classes of these pictures."""


def plain_text(where: str, text: str) -> str:
    """The text with single spaces; AttnGANError for control characters that are no white space."""
    found = NO_TEXT.search(text)
    if found:
        what = "half a surrogate pair" if found[0] >= "\ud800" else "a control character"
        raise AttnGANError(where, f"U+{ord(found[0]):04X} is {what}", "remove it")
    return " ".join(text.split())


def checked_text(where: str, key: str, value: Any) -> str:
    """A value that has to be text, with single spaces."""
    if not isinstance(value, str):
        raise AttnGANError(where, f"{key} holds {json.dumps(value)[:40]}, which is no text", "put it in quotes")
    return plain_text(where, value)


def checked_label(where: str, key: str, value: Any) -> str | None:
    """The name of a class, which may be written as a whole number; None for null or ""; NoClassError for others."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        problem = f"{key} holds {json.dumps(value)[:40]}, which is neither a class's number nor its name"
        raise NoClassError(where, problem, "write one class a picture")
    return plain_text(where, str(value)) or None
