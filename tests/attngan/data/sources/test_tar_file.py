"""Tars: as zips, as WebDataset's shards, and hostile ones."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from picture_files import SIDE, png
from refusals import refuses

from attngan.data import load_captioned, load_pictures


def tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def sample(n: int) -> dict[str, bytes]:
    """One of WebDataset."""
    said = f'{{"caption": "object {n}"}}'.encode()
    return {
        f"{n:04}.jpg": png(n),
        f"{n:04}.txt": f"text {n}".encode(),
        f"{n:04}.cls": b"%d\n" % (n % 3),
        f"{n:04}.json": said,
    }


def test_a_tar_of_classes(tmp_path: Path) -> None:
    path = tar(tmp_path / "data.tar", {"./set/b/1.png": png(1), "./set/a/2.png": png(2), "./set/._x.png": b"x"})
    pictures = load_pictures(path, resolution=SIDE, channels=1)
    assert pictures.class_names == ["a", "b"] and pictures.images[:, 0, 0, 0].tolist() == [2, 1]


def test_webdataset_of_one_tar(tmp_path: Path) -> None:
    path = tar(tmp_path / "00000.tar", sample(1) | sample(2) | sample(3))
    pictures = load_pictures(path, resolution=SIDE, channels=1)
    assert pictures.class_names == ["0", "1", "2"] and pictures.classes is not None
    assert pictures.classes.tolist() == [1, 2, 0]
    assert load_captioned(path, resolution=SIDE, channels=1).captions.texts == [("text 1",), ("text 2",), ("text 3",)]


def test_webdataset_of_several_tars(tmp_path: Path) -> None:
    for shard in range(2):  # each counts from 0
        tar(tmp_path / "data" / f"{shard:05}.tar", sample(0) | sample(1) | {"1.json": b"x"})
    pictures = load_captioned(tmp_path / "data", resolution=SIDE, channels=1)
    assert pictures.captions.texts == [("text 0",), ("text 1",)] * 2 and pictures.styles is None
    by_class = load_pictures(tmp_path / "data", resolution=SIDE, channels=1)
    assert by_class.classes is not None and by_class.classes.tolist() == [0, 1, 0, 1]


def test_splits_of_tars(tmp_path: Path) -> None:
    for name, n in (("set-train-000000", 1), ("set-train-000001", 2), ("set-val-000000", 3)):
        tar(tmp_path / "data" / f"{name}.tar", {f"{n:04}.jpg": png(n)})
    pictures = load_pictures(tmp_path / "data", resolution=SIDE, channels=1)
    assert pictures.images[:, 0, 0, 0].tolist() == [1, 2]
    assert "split train alone, not set-val-000000.tar (1 picture)" in pictures.describe()


def test_objects_in_a_tar(tmp_path: Path) -> None:
    files = {name: content for n in range(3) for name, content in sample(n).items() if not name.endswith("txt")}
    pictures = load_captioned(tar(tmp_path / "x.tar", files), resolution=SIDE, channels=1)
    assert pictures.captions.texts == [("object 0",), ("object 1",), ("object 2",)]


def test_what_leads_out_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(png(9))
    path = tar(
        tmp_path / "data" / "x.tar", {"../a.png": png(1), "/b.png": png(2), "c.png": png(3), "d/../../e.png": png(4)}
    )
    with tarfile.open(path, "a") as archive:
        for name, kind in (
            ("link.png", tarfile.SYMTYPE),
            ("hard.png", tarfile.LNKTYPE),
            ("pipe.png", tarfile.FIFOTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "../secret.png"
            archive.addfile(member)
    for source, below in ((path, ""), (path.parent, "x.tar/")):
        assert load_pictures(source, resolution=SIDE, channels=1).describe() == (
            f"1 picture; 2 links left out: {below}link.png, {below}hard.png; "
            "3 entries that lead out of it left out: ../a.png, /b.png, d/../../e.png"
        )
    assert {file.name for file in tmp_path.rglob("*")} == {"secret.png", "data", "x.tar"}


def test_torn_and_compressed_tars_are_refused(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", {f"{n}.png": bytes(3000) for n in range(9)})
    path.write_bytes(path.read_bytes()[:9000])
    with refuses("--data: torn"):
        load_pictures(path, resolution=SIDE, channels=1)
    for name, mode in (("b.tar.gz", "w:gz"), ("c.tgz", "w:gz"), ("d.tar", "w:xz")):
        with refuses("--data: unpack it"):
            load_pictures(tar(tmp_path / name, {"a.png": png(1)}, mode), resolution=SIDE, channels=1)


@pytest.mark.parametrize("step", [100, 512])
def test_a_tar_that_ends_early_is_refused_wherever(tmp_path: Path, step: int) -> None:
    path = tar(tmp_path / "a.tar", {f"{n}.png": png(n) for n in range(4)})
    whole = path.read_bytes()
    with tarfile.open(path) as archive:
        end = archive.getmembers()[-1].offset_data + 512
    assert end + 512 < len(whole)
    for cut in range(step, end + 512, step):
        path.write_bytes(whole[:cut])
        with refuses("--data: torn"):
            load_pictures(path, resolution=SIDE, channels=1)
    path.write_bytes(whole[: end + 512])  # one block of zeros, where the rule is two
    assert len(load_pictures(path, resolution=SIDE, channels=1)) == 4


@pytest.mark.parametrize("byte", [b"\xff", b"\0"])
def test_a_tar_with_a_damaged_header_is_refused(tmp_path: Path, byte: bytes) -> None:
    path = tar(tmp_path / "a.tar", {f"{n}.png": png(n) for n in range(4)})
    content = bytearray(path.read_bytes())
    with tarfile.open(path) as archive:
        start = archive.getmembers()[2].offset
    content[start : start + 512] = byte * 512
    path.write_bytes(content)
    with refuses("--data: torn"):
        load_pictures(path, resolution=SIDE, channels=1)


@pytest.mark.parametrize("content", [b"", b"x" * 5000, bytes(10_240)])
def test_what_is_no_tar(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    with refuses("--data: torn|empty"):
        load_pictures(tmp_path / "a.tar", resolution=SIDE, channels=1)


def test_names_that_cannot_be_printed(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", {"a.png": png(1), "\x1b[2J\udcff.png": b"x", "\udcfe/../../b.png": b"x"})
    pictures = load_pictures(path, resolution=SIDE, channels=1)
    assert "\\x1b[2J\\udcff.png (not a picture" in pictures.describe()
    pictures.describe().encode()
