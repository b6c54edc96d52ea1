"""Pictures or sentences in, datasets out.

Folders, zips and IDX files become uint8 arrays of one size, with captions where there are; text files become sentences.
"""

from attngan.data.captioned_dataset import CaptionedDataset
from attngan.data.captioned_folder import load_captioned
from attngan.data.captions import Captions
from attngan.data.dataset import Dataset
from attngan.data.image_dataset import ImageDataset
from attngan.data.image_folder import load_pictures
from attngan.data.text_file import TextDataset, load_lines

__all__ = [
    "CaptionedDataset", "Captions", "Dataset", "ImageDataset", "TextDataset", "load_captioned", "load_lines",
    "load_pictures",
]  # fmt: skip
