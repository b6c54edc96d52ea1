"""StyleGAN's `dataset.json`: {"labels": [["00000/img00000000.png", 6], …]}, or labels null."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attngan.data.layouts.entry import Described, Entry, checked_label
from attngan.data.layouts.names import find_pictures, folder_of
from attngan.data.layouts.text_bytes import read_json
from attngan.data.listing import Listing
from attngan.errors import AttnGANError

FILE = "dataset.json"


def read_labels(path: Path, listing: Listing) -> Described | None:
    """The labels of the dataset.json nearest to the root, None without one; labels null are no labels."""
    files = [file for file in listing.others if file.name.rpartition("/")[2] == FILE]
    if not files:
        return None
    file = min(files, key=lambda file: file.name.count("/"))
    found = read_json(path, file)
    if not isinstance(found, dict) or "labels" not in found:
        return None
    where, folder = f"--data {path}: {file.name}", folder_of(file.name)
    ignored = len(listing.others) - 1
    if found["labels"] is None:
        return Described({}, [], ignored, file.name)
    pairs = ((where, name, folder, Entry(label=label)) for name, label in _pairs(where, found["labels"]))
    return Described(*find_pictures(listing, pairs), ignored, file.name)


def _pairs(where: str, labels: Any) -> Iterator[tuple[str, str | None]]:
    example = 'write {"labels": [["a.png", 0], …]}, or null in place of the list'
    if not isinstance(labels, list):
        raise AttnGANError(where, "labels is no list", example)
    for number, pair in enumerate(labels):
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
            raise AttnGANError(where, f"labels[{number}] is no name with a label", example)
        yield pair[0], checked_label(f"{where} labels[{number}]", pair[1])
