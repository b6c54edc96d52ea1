"""What tests expect of a mistake, in a few words: `subject` or `subject: kind`.

The subject is part of the error's own; the kind is a regular expression that tells its problem or remedy from others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import Result

from attngan_runtime.errors import AttnGANError


@contextmanager
def refuses(what: str) -> Iterator[pytest.ExceptionInfo[AttnGANError]]:
    """The block raises an AttnGANError of this subject and kind, whose message is one line."""
    with pytest.raises(AttnGANError) as caught:
        yield caught
    error, (subject, _, kind) = caught.value, what.partition(": ")
    rest = "; ".join(filter(None, (error.problem, error.remedy)))
    assert subject in error.subject and rest and re.search(kind, rest), f"not {what!r}: {error}"
    assert len(str(error).splitlines()) == 1, error


def refused(result: Result, words: str) -> None:
    """The command ended with exit code 2 and one line, an error that holds these words."""
    assert result.exit_code == 2, result.output
    (line,) = result.output.splitlines()
    assert line.startswith("error: ") and words in line, line
