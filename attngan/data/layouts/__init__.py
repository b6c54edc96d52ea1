"""How people lay pictures out: what files and folders say of each. The first source that fits the pictures counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from attngan.data.image_dataset import name_some
from attngan.data.layouts import coco, dataset_json, json_lines, sidecars, tables
from attngan.data.layouts.entry import Attempt, Described, NoClassError
from attngan.data.layouts.folders import classes_by_folder, stray_note
from attngan.data.listing import Listing, left_out, most_strays
from attngan.errors import AttnGANError
from attngan_runtime.errors import printable

LABELS: tuple[Callable[[Path, Listing], Iterator[Attempt]], ...] = (
    dataset_json.find_labels, tables.find_labels, sidecars.find_labels
)  # fmt: skip
CAPTIONS: tuple[Callable[[Path, Listing], Described | None], ...] = (
    json_lines.read_captions, tables.read_captions, coco.read_captions
)  # fmt: skip


@dataclass(frozen=True)
class Labelled:
    """Pictures by class."""

    classes: dict[str, str]  #: by the name of the picture; {} where there are none
    left_out: set[str]  #: names of pictures without a class where the others have one
    ignored: int  #: files that are neither pictures nor hold labels
    called: str  #: what gives a class its name: `label` or `folder`
    notes: list[str]  #: what the data line says of it


def read_labels(path: Path, listing: Listing) -> Labelled:
    """The classes of the pictures: of the first source of labels that fits them, else of their folders.

    Sources that can't be read or don't fit are passed over, with a note. AttnGANError, where folders are no classes
    either, for the first that can't be read.
    """
    folders = classes_by_folder(file.name for file in listing.pictures)
    notes: list[str] = []
    mistakes: list[AttnGANError] = []
    for attempt in (attempt for find in LABELS for attempt in find(path, listing)):
        try:
            described = attempt()
            if described is None:
                continue
            _check_labels(path, listing, described, differ=bool(folders.classes))
            return _labelled(listing, described, notes)
        except AttnGANError as error:
            if not isinstance(error, NoClassError):
                mistakes.append(error)
            where = error.subject.removeprefix(printable(f"--data {path}: "))
            notes.append(f"labels of {where} passed over: {error.problem}")
    if mistakes and not folders.classes:
        raise mistakes[0]
    notes += [*([folders.note] if folders.note else []), *stray_note(folders.strays)]
    return Labelled(folders.classes, set(folders.strays), len(listing.others), "folder", notes)


def _check_labels(path: Path, listing: Listing, described: Described, differ: bool) -> None:
    """Raises AttnGANError for labels of no picture; NoClassError for those of few pictures, or for one label alone.

    differ: whether folders tell the pictures apart.
    """
    where = f"--data {path}: {described.source}"
    if described.pictureless and not described.entries:
        raise of_no_picture(where, "labels", described.pictureless)
    found, count = len(described.entries), len(listing.pictures)
    if count - found > most_strays(count):
        raise NoClassError(where, f"only {found:,} of {count:,} pictures have one")
    labels = {entry.label for entry in described.entries.values()}
    if differ and len(labels) == 1 and None not in labels:
        raise NoClassError(where, f"all are {next(iter(labels))!r}")


def _labelled(listing: Listing, described: Described, notes: list[str]) -> Labelled:
    classes = {name: entry.label for name, entry in described.entries.items() if entry.label is not None}
    without = [file.name for file in listing.pictures if file.name not in classes] if classes else []
    notes = [
        *notes, f"labels of {described.source}" if classes else f"no labels in {described.source}", *described.notes,
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


def of_no_picture(where: str, what: str, names: list[str]) -> AttnGANError:
    """Labels or captions whose pictures all lack."""
    problem = f"its {what} are of pictures that are not there ({len(names):,}: {name_some(names)})"
    return AttnGANError(where, problem, "compare the names")
