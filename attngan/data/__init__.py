"""Pictures in, arrays out: folders, zips and IDX files as uint8 arrays of one size, with captions where there are."""

from attngan.data.captioned import load_captioned
from attngan.data.captions import Captions
from attngan.data.load import load_pictures
from attngan.data.pictures import Pictures, describe

__all__ = ["Captions", "Pictures", "describe", "load_captioned", "load_pictures"]
