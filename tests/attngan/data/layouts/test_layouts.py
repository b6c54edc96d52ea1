"""Which source of labels counts, and what is said of those that do not."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from picture_files import SIDE, make, png
from refusals import refuses

from attngan.data import ImageDataset, load_pictures

FLAT = {f"{n}.png": png(n) for n in range(20)}
FOLDERS = {f"{'cat' if n < 10 else 'dog'}/{n}.png": png(n) for n in range(20)}
BY_FOLDER = "20 pictures, 2 classes (cat: 10, dog: 10); "


def read(root: Path, files: dict[str, bytes]) -> ImageDataset:
    return load_pictures(make(root, files, True), resolution=SIDE, channels=1)


def rows(count: int, header: str = "file,label") -> bytes:
    return "\n".join([header, *(f"{n}.png,{'ab'[n % 2]}" for n in range(count))]).encode()


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"labels.csv": rows(3)}, "labels.csv"),
        ({"annotations.csv": rows(3, "filename,class")}, "annotations.csv"),
        ({"dataset.json": json.dumps({"labels": [[f"{n}.png", n] for n in range(3)]}).encode()}, "dataset.json"),
    ],
)
def test_labels_of_few_pictures_do_not_count(tmp_path: Path, more: dict[str, bytes], where: str) -> None:
    said = f"labels of {where} passed over: only 3 of 20 pictures have one"
    for name, files in (("flat", FLAT), ("folders", FOLDERS)):
        (tmp_path / name).mkdir()
        pictures = read(tmp_path / name, files | more)
        start = BY_FOLDER if name == "folders" else "20 pictures; "
        assert pictures.describe() == f"{start}{said}; 1 other file ignored"


@pytest.mark.parametrize(("beside", "counts"), [(18, True), (17, False)])
def test_nine_tenths_of_the_pictures_are_enough(tmp_path: Path, beside: int, counts: bool) -> None:
    said = {f"{name[:-4]}.json": b'{"label": "%d"}' % (n % 3) for n, name in enumerate(FOLDERS) if n < beside}
    pictures = read(tmp_path, FOLDERS | said)
    assert pictures.class_names == (["0", "1", "2"] if counts else ["cat", "dog"])
    assert len(pictures) == (18 if counts else 20) and pictures.ignored == (0 if counts else 17)


def test_the_next_source_counts(tmp_path: Path) -> None:
    boxes = b"filename,xmin,class\n0.png,1,ear\n0.png,2,nose\n"
    files = FOLDERS | {"annotations.csv": boxes, "labels.csv": rows(20), "dataset.json": b'{"labels": {"0": "cat"}}'}
    pictures = read(tmp_path, files)
    assert pictures.class_names == ["a", "b"]
    first, second, third = pictures.notes
    assert first.startswith("labels of dataset.json passed over: ") and third == "labels of labels.csv"
    assert second == "labels of annotations.csv line 3 passed over: 0.png is nose here and ear before"


OBJECTS = {name.replace(".png", ".json"): b'{"category": "reddit"}' for name in FOLDERS}
UNFIT = {
    "all the same": (OBJECTS, "the files beside the pictures passed over: all are 'reddit'"),
    "another tool's": ({"dataset.json": b'{"labels": {"0": "bg"}}'}, "dataset.json passed over: labels is no list"),
    "names of classes": ({"dataset.json": b'{"labels": ["bg", "fg"]}'}, "dataset.json passed over: labels"),
    "boxes": ({"annotations.csv": b"file,class\n0.png,a\n0.png,b\n"}, "annotations.csv line 3 passed over: 0.png is b"),
    "of other things": ({"metadata.csv": b"id,category\nx,1\ny,2\n"}, "passed over: its labels are of pictures that"),
    "another encoding": ({"labels.csv": "file,label\n0.png,é\n".encode("cp1252")}, "labels.csv line 2 passed over: "),
}


@pytest.mark.parametrize(("more", "said"), UNFIT.values(), ids=UNFIT)
def test_what_are_no_labels_leaves_the_folders(tmp_path: Path, more: dict[str, bytes], said: str) -> None:
    pictures = read(tmp_path, FOLDERS | more)
    assert pictures.class_names == ["cat", "dog"] and said in pictures.describe()


@pytest.mark.parametrize("name", [name for name in UNFIT if name != "all the same"])
def test_it_is_refused_where_there_is_nothing_else(tmp_path: Path, name: str) -> None:
    with refuses("--data"):
        read(tmp_path, FLAT | UNFIT[name][0])


def test_labels_that_are_all_the_same_are_no_classes(tmp_path: Path) -> None:
    pictures = read(tmp_path, FLAT | {f"{n}.cls": b"7" for n in range(20)})
    assert pictures.describe() == "20 pictures; labels of the files beside the pictures"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"7", b"[" * 100_000])
def test_an_object_that_is_none_is_passed_over(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, FOLDERS | {"cat/0.json": content}).describe() == f"{BY_FOLDER}1 other file ignored"
    said = {f"{n}.json": b'{"label": %d}' % (n % 2) for n in range(1, 20)} | {"0.json": content}
    (tmp_path / "flat").mkdir()
    pictures = read(tmp_path / "flat", FLAT | said)
    assert pictures.class_names == ["0", "1"] and len(pictures) == 19 and pictures.ignored == 1


@pytest.mark.parametrize("values", [[[n % 2, 3] for n in range(20)], [n / 3 for n in range(20)], [True, False] * 10])
def test_columns_of_what_is_no_class(tmp_path: Path, values: list[object]) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": [png(n) for n in range(20)], "labels": pa.array(values)}), path)
    pictures = load_pictures(path, resolution=SIDE, channels=1)
    shown = json.dumps(values[0])
    said = (
        f"labels of a.parquet row 1 passed over: labels holds {shown}, which is neither a class's number nor its name"
    )
    assert pictures.classes is None and pictures.notes == [said]
    for place, (name, content) in enumerate({
        "metadata.jsonl": "\n".join(json.dumps({"file_name": f"{n}.png", "label": values[n]}) for n in range(20)),
        "0.json": json.dumps({"labels": values[0]}),
        "dataset.json": json.dumps({"labels": [[f"{n}.png", values[n]] for n in range(20)]}),
    }.items()):  # fmt: skip
        (tmp_path / str(place)).mkdir()
        pictures = read(tmp_path / str(place), FLAT | {name: content.encode()})
        assert len(pictures) == 20 and f"labels of {name}" in pictures.notes[0] and shown in pictures.notes[0]
