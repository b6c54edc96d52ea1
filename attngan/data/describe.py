"""What was read, in one line."""

from __future__ import annotations

from attngan.data.image_dataset import ImageDataset, describe_pictures
from attngan.data.text_file import TextDataset, describe_lines


def describe(data: ImageDataset | TextDataset) -> str:
    """`60,000 pictures, 10 classes; …` or `10,000 sentences, 9,959 different; …`, and what was skipped."""
    return describe_lines(data) if isinstance(data, TextDataset) else describe_pictures(data)
