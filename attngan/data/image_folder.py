"""`load_pictures`: finds out what a path holds and fills one array from it."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from attngan.data.captions import rank_names
from attngan.data.decoding import decode_files
from attngan.data.idx import find_idx, load_idx
from attngan.data.image_dataset import ImageDataset
from attngan.data.listing import Listing, class_of, list_folder, list_zip
from attngan.data.reading import UNFIXED, Reading
from attngan.errors import AttnGANError
from attngan_runtime.bundle.spec import LONGEST_NAME
from attngan_runtime.errors import UNPRINTABLE

_EXAMPLES = ".jpg, .png, .webp …"


def load_pictures(path: str | Path, *, resolution: int, channels: int, reading: Reading = UNFIXED) -> ImageDataset:
    """The pictures of a folder, a zip or an IDX set as uint8 [N, resolution, resolution, channels].

    path: a folder or a zip of picture files, or a folder with train-images-idx3-ubyte[.gz] or such a file itself.
    channels: 1 grey, 3 RGB (transparency shows white), 4 RGB with premultiplied alpha (opaque without alpha).
    reading: of an earlier set, to read this one alike; the result's says how that was.

    Pictures in subfolders have the first folder as class, in the order of sorted names, and deeper folders count to
    it. Folders that all pictures share are passed through. Pictures beside the folders make the whole set
    unlabelled. A picture that can't be read is left out and named in `skipped`.

    Raises AttnGANError if there is no such path, no picture in it, none that can be read, or a torn IDX file; and for
    a class whose name no bundle can hold.
    """
    path = Path(path)
    check_source(path, channels)
    with data_errors(path):
        idx = find_idx(path)
        if idx is not None:
            return load_idx(idx, resolution, channels, reading)
        with open_listing(path) as listing:
            return _decode_all(path, listing, resolution, channels, reading)


def check_source(path: Path, channels: int) -> None:
    """Raises AttnGANError for a path that isn't there, or a number of channels that no picture has here."""
    if channels not in (1, 3, 4):
        raise AttnGANError(f"channels {channels}", "", "use 1 (grey), 3 (RGB) or 4 (RGB and alpha)")
    if not path.exists():
        raise AttnGANError(f"--data {path}", "no such file or folder", "check the path")


@contextlib.contextmanager
def data_errors(path: Path) -> Iterator[None]:
    """Turns what reading a folder or a zip raises into AttnGANError."""
    try:
        yield
    except zipfile.BadZipFile:
        raise AttnGANError(
            f"--data {path}", "neither a zip nor an IDX file", f"name a folder or a zip of pictures ({_EXAMPLES})"
        ) from None
    except OSError as error:
        raise AttnGANError(f"--data {path}", f"{error.strerror or error}", "make it readable") from None


@contextlib.contextmanager
def open_listing(path: Path) -> Iterator[Listing]:
    """The files of a folder or a zip, which stays open meanwhile; AttnGANError if no picture is among them."""
    with contextlib.ExitStack() as stack:
        listing = list_folder(path) if path.is_dir() else list_zip(stack.enter_context(zipfile.ZipFile(path)))
        check_listing(path, listing)
        yield listing


def check_listing(path: Path, listing: Listing) -> None:
    """Raises AttnGANError if no picture is listed."""
    others = len(listing.others)
    if not listing.pictures and not others:
        raise AttnGANError(f"--data {path}", "empty", f"put pictures in it ({_EXAMPLES})")
    if not listing.pictures:
        count = f"{others:,} file{'s' * (others != 1)}"
        raise AttnGANError(
            f"--data {path}", f"{count}, none of them a picture ({_EXAMPLES})", "name a folder of pictures"
        )


def number_names(names: list[str | None]) -> tuple[np.ndarray | None, list[str]]:
    """(int64 numbers, the sorted names) of pictures; (None, []) where a name lacks or all have the same."""
    given = [name for name in names if name is not None]
    found = sorted(set(given))
    if len(given) < len(names) or len(found) < 2:  # one class says no more than none
        return None, []
    return rank_names(given), found


def check_names(path: Path, what: str, names: list[str | None]) -> None:
    """Raises AttnGANError for the name of a class or style that an export would refuse: hours of training later.

    what: what has such a name, `folder` or `style`. names: as `number_names` takes them.
    """
    for name in number_names(names)[1]:
        problem = None
        if UNPRINTABLE.search(name):
            problem = "holds what can't be printed in a line"
        elif len(name) > LONGEST_NAME:
            problem = f"has {len(name):,} letters, where {LONGEST_NAME} is the limit"
        if problem:
            raise AttnGANError(f"--data {path}", f"{what} {name[:40]!r} {problem}, and no class may", "rename it")


def _decode_all(path: Path, listing: Listing, resolution: int, channels: int, reading: Reading) -> ImageDataset:
    folders = class_of([file.name for file in listing.pictures])
    check_names(path, "folder", folders)
    decoded = decode_files(path, listing.pictures, resolution, channels, reading)
    classes, names = number_names([folders[place] for place in decoded.kept])
    return ImageDataset(
        decoded.images, classes, names, decoded.skipped, len(listing.others), decoded.sides,
        reading=decoded.reading, account=decoded.account,
    )  # fmt: skip
