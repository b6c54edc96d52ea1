"""StyleGAN's `dataset.json`: {"labels": [["00000/img00000000.png", 6], …]}, or labels null."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from attngan.data.layouts.entry import Attempt, Described, Entry, checked_label
from attngan.data.layouts.names import find_pictures, folder_of, name_first
from attngan.data.layouts.text_bytes import read_json
from attngan.data.listing import Listing, SourceFile
from attngan.errors import AttnGANError

FILE = "dataset.json"


def find_labels(path: Path, listing: Listing) -> Iterator[Attempt]:
    """The labels of the dataset.json nearest to the root, of several all; labels null are none of any picture."""
    files = [file for file in listing.others if file.name.rpartition("/")[2] == FILE]
    depth = min((file.name.count("/") for file in files), default=0)
    yield partial(_read, path, listing, [file for file in files if file.name.count("/") == depth])


def _read(path: Path, listing: Listing, files: list[SourceFile]) -> Described | None:
    found = {file.name: value["labels"] for file in files if "labels" in (value := _object(path, file))}
    if not found:
        return None
    rest = len(listing.others) - len(found), name_first(list(found))
    if not any(found.values()):
        return Described({file.name: Entry() for file in listing.pictures}, [], *rest)
    said = (
        (f"--data {path}: {file}", name, folder_of(file), Entry(label=label))
        for file, labels in found.items() for name, label in _pairs(f"--data {path}: {file}", labels or [])
    )  # fmt: skip
    return Described(*find_pictures(listing, said), *rest)


def _object(path: Path, file: SourceFile) -> dict[str, Any]:
    found = read_json(path, file)
    return found if isinstance(found, dict) else {}


def _pairs(where: str, labels: Any) -> Iterator[tuple[str, str | None]]:
    example = 'write {"labels": [["a.png", 0], …]}, or null in place of the list'
    if not isinstance(labels, list):
        raise AttnGANError(where, "labels is no list", example)
    for number, pair in enumerate(labels):
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
            raise AttnGANError(where, f"labels[{number}] is no name with a label", example)
        yield pair[0], checked_label(f"{where} labels[{number}]", "label", pair[1])
