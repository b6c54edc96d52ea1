"""Archives beside loose pictures, and names that stand twice in one."""

from __future__ import annotations

import io
import tarfile
import warnings
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from picture_files import SIDE, make, png
from refusals import refuses

from attngan.data import ImageDataset, load_pictures


def read(path: Path) -> ImageDataset:
    return load_pictures(path, resolution=SIDE, channels=1)


def values(pictures: ImageDataset) -> list[int]:
    return [int(value) for value in pictures.images[:, 0, 0, 0]]


def table(path: Path, *numbers: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": [png(n) for n in numbers], "label": [n % 2 for n in numbers]}), path)


def tar(path: Path, *entries: tuple[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in entries:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("kind", ["parquet", "tar"])
def test_a_stray_picture_does_not_hide_archives(tmp_path: Path, kind: str) -> None:
    path = make(tmp_path, {"assets/cover.png": png(99), "README.md": b"x"}, False)
    if kind == "tar":
        tar(path / "a.tar", *((f"{n % 2}/{n}.png", png(n)) for n in range(6)))
    else:
        table(path / "data" / "train-00000-of-00001.parquet", *range(6))
    pictures = read(path)
    assert sorted(values(pictures)) == list(range(6)) and pictures.class_names == ["0", "1"]
    assert "1 picture beside the archives left out: assets/cover.png" in pictures.notes


def test_archives_beside_many_pictures_are_left_out_and_said(tmp_path: Path) -> None:
    path = make(tmp_path, {f"{n}.png": png(n) for n in range(4)}, False)
    tar(path / "a.tar", ("9.png", png(9)))
    table(path / "b.parquet", *range(30))
    assert read(path).describe() == "4 pictures; 2 archives beside the pictures left out: a.tar, b.parquet"


def test_archives_without_pictures_are_other_files(tmp_path: Path) -> None:
    """img2dataset's tables of what was downloaded, beside what it downloaded."""
    path = make(tmp_path, {"00000/000000000.jpg": png(1), "00000/000000001.jpg": png(2)}, False)
    pq.write_table(pa.table({"url": ["x", "y"]}), path / "00000.parquet")
    tar(path / "notes.tar", ("a.txt", b"x"))
    assert read(path).describe() == "2 pictures; 2 other files ignored"
    beside = tmp_path / "tars"
    tar(beside / "00000.tar", ("0.jpg", png(1)), ("1.jpg", png(2)))
    pq.write_table(pa.table({"url": ["x", "y"]}), beside / "00000.parquet")
    assert read(beside).describe() == "2 pictures; 1 other file ignored"


def test_archives_that_cannot_be_read_beside_pictures(tmp_path: Path) -> None:
    path = make(tmp_path, {"a.png": png(1)}, False)
    tar(path / "torn.tar", ("9.png", bytes(9000)))
    (path / "torn.tar").write_bytes((path / "torn.tar").read_bytes()[:2000])
    with refuses("torn.tar: torn"):
        read(path)
    for n in range(100):
        (path / f"{n}.png").write_bytes(png(n))
    assert len(read(path)) == 101 and "1 archive beside the pictures left out: torn.tar (" in read(path).describe()


def test_a_name_that_stands_twice_is_of_the_later_entry(tmp_path: Path) -> None:
    said = b"file,label\na/x.png,1\na/y.png,2\n"
    entries = [
        ("a/x.png", png(1)), ("a/y.png", png(2)), ("labels.csv", b"file,label\n"), ("./a/x.png", png(3)),
        ("labels.csv", said),
    ]  # fmt: skip
    tar(tmp_path / "a.tar", *entries)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Duplicate name
        for name, content in entries:
            archive.writestr(name, content)
    for path in (tmp_path / "a.tar", tmp_path / "a.zip"):
        pictures = read(path)
        assert values(pictures) == [3, 2] and pictures.class_names == ["1", "2"]
        assert pictures.describe() == "2 pictures, 2 classes (1: 1, 2: 1); labels of labels.csv"


def sample(key: str, n: int, *more: str) -> list[tuple[str, bytes]]:
    """A picture, its mask, and other files of one sample."""
    return [(f"{key}.jpg", png(n)), (f"{key}.seg.png", png(100 + n)), *((f"{key}.{kind}", b"x") for kind in more)]


def test_masks_of_a_webdataset_are_no_pictures(tmp_path: Path) -> None:
    entries = [entry for n in range(4) for entry in sample(f"a.b/{n:04}", n)]
    for path in (tar(tmp_path / "a.tar", *entries), tar(tmp_path / "tars" / "a.tar", *entries).parent):
        pictures = read(path)
        assert values(pictures) == [0, 1, 2, 3]
        assert "4 pictures that are parts of others left out: " in pictures.describe()
    for zipped in (False, True):
        loose = make(tmp_path, dict(entry for n in range(4) for entry in sample(f"{n:04}", n, "txt")), zipped)
        assert values(read(loose)) == [0, 1, 2, 3]


def test_names_with_dots_are_pictures_elsewhere(tmp_path: Path) -> None:
    plain = {"cat.jpg": png(9), **{f"cat.{n}.jpg": png(n) for n in range(5)}}
    assert len(read(tar(tmp_path / "a.tar", *plain.items()))) == 6  # numbers are no kinds of pictures
    assert len(read(tar(tmp_path / "b.tar", *sample("1", 1)[1:]))) == 1  # a mask of nothing is a picture
    for zipped in (False, True):
        assert len(read(make(tmp_path, dict(sample("1", 1)), zipped))) == 2
