"""The one error that a user of attngan meets."""

from __future__ import annotations

import re

#: What would break a line, move a terminal's cursor, or can't be encoded: C0 and C1, two separators, half surrogates.
UNPRINTABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")


class AttnGANError(Exception):
    """A mistake that the user can mend.

    The message is one line that names the option or file, the value found there and the remedy; what of that value
    can't be printed is written as Python's escapes. Command lines print it and exit with code 2; as a library it is
    raised as it is.
    """

    def __init__(self, message: str) -> None:
        super().__init__(UNPRINTABLE.sub(_printable, message))


def _printable(found: re.Match[str]) -> str:
    return " " if found[0].isspace() else ascii(found[0])[1:-1]


def first_line(error: BaseException) -> str:
    """What another library's error says, in one line of 200 characters at most; its class where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
