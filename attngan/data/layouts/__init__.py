"""How people lay pictures out: what files and folders say of each. The first reader that finds its file counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from attngan.data.image_dataset import name_some
from attngan.data.layouts import coco, dataset_json, json_lines, sidecars, tables
from attngan.data.layouts.entry import Described
from attngan.data.layouts.folders import classes_by_folder, stray_note
from attngan.data.listing import Listing, left_out
from attngan.errors import AttnGANError

Reader = Callable[[Path, Listing], Described | None]

LABELS: tuple[Reader, ...] = (dataset_json.read_labels, tables.read_labels, sidecars.read_labels)
CAPTIONS: tuple[Reader, ...] = (json_lines.read_captions, tables.read_captions, coco.read_captions)


@dataclass(frozen=True)
class Labelled:
    """Pictures by class."""

    classes: dict[str, str]  #: by the name of the picture; {} where there are none
    left_out: set[str]  #: names of pictures without a class where the others have one
    ignored: int  #: files that are neither pictures nor hold labels
    called: str  #: what gives a class its name: `label` or `folder`
    notes: list[str]  #: what the data line says of it


def read_labels(path: Path, listing: Listing) -> Labelled:
    """The classes of the pictures: of a file that labels them, else of their folders; AttnGANError as readers raise."""
    described = next(filter(None, (reader(path, listing) for reader in LABELS)), None)
    if described is None:
        found = classes_by_folder(file.name for file in listing.pictures)
        notes = [*([found.note] if found.note else []), *stray_note(found.strays)]
        return Labelled(found.classes, set(found.strays), len(listing.others), "folder", notes)
    if described.pictureless and not described.entries:
        raise of_no_picture(path, "labels", described.pictureless)
    classes = {name: entry.label for name, entry in described.entries.items() if entry.label is not None}
    without = [file.name for file in listing.pictures if file.name not in classes] if classes else []
    notes = [
        f"labels of {described.source}" if classes else f"no labels in {described.source}", *described.notes,
        *left_out(without, "picture without a label", "pictures without a label"),
        *left_out(described.pictureless, "label without a picture", "labels without a picture"),
    ]  # fmt: skip
    return Labelled(classes, set(without), described.ignored, "label", notes)


def read_captions(path: Path, listing: Listing) -> Described:
    """What is said of the pictures in words, each entry with a caption; AttnGANError as readers raise."""
    described = next(filter(None, (reader(path, listing) for reader in CAPTIONS)), None)
    if described is None:
        return sidecars.read_captions(path, listing)
    if described.source == json_lines.FILE:
        return described
    return replace(described, notes=[f"captions of {described.source}", *described.notes])


def of_no_picture(path: Path, what: str, names: list[str]) -> AttnGANError:
    """Labels or captions whose pictures all lack."""
    problem = f"its {what} are of pictures that are not there ({len(names):,}: {name_some(names)})"
    return AttnGANError(f"--data {path}", problem, "compare the names")
