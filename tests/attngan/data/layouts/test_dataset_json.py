"""StyleGAN's dataset.json: labels, none, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from picture_files import SIDE, make, png
from refusals import refuses

from attngan.data import ImageDataset, load_pictures

both = pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
PICTURES = {f"{n // 1000:05}/img{n:08}.png": png(n) for n in range(12)}


def read(root: Path, labels: Any, zipped: bool = True, name: str = "dataset.json", **more: bytes) -> ImageDataset:
    content = labels if isinstance(labels, bytes) else json.dumps({"labels": labels}).encode()
    path = make(root, PICTURES | {name: content} | more, zipped)
    return load_pictures(path, resolution=SIDE, channels=1)


@both
def test_labels_are_classes(tmp_path: Path, zipped: bool) -> None:
    pictures = read(tmp_path, [[name, 11 - n] for n, name in enumerate(PICTURES)], zipped)
    assert pictures.class_names == [str(n) for n in range(12)]  # 2 before 10
    assert pictures.classes is not None and pictures.classes.tolist() == list(range(11, -1, -1))
    assert pictures.describe().endswith("…); labels of dataset.json") and pictures.ignored == 0


@both
def test_labels_null(tmp_path: Path, zipped: bool) -> None:
    pictures = read(tmp_path, None, zipped)
    assert pictures.classes is None and pictures.describe() == "12 pictures; no labels in dataset.json"


def test_labels_count_from_the_folder_of_the_file(tmp_path: Path) -> None:
    files = {f"set/{name}": content for name, content in PICTURES.items()}
    labels = json.dumps({"labels": [[name, n % 2] for n, name in enumerate(PICTURES)]}).encode()
    pictures = load_pictures(make(tmp_path, files | {"set/dataset.json": labels}, True), resolution=SIDE, channels=1)
    assert pictures.class_names == ["0", "1"]


def test_what_has_no_counterpart_is_counted_and_named(tmp_path: Path) -> None:
    pictures = read(tmp_path, [["gone.png", 3], *([name, "ab"[n % 2]] for n, name in enumerate(PICTURES) if n > 0)])
    assert pictures.describe() == (
        "11 pictures, 2 classes (a: 5, b: 6); labels of dataset.json; "
        "1 picture without a label left out: 00000/img00000000.png; "
        "1 label without a picture left out: gone.png"
    )


def test_all_of_the_least_depth_count(tmp_path: Path) -> None:
    """One in each folder, below it names of pictures that are the same in all."""
    files = {f"{folder}/{n}.png": png(n) for folder in "ab" for n in range(4)}
    labels = {f"{folder}/dataset.json": [[f"{n}.png", n % 2] for n in range(4)] for folder in "ab"}
    labels["a/deep/dataset.json"] = [["0.png", 7]]
    files |= {name: json.dumps({"labels": said}).encode() for name, said in labels.items()}
    pictures = load_pictures(make(tmp_path, files, True), resolution=SIDE, channels=1)
    assert pictures.describe() == (
        "8 pictures, 4 different, 2 classes (0: 4, 1: 4); labels of a/dataset.json and 1 more; 1 other file ignored"
    )


def test_another_file_of_that_name_is_none(tmp_path: Path) -> None:
    pictures = read(tmp_path, b'{"name": "cats"}')
    assert pictures.classes is None and pictures.ignored == 1


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (b"{", "dataset.json: not JSON"),
        (b"[" * 100_000, "dataset.json: not JSON"),
        ({"a.png": 1}, "dataset.json: labels is no list"),
        ([["a.png"]], r"dataset.json: labels\[0\] is no name with a label"),
        ([[1, 1]], r"dataset.json: labels\[0\] is no name"),
        ([["a.png", "x\x07"]], r"dataset.json labels[0]: U\+0007"),
        ([["a.png", 1], ["../../b.png", 2]], "not there"),
        ([["00000/img00000001.png", 1], ["img00000001.png", 2]], "img00000001.png is 2 here and 1 before"),
        ([[name, f"{n}" * 256] for n, name in enumerate(PICTURES)], "label '0{40}' has 256 letters"),
    ],
)
def test_labels_that_are_refused(tmp_path: Path, labels: Any, reason: str) -> None:
    with refuses(f"--data: {reason}" if ".json" not in reason else reason):
        read(tmp_path, labels)


def test_bytes_of_another_encoding_are_refused(tmp_path: Path) -> None:
    with refuses("dataset.json line 2: byte 0xe9 is not UTF-8; save the file as UTF-8"):
        read(tmp_path, '{"labels":\n[["é.png", 1]]}'.encode("cp1252"))
