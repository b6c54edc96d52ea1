"""COCO's captions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from picture_files import SIDE, make, png
from refusals import refuses

from attngan.data import load_captioned
from attngan.data.layouts import read_captions
from attngan.data.listing import Listing, SourceFile

IMAGES = [{"id": n, "file_name": f"{n:012}.jpg"} for n in (9, 25)]


def coco(*said: tuple[Any, Any], images: Any = IMAGES) -> bytes:
    return json.dumps(
        {"images": images, "annotations": [{"image_id": key, "caption": text} for key, text in said]}
    ).encode()


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_one_split_with_its_captions(tmp_path: Path, zipped: bool) -> None:
    files = {
        "train2017/000000000009.jpg": png(1),
        "train2017/000000000025.jpg": png(2),
        "val2017/000000000030.jpg": png(3),
    }
    files |= {
        "annotations/captions_train2017.json": coco((25, "a giraffe"), (9, "food"), (9, "a plate\nof food"), (25, " ")),
        "annotations/captions_val2017.json": coco((30, "x"), images=[{"id": 30, "file_name": "000000000030.jpg"}]),
        "annotations/instances_train2017.json": b"boxes, which are never read",
    }
    pictures = load_captioned(make(tmp_path, files, zipped), resolution=SIDE, channels=1)
    assert pictures.captions.texts == [("food", "a plate of food"), ("a giraffe",)]
    assert pictures.describe() == (
        "2 pictures, 3 captions, 2 concepts; split train2017 alone, not val2017 (1 picture); "
        "captions of annotations/captions_train2017.json and 1 more; 1 other file ignored"
    )


def test_annotations_of_other_kinds_are_passed_over() -> None:
    found = read(json.dumps({"images": IMAGES, "annotations": [{"image_id": 9, "bbox": [1, 2, 3, 4]}]}).encode())
    assert not found.entries and not found.source


def read(content: bytes) -> Any:
    pictures = [SourceFile(f"{n:012}.jpg", bytes) for n in (9, 25)]
    return read_captions(Path("set"), Listing(pictures, [SourceFile("captions.json", lambda: content)]))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "captions.json: not JSON"),
        (coco((7, "x")), "annotations[0]: its image_id is of no image"),
        (coco(([9], "x")), "annotations[0]: its image_id is of no image"),
        (coco((9, 7)), "annotations[0]: caption holds 7"),
        (coco((9, "x"), images=[{"id": {}, "file_name": "a"}]), "images[0]: no id with a file_name"),
        (coco((9, "x"), images=[{"id": 9, "file_name": 9}]), "images[0]: file_name holds 9"),
    ],
)
def test_what_is_refused(content: bytes, reason: str) -> None:
    with refuses(reason):
        read(content)


def test_names_that_lead_out_are_of_no_picture() -> None:
    found = read(coco((9, "x"), images=[{"id": 9, "file_name": "../000000000009.jpg"}]))
    assert not found.entries and found.pictureless == ["../000000000009.jpg"]
