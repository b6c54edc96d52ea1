"""`load_pictures`: finds out what a path holds and fills one array from it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from attngan.data.decoding import decode_files
from attngan.data.idx import find_idx, load_idx
from attngan.data.image_dataset import ImageDataset
from attngan.data.layouts import read_labels
from attngan.data.layouts.folders import choose_split
from attngan.data.listing import Listing
from attngan.data.reading import UNFIXED, Reading
from attngan.data.sources import check_source, data_errors, open_listing
from attngan.errors import AttnGANError
from attngan_runtime.bundle.spec import LONGEST_NAME
from attngan_runtime.errors import UNPRINTABLE


def load_pictures(path: str | Path, *, resolution: int, channels: int, reading: Reading = UNFIXED) -> ImageDataset:
    """The pictures of a source as uint8 [N, resolution, resolution, channels].

    path: a folder, a zip or a tar of picture files; a Parquet table; a folder of tars or tables; a folder with
    train-images-idx3-ubyte[.gz] or such a file itself.
    channels: 1 grey, 3 RGB (transparency shows white), 4 RGB with premultiplied alpha (opaque without alpha).
    reading: of an earlier set, to read this one alike; the result's says how that was.

    Classes are the labels of files that have them, else the first folders that tell pictures apart; numbers in order,
    or sorted names. Of folders that are splits train is read alone. Pictures that can't be read are left out and named
    in `skipped`; what else was decided is said in `notes`. docs/data.md has every layout.

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


def number_names(names: list[str | None]) -> tuple[np.ndarray | None, list[str]]:
    """(int64 numbers, names in order) of classes or styles; (None, []) where one lacks or all have the same."""
    given = [name for name in names if name is not None]
    found = sort_classes(given)
    if len(given) < len(names) or len(found) < 2:  # one class says no more than none
        return None, []
    places = {name: place for place, name in enumerate(found)}
    return np.array([places[name] for name in given], np.int64), found


def sort_classes(names: Iterable[str]) -> list[str]:
    """The different ones in order: by value if all are whole numbers, so that class 10 follows 9; else by letters."""
    found = sorted(set(names))
    return sorted(found, key=_value) if all(name.isascii() and name.isdigit() for name in found) else found


def _value(digits: str) -> tuple[int, str]:
    """What sorts whole numbers of any length by value; `int` takes 4,300 digits at most."""
    return len(digits.lstrip("0")), digits.lstrip("0")


def check_names(path: Path, what: str, names: list[str | None]) -> None:
    """Raises AttnGANError for the name of a class or style that an export would refuse: hours of training later.

    what: what has such a name, such as `folder` or `style`. names: as `number_names` takes them.
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
    listing = choose_split(listing)
    labelled = read_labels(path, listing)
    check_names(path, labelled.called, list(labelled.classes.values()))
    files = [file for file in listing.pictures if file.name not in labelled.left_out]
    decoded = decode_files(path, files, resolution, channels, reading)
    classes, names = number_names([labelled.classes.get(files[place].name) for place in decoded.kept])
    return ImageDataset(
        decoded.images, classes, names, decoded.skipped, labelled.ignored, decoded.sides,
        reading=decoded.reading, account=decoded.account, notes=[*listing.notes, *labelled.notes],
    )  # fmt: skip
