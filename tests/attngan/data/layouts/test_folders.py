"""Folders: classes, shards, splits, strays."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_files import SIDE, make, png

from attngan.data import ImageDataset, load_pictures
from attngan.data.layouts.folders import choose_split, classes_by_folder
from attngan.data.listing import Listing, SourceFile

both = pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])


def read(path: Path) -> ImageDataset:
    return load_pictures(path, resolution=SIDE, channels=1)


def values(pictures: ImageDataset) -> list[int]:
    return [int(value) for value in pictures.images[:, 0, 0, 0]]


def class_of(names: list[str]) -> list[str | None]:
    found = classes_by_folder(names)
    return [found.classes.get(name) for name in names]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["x.png"], [None]),
        (["a/x.png", "b/y.png"], ["a", "b"]),
        (["d/a/x.png", "d/b/c/y.png"], ["a", "b"]),
        (["a/x.png", "a/y.png"], [None, None]),
        (["d/x.png", "d/a/y.png"], [None, None]),
        (["a/b/x.png", "a/b/y.png", "a/c/z.png"], ["b", "b", "c"]),
        (["x.png", "d/a/y.png", "d/b/y.png"], [None, "a", "b"]),  # one stray, above a folder that is passed through
        (["x.png", "y.png", "a/y.png", "b/y.png"], [None] * 4),
    ],
)
def test_class_of(names: list[str], expected: list[str | None]) -> None:
    assert class_of(names) == expected


@given(st.sets(st.lists(st.sampled_from(["a", "b"]), max_size=3).map(lambda p: "/".join([*p, "x.png"])), min_size=1))
def test_class_is_a_folder_and_few_have_none(found: set[str]) -> None:
    names = sorted(found)
    classes = class_of(names)
    assert all(chosen in (None, *name.split("/")[:-1]) for chosen, name in zip(classes, names, strict=True))
    assert classes.count(None) in (0, 1, 2, len(names))
    assert class_of([f"above/{name}" for name in names]) == classes


def numbered(folder: str, name: str, count: int, size: int) -> list[str]:
    return [f"{folder.format(n // size)}/{name.format(n)}.png" for n in range(count)]


SHARDS = {
    "StyleGAN": numbered("{:05}", "img{:08}", 2500, 1000),
    "StyleGAN, some missing": numbered("{:05}", "img{:08}", 2500, 1000)[7:2300:3],
    "FFHQ": [f"{n - n % 1000:05}/{n:05}.png" for n in range(2500)],
    "counted from one": [f"{1 + n // 100}/{n + 1}.jpg" for n in range(250)],
    "of a power of two": numbered("{}", "{}", 900, 256),
    "img2dataset": [f"{n // 9:05}/{n // 9:05}{n % 9:04}.jpg" for n in range(20)],
    "words": [f"images_{n % 3:03}/{n}_x.png" for n in range(9)],
    "parts": ["part1/a.png", "part2/b.png"],
    "hashes": [f"{n:02x}/{n:02x}{'9ab' * 10}.png" for n in range(20, 40)],
    "last digits": [f"{n % 1000:04}/{n}.jpg" for n in (5, 4123, 55123, 1999)],
}
CLASSES = {
    "digits": [f"{digit}/{n}.png" for digit in range(10) for n in range(5)],
    "digits of one numbering": [f"{n * 7 % 10}/{n}.png" for n in range(50)],
    "balanced, one numbering": numbered("{}", "{:05}", 50, 10),
    "balanced, another size": numbered("{}", "{:05}", 600, 120),
    "one picture each": numbered("{}", "{}", 8, 1),
    "two digits": ["0/0.png", "0/1.png", "1/2.png"],
    "traffic signs": [f"{sign:05}/{n // 30:05}_{n % 30:05}.ppm" for sign in range(43) for n in range(60)],
    "ImageNet": [f"n0144076{n}/n0144076{n}_{m}.JPEG" for n in range(3) for m in range(4)],
    "birds": ["001.Albatross/1.jpg", "002.Auk/2.jpg"],
    "words": ["part/1.png", "whole/2.png"],
    "some parts": ["part1/1.png", "whole/2.png"],
    "letters of hashes": ["a/abc.png", "b/bcd.png"],
}


@pytest.mark.parametrize("names", SHARDS.values(), ids=SHARDS)
def test_shards_are_no_classes(names: list[str]) -> None:
    found = classes_by_folder(names)
    assert not found.classes and not found.strays and "shards" in found.note


@pytest.mark.parametrize("names", CLASSES.values(), ids=CLASSES)
def test_classes_are_no_shards(names: list[str]) -> None:
    found = classes_by_folder(names)
    assert found.classes == {name: name.split("/")[0] for name in names} and not found.note


def test_classes_inside_shards() -> None:
    assert class_of(["part1/a/1.png", "part1/b/2.png", "part2/a/3.png"]) == ["a", "b", "a"]


def test_numbered_classes_are_in_their_order(tmp_path: Path) -> None:
    pictures = read(make(tmp_path, {f"{n}/1.png": png(n) for n in range(12)}, False))
    assert pictures.class_names == [str(n) for n in range(12)]
    assert pictures.classes is not None and pictures.classes.tolist() == values(pictures)


@both
def test_shards_are_said(tmp_path: Path, zipped: bool) -> None:
    pictures = read(make(tmp_path, {f"{n // 100:05}/img{n:08}.png": png(n) for n in range(120)}, zipped))
    assert values(pictures) == list(range(120)) and pictures.classes is None
    assert pictures.describe() == "120 pictures; shards, no classes unless a labels.csv names them: 00000, 00001"


def test_many_classes_are_named_in_part(tmp_path: Path) -> None:
    pictures = read(make(tmp_path, {f"{n}/1.png": png(n) for n in range(12)}, True))
    assert pictures.describe().endswith("12 classes (" + ", ".join(f"{n}: 1" for n in range(10)) + ", …)")


@both
@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"), ("Training", "validation"), ("train2017", "val2017"), ("training_set", "test_set"),
        ("seg_train/seg_train", "seg_test/seg_test"), ("trainval", "test"), ("DIV2K_train_HR", "DIV2K_valid_HR"),
        ("trainset", "images to test"), ("train", "seg_pred"),
    ],
)  # fmt: skip
def test_splits_by_class(tmp_path: Path, zipped: bool, train: str, test: str) -> None:
    files = {
        f"{train}/a/1.png": png(1),
        f"{train}/b/2.png": png(2),
        f"{test}/a/3.png": png(3),
        f"{test}/c/4.png": png(4),
    }
    pictures = read(make(tmp_path, files, zipped))
    assert values(pictures) == [1, 2] and pictures.class_names == ["a", "b"]
    train, test = train.partition("/")[0], test.partition("/")[0]
    said = f"2 pictures, 2 classes (a: 1, b: 1); split {train} alone, not {test} (2 pictures)"
    assert pictures.describe() == said


@both
def test_splits_of_pictures(tmp_path: Path, zipped: bool) -> None:
    files = {"d/train/1.png": png(1), "d/train/2.png": png(2), "d/test/3.png": png(3), "d/val/4.png": png(4)}
    files |= {"cover.png": png(5), "d/test/notes.txt": b"x", "notes.txt": b"x"}
    pictures = read(make(tmp_path, files, zipped))
    assert values(pictures) == [1, 2] and pictures.classes is None
    assert pictures.describe() == (
        "2 pictures; split train alone, not test, val (2 pictures); "
        "1 picture beside the folders left out: cover.png; 1 other file ignored"
    )


def test_splits_inside_classes(tmp_path: Path) -> None:
    files = {f"{name}/{split}/{n}.png": png(n) for name in "ab" for split, n in (("train", 1), ("test", 2))}
    pictures = read(make(tmp_path, files, False))
    assert values(pictures) == [1, 1] and pictures.class_names == ["a", "b"]


def test_a_stray_picture_leaves_splits_inside_classes(tmp_path: Path) -> None:
    files = {f"{name}/{split}/{n}.png": png(n) for name in "ab" for split, n in (("train", 1), ("test", 2))}
    files |= {"a/cover.png": png(3), "docs/preview.png": png(4)}
    files |= {f"b/train/{n}.png": png(1) for n in range(3, 20)}
    pictures = read(make(tmp_path, files, False))
    assert set(values(pictures)) == {1} and pictures.class_names == ["a", "b"]
    assert "2 pictures beside the folders left out: a/cover.png, docs/preview.png" in pictures.describe()


def test_splits_of_many_shards_take_no_time() -> None:
    names = [f"train-{n % 1000:05}.parquet/{n:08}.png" for n in range(20_000)]
    names += [f"test-{n % 20:05}.parquet/{n:08}.png" for n in range(1000)]
    begun = time.process_time()
    found = choose_split(Listing([SourceFile(name, bytes) for name in names], []))
    assert len(found.pictures) == 20_000 and len(found.passed_over) == 1000
    assert time.process_time() - begun < 0.25  # 0.06; 0.5 where each folder is sought in a list


def test_without_train_the_next_split_is_used(tmp_path: Path) -> None:
    pictures = read(make(tmp_path, {"test/1.png": png(1), "val/2.png": png(2)}, False))
    assert values(pictures) == [2] and "split val alone" in pictures.describe()


def test_a_folder_called_test_is_a_class_among_others(tmp_path: Path) -> None:
    assert read(make(tmp_path, {"test/1.png": png(1), "cats/2.png": png(2)}, False)).class_names == ["cats", "test"]


@pytest.mark.parametrize(
    ("folders", "used"),
    [
        (["train", "test", "examples"], "train"),  # one folder beside two splits is no class
        (["train", "test", "cats", "dogs"], None),
        (["train station", "extra large", "cats"], None),
        (["test", "val", "cats"], None),
        (["contest", "trainer", "valley"], None),
    ],
)
def test_what_stands_beside_splits(tmp_path: Path, folders: list[str], used: str | None) -> None:
    pictures = read(make(tmp_path, {f"{folder}/{n}.png": png(n) for folder in folders for n in range(3)}, True))
    if used:
        rest = ", ".join(sorted({*folders} - {used}))
        assert pictures.describe() == f"3 pictures; split {used} alone, not {rest} (6 pictures)"
    else:
        assert pictures.class_names == sorted(folders)


@both
def test_a_stray_picture_and_a_hidden_folder_change_nothing(tmp_path: Path, zipped: bool) -> None:
    files = {"a/1.png": png(1), "b/2.png": png(2), "cover.png": png(3), ".cache/4.png": png(4), "@eaDir/5.png": png(5)}
    pictures = read(make(tmp_path, files, zipped))
    assert pictures.class_names == ["a", "b"] and values(pictures) == [1, 2]
    assert pictures.describe() == (
        "2 pictures, 2 classes (a: 1, b: 1); 1 picture beside the folders left out: cover.png"
    )


NESTED = [f"images/{'ab'[n % 2]}/{n}.png" for n in range(40)]


@pytest.mark.parametrize(
    ("names", "classes", "strays"),
    [
        ([*NESTED, "docs/preview.png"], {"a", "b"}, ["docs/preview.png"]),
        ([*NESTED, "images/logo.png", "x.png", "docs/a.png", "icons/a.png"], {"a", "b"}, 4),
        ([*NESTED, *(f"docs/{n}.png" for n in range(5))], {"images", "docs"}, []),  # more than a tenth
        ([*NESTED, "docs/deep/preview.png"], {"images", "docs"}, []),  # as deep as the others
        ([f"data/cats/{n}.png" for n in range(40)] + ["docs/1.png"], {"data", "docs"}, []),  # no others
        ([f"images/{n // 100:05}/{n}.png" for n in range(200)] + ["docs/1.png"], set(), []),
    ],
)  # fmt: skip
def test_strays_in_a_folder_of_their_own(names: list[str], classes: set[str], strays: list[str] | int) -> None:
    found = classes_by_folder(names)
    assert set(found.classes.values()) == classes
    assert (len(found.strays) if isinstance(strays, int) else found.strays) == strays


@pytest.mark.parametrize(("beside", "left_out"), [(4, 4), (5, 0)])
def test_a_tenth_may_be_strays(tmp_path: Path, beside: int, left_out: int) -> None:
    files = {f"{'ab'[n % 2]}/{n}.png": png(n) for n in range(40)} | {f"{n}.png": png(n) for n in range(beside)}
    pictures = read(make(tmp_path, files, True))
    assert len(pictures) == 40 + beside - left_out and bool(pictures.class_names) == bool(left_out)
