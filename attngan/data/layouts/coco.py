"""COCO's captions: {"images": [{"id": 9, "file_name": "9.jpg"}], "annotations": [{"image_id": 9, "caption": "…"}]}."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attngan.data.layouts.entry import Described, Entry, checked_text
from attngan.data.layouts.names import find_pictures, folder_of, name_first
from attngan.data.layouts.text_bytes import read_json
from attngan.data.listing import Listing, suffix_of
from attngan.errors import AttnGANError

_CALLED = ("caption", "annotation", "coco")  # of other .json none is opened: COCO's boxes beside it are 450 MB


def read_captions(path: Path, listing: Listing) -> Described | None:
    """Captions of all such files; AttnGANError for what is not as COCO has it."""
    said: list[tuple[str, str, str, Entry]] = []
    sources = []
    for file in listing.others:
        name = file.name.rpartition("/")[2].lower()
        if suffix_of(name) != ".json" or not any(word in name for word in _CALLED):
            continue
        found = read_json(path, file)
        if _has_captions(found):
            sources.append(file.name)
            where = f"--data {path}: {file.name}"
            said += [(where, picture, folder_of(file.name), Entry((text,))) for picture, text in _pairs(where, found)]
    if not sources:
        return None
    entries, pictureless = find_pictures(listing, said)
    return Described(entries, pictureless, len(listing.others) - len(sources), name_first(sources))


def _has_captions(found: Any) -> bool:
    if not isinstance(found, dict) or not all(isinstance(found.get(key), list) for key in ("images", "annotations")):
        return False
    return any(isinstance(annotation, dict) and "caption" in annotation for annotation in found["annotations"])


def _pairs(where: str, found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(file name, caption) of each annotation."""
    names: dict[int | str, str] = {}
    for number, image in enumerate(found["images"]):
        if not isinstance(image, dict) or not isinstance(image.get("id"), int | str) or "file_name" not in image:
            raise AttnGANError(f"{where} images[{number}]", "no id with a file_name", "mend it")
        names[image["id"]] = checked_text(f"{where} images[{number}]", "file_name", image["file_name"])
    for number, annotation in enumerate(found["annotations"]):
        here = f"{where} annotations[{number}]"
        key = annotation.get("image_id") if isinstance(annotation, dict) else None
        if not isinstance(key, int | str) or key not in names:
            raise AttnGANError(here, "its image_id is of no image", "mend it")
        text = checked_text(here, "caption", annotation.get("caption", ""))
        if text:
            yield names[key], text
