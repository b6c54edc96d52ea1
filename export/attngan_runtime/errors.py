"""The one error that a user of attngan meets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: What would break a line, move a terminal's cursor, or can't be encoded: C0 and C1, two separators, half surrogates.
UNPRINTABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")


class AttnGANError(Exception):
    """A mistake that the user can mend.

    The message is one line, `subject: problem; remedy`. What can't be printed of them is written as Python's escapes.
    Command lines print the message and exit with code 2; as a library it is raised as it is.

    subject: the option, argument or file, with the value found there.
    problem: what is wrong with it; "" where the remedy alone says it.
    remedy: what to do; "" where that is plain.
    """

    def __init__(self, subject: str | Path, problem: str = "", remedy: str = "") -> None:
        self.subject, self.problem, self.remedy = map(printable, (str(subject), problem, remedy))
        rest = "; ".join(filter(None, (self.problem, self.remedy)))
        super().__init__(": ".join(filter(None, (self.subject, rest))))

    def about(self, subject: str) -> AttnGANError:
        """The same problem and remedy, of what the caller calls otherwise."""
        return AttnGANError(subject, self.problem, self.remedy)


def printable(text: str) -> str:
    """The text in one line, what can't be printed in Python's escapes."""
    return UNPRINTABLE.sub(lambda found: " " if found[0].isspace() else ascii(found[0])[1:-1], text)


def first_line(error: BaseException) -> str:
    """What another library's error says, in one line of 200 characters at most; its class where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
