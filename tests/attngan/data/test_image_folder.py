"""Folders and zips → Pictures: order, classes, what is skipped, and every error."""

from __future__ import annotations

import io
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import SIDE, make, png
from PIL import Image
from refusals import refuses

from attngan.data import ImageDataset, decoding, load_pictures, pixels
from attngan.data import image_folder as load
from attngan.data.reading import UNFIXED
from attngan.data.sources.zip_file import list_zip


def read(path: Path, channels: int = 1) -> ImageDataset:
    return load_pictures(path, resolution=SIDE, channels=channels)


def values(pictures: ImageDataset) -> list[int]:
    return [int(value) for value in pictures.images[:, 0, 0, 0]]


both = pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])


@both
def test_flat_sorted_by_name(tmp_path: Path, zipped: bool) -> None:
    pictures = read(make(tmp_path, {"c.png": png(3), "a.png": png(1), "B.PNG": png(2)}, zipped))
    assert values(pictures) == [2, 1, 3]
    assert pictures.classes is None and pictures.class_names == [] and pictures.skipped == []
    assert pictures.images.shape == (3, SIDE, SIDE, 1) and pictures.images.dtype == np.uint8
    assert len(pictures) == 3 and pictures.describe() == "3 pictures"


@both
def test_class_per_subfolder_deeper_ones_count_to_it(tmp_path: Path, zipped: bool) -> None:
    files = {"dogs/z.png": png(1), "cats/deep/er/y.png": png(2), "cats/x.png": png(3), "owls/only.txt": b"no"}
    pictures = read(make(tmp_path, files, zipped))
    assert pictures.class_names == ["cats", "dogs"]
    assert pictures.classes is not None and pictures.classes.dtype == np.int64
    assert list(zip(values(pictures), pictures.classes.tolist(), strict=True)) == [(2, 0), (3, 0), (1, 1)]
    assert pictures.describe() == "3 pictures, 2 classes (cats: 2, dogs: 1); 1 other file ignored"


@both
def test_folders_that_all_share_are_passed_through(tmp_path: Path, zipped: bool) -> None:
    files = {"archive/train/b/1.png": png(1), "archive/train/a/2.png": png(2), "archive/readme.txt": b""}
    pictures = read(make(tmp_path, files, zipped))
    assert pictures.class_names == ["a", "b"] and values(pictures) == [2, 1]


@both
def test_many_pictures_beside_folders_make_it_unlabelled(tmp_path: Path, zipped: bool) -> None:
    files = {"a/1.png": png(1), "b/2.png": png(2), "3.png": png(3), "4.png": png(4)}
    pictures = read(make(tmp_path, files, zipped))
    assert pictures.classes is None and len(pictures) == 4
    assert pictures.describe() == "4 pictures; no classes: 2 pictures beside the 2 folders"


@both
def test_litter_is_passed_over_and_other_files_counted(tmp_path: Path, zipped: bool) -> None:
    files = {
        "a.png": png(1), ".hidden.png": png(2), "__MACOSX/._a.png": b"x", ".git/b.png": png(3), "Thumbs.db": b"x",
        "labels.json": b"{}", "notes.txt": b"x",
    }  # fmt: skip
    pictures = read(make(tmp_path, files, zipped))
    assert values(pictures) == [1] and pictures.ignored == 2
    assert pictures.describe() == "1 picture; 2 other files ignored"


@both
def test_broken_pictures_are_counted_named_and_skipped(tmp_path: Path, zipped: bool) -> None:
    noise = io.BytesIO()
    Image.effect_noise((64, 64), 80).save(noise, "PNG")
    files = {
        "a/1.png": png(1), "a/2.png": b"", "b/3.png": png(3), "b/4.jpg": b"text", "c/5.png": noise.getvalue()[:200],
        "a/6.heic": b"\0\0\0\x18ftypheic",
    }  # fmt: skip
    pictures = read(make(tmp_path, files, zipped))
    assert values(pictures) == [1, 3]
    assert pictures.skipped == [
        ("a/2.png", "empty file"),
        ("a/6.heic", "not a picture that Pillow can read"),
        ("b/4.jpg", "not a picture that Pillow can read"),
        ("c/5.png", "truncated"),
    ]
    assert pictures.class_names == ["a", "b"]  # nothing is left of c
    assert pictures.describe() == (
        "2 pictures, 2 classes (a: 1, b: 1); 4 skipped: a/2.png (empty file), "
        "a/6.heic (not a picture that Pillow can read), b/4.jpg (not a picture that Pillow can read), …"
    )


def test_windows_paths_in_a_zip(tmp_path: Path) -> None:
    pictures = read(make(tmp_path, {"x\\a\\1.png": png(1), "x\\b\\2.png": png(2)}, True))
    assert pictures.class_names == ["a", "b"]


