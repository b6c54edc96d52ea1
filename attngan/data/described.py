"""What was read, in one line."""

from __future__ import annotations

from attngan.data.lines import Lines, describe_lines
from attngan.data.pictures import Pictures, describe_pictures


def describe(data: Pictures | Lines) -> str:
    """`60,000 pictures, 10 classes; …` or `10,000 sentences, 9,959 different; …`, and what was skipped."""
    return describe_lines(data) if isinstance(data, Lines) else describe_pictures(data)
