"""Pictures or sentences in, arrays or lines out.

Folders, zips and IDX files become uint8 arrays of one size, with captions where there are; text files become lines.
"""

from attngan.data.captioned import load_captioned
from attngan.data.captions import Captions
from attngan.data.described import describe
from attngan.data.lines import Lines, load_lines
from attngan.data.load import load_pictures
from attngan.data.pictures import Pictures

__all__ = ["Captions", "Lines", "Pictures", "describe", "load_captioned", "load_lines", "load_pictures"]