def test_names_that_lead_out_of_a_zip_write_nothing(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    path = make(tmp_path / "inner", {"../../evil.png": png(7), "/abs.png": png(8), "C:/d.png": png(9)}, True)
    fails(path, "3 entries that lead out of it left out: ../../evil.png, /abs.png, C:/d.png")
    assert {p.name for p in tmp_path.rglob("*")} == {"inner", "data.zip"}


def test_encrypted_and_corrupted_zip_entries_are_skipped(tmp_path: Path) -> None:
    path = make(tmp_path, {"a.png": png(1), "b.png": png(2), "c.png": png(3)}, True)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("b.png").header_offset + 60
    content[start] ^= 0xFF  # inside b's bytes: its checksum no longer fits
    central = content.index(b"PK\x01\x02")
    content[central + 8] |= 1  # a's encryption flag
    path.write_bytes(content)
    pictures = read(path)
    assert values(pictures) == [3]
    assert pictures.skipped[0] == ("a.png", "encrypted")
    assert pictures.skipped[1][0] == "b.png" and "CRC" in pictures.skipped[1][1]


def test_links_in_a_zip_are_left_out(tmp_path: Path) -> None:
    path = make(tmp_path, {"a/1.png": png(1), "b/2.png": png(2)}, True)
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("c/3.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "../../3.png")
    pictures = read(path)
    assert pictures.class_names == ["a", "b"]
    assert pictures.describe() == "2 pictures, 2 classes (a: 1, b: 1); 1 link left out: c/3.png"


def test_links_out_of_a_folder_are_said(tmp_path: Path) -> None:
    path = make(tmp_path, {"a/1.png": png(1)}, False)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.png").write_bytes(png(2))
    (path / "b").symlink_to(tmp_path / "b")
    (path / "a" / "3.png").symlink_to(tmp_path / "b" / "2.png")
    (path / "a" / "4.png").symlink_to(path / "a" / "1.png")
    assert (
        read(path).describe()
        == "4 pictures, 2 different, 2 classes (a: 3, b: 1); 2 links out of the folder followed: a/3.png, b"
    )


def test_what_is_no_plain_file_is_skipped(tmp_path: Path) -> None:
    path = make(tmp_path, {"a.png": png(1)}, False)
    os.mkfifo(path / "b.png")  # reading it would never end
    (path / "c.png").symlink_to("/dev/zero")
    assert read(path).skipped == [("b.png", "not a plain file"), ("c.png", "not a plain file")]


def test_links_are_followed_once(tmp_path: Path) -> None:
    path = make(tmp_path, {"a/1.png": png(1)}, False)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "2.png").write_bytes(png(2))
    (path / "b").symlink_to(elsewhere)
    (path / "a" / "up").symlink_to(path)
    assert values(read(path)) == [1, 2]


def test_a_folder_linked_often_is_read_under_the_first_name(tmp_path: Path) -> None:
    path = make(tmp_path, {"z/1.png": png(1)}, False)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "2.png").write_bytes(png(2))
    for name in "hbgcfdea":
        (path / name).symlink_to(elsewhere)
    assert read(path).class_names == ["a", "z"]


@settings(max_examples=30)
@given(st.permutations(range(6)), st.integers(1, 8), st.integers(1, 4))
def test_order_is_free_of_the_archives_and_the_threads(order: list[int], threads: int, window: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for index in order:
            archive.writestr(f"{'ab'[index % 2]}/{index}.png", png(index) if index != 3 else b"broken")
    with pytest.MonkeyPatch.context() as patch, zipfile.ZipFile(buffer) as archive:
        patch.setattr(decoding, "_WINDOW", window)
        patch.setattr(decoding.os, "cpu_count", lambda: threads)
        pictures = load._decode_all(Path("x.zip"), list_zip(archive), SIDE, 1, UNFIXED)
    assert values(pictures) == [0, 2, 4, 1, 5]
    assert pictures.classes is not None and pictures.classes.tolist() == [0, 0, 0, 1, 1]
    assert [name for name, _ in pictures.skipped] == ["b/3.png"]


def test_folder_and_zip_give_the_same(tmp_path: Path) -> None:
    files = {f"{name}/{index}.png": png(index) for index, name in enumerate("abab")}
    folder, archive = read(make(tmp_path, files, False)), read(make(tmp_path, files, True))
    np.testing.assert_array_equal(folder.images, archive.images)
    assert folder.fingerprint == archive.fingerprint


def test_fingerprint_tells_pixels_labels_names_and_shape() -> None:
    images, labels = np.zeros((4, SIDE, SIDE, 1), np.uint8), np.array([0, 0, 1, 1])
    other = images.copy()
    other[3, 7, 7, 0] = 1
    variants = [
        ImageDataset(images), ImageDataset(other), ImageDataset(images.reshape(4, 4, 16, 1)), ImageDataset(images[:3]),
        ImageDataset(images, labels, ["a", "b"]), ImageDataset(images, labels[::-1], ["a", "b"]),
        ImageDataset(images, labels, ["a", "c"]),
    ]  # fmt: skip
    assert len({pictures.fingerprint for pictures in variants}) == len(variants)
    assert ImageDataset(images.copy()).fingerprint == ImageDataset(images).fingerprint
    assert len(variants[0].fingerprint) == 64


def test_large_sets_are_mapped_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path, {"1.png": png(1), "2.png": b"", "3.png": png(3)}, False)
    in_memory = read(path)
    monkeypatch.setattr(pixels, "IN_MEMORY", 100)
    mapped = read(path)
    assert isinstance(mapped.images, np.memmap) and not isinstance(in_memory.images, np.memmap)
    np.testing.assert_array_equal(mapped.images, in_memory.images)
    assert mapped.fingerprint == in_memory.fingerprint
    for places in (np.array([1, 0, 1]), np.array([False, True]), np.array([], np.int64)):
        taken = mapped.take(places).images
        assert isinstance(taken, np.memmap) == (taken.nbytes > 100)
        np.testing.assert_array_equal(taken, in_memory.images[places])


