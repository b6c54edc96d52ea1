"""Pictures in, arrays out: folders, zips and IDX files as uint8 arrays of one size."""

from attngan.data.load import load_pictures
from attngan.data.pictures import Pictures, describe

__all__ = ["Pictures", "describe", "load_pictures"]