def test_full_disk_is_told_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int, _start: int, _length: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pixels, "IN_MEMORY", 100)
    monkeypatch.setattr(pixels.os, "posix_fallocate", full)
    with refuses("TMPDIR: No space"):
        read(make(tmp_path, {"1.png": png(1), "2.png": png(2)}, False))


def fails(path: Path, kind: str) -> None:
    with refuses(f"--data {path}: {kind}"):
        read(path)


@both
@pytest.mark.parametrize("name", ["a\x1b[2J", "a\nb", "a\u2028b", "a\x85"])
def test_a_folder_whose_name_no_class_may_have(
    tmp_path: Path, zipped: bool, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "decode_picture", lambda *_: pytest.fail("decoded first"))
    path = make(tmp_path, {f"{name}/1.png": png(1), "b/2.png": png(2)}, zipped)
    fails(path, re.escape(f"folder {name!r} holds what can't be printed"))


def test_a_folder_with_too_long_a_name(tmp_path: Path) -> None:
    files = {f"{'é' * 255}/1.png": png(1), "b/2.png": png(2)}
    assert read(make(tmp_path, files, True)).class_names == ["b", "é" * 255]
    fails(make(tmp_path, {f"é{name}": content for name, content in files.items()}, True), "éé' has 256 letters")


def test_a_number_of_thousands_of_digits_is_too_long_a_name(tmp_path: Path) -> None:
    path = make(
        tmp_path, {"a.png": png(1), "b.png": png(2), "labels.csv": b"image,label\na.png,1\nb.png," + b"9" * 5000}, False
    )
    fails(path, "5,000 letters")


def test_numbers_are_in_order_of_their_values() -> None:
    names = ["010", "9", "10", "00", "1", "0"]
    assert load.sort_classes(names) == sorted(sorted(names), key=int)


def test_folders_that_are_no_classes_may_have_any_name(tmp_path: Path) -> None:
    assert read(make(tmp_path, {"a\nb/1.png": png(1), "a\nb/2.png": png(2)}, True)).class_names == []


def test_no_such_path(tmp_path: Path) -> None:
    fails(tmp_path / "absent", "no such file or folder")


@both
def test_empty(tmp_path: Path, zipped: bool) -> None:
    fails(make(tmp_path, {}, zipped), "empty")


@both
def test_text_files_only(tmp_path: Path, zipped: bool) -> None:
    files = {f"{index}.txt": b"x" for index in range(12)}
    fails(make(tmp_path, files, zipped), "12 files, none of them")


@both
def test_all_broken(tmp_path: Path, zipped: bool) -> None:
    files = {"a.png": b"", "b.jpg": b"x"}
    fails(make(tmp_path, files, zipped), r"none of its 2 .* a.png \(empty file\), b.jpg \(not a")


def test_neither_zip_nor_idx(tmp_path: Path) -> None:
    for name in ("data.zip", "data.bin"):
        (tmp_path / name).write_bytes(b"something else")
        fails(tmp_path / name, "neither a zip, a tar, a Parquet table nor an IDX file")


def test_torn_zip(tmp_path: Path) -> None:
    path = make(tmp_path, {"a.png": png(1)}, True)
    path.write_bytes(path.read_bytes()[:-30])
    fails(path, "neither a zip")


def test_unknown_channels(tmp_path: Path) -> None:
    with refuses("channels 2"):
        read(make(tmp_path, {"a.png": png(1)}, False), channels=2)
