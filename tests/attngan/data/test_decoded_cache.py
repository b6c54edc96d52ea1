"""Decoded pictures that are kept: the same pixels as if they were decoded anew, and nothing that is not theirs."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from picture_files import SIDE, make, png
from PIL import Image
from pyarrow import parquet
from refusals import refuses

from attngan.cache_folder import cache_folder
from attngan.data import ImageDataset, decoded_cache, decoding, load_captioned, load_pictures, pixels, transforms
from attngan.data.reading import Reading
from attngan.data.sources import parquet_file, tar_file

FILES = {"a/1.png": png(1), "a/2.png": b"broken", "b/3.png": png(3), "b/4.png": png(4)}
both = pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what is kept, where everything is worth it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(decoding, "WORTH", -1.0)
    return tmp_path / "cache" / "attngan" / "pictures"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one for each picture that is decoded."""
    counted: list[int] = []
    decode: Callable[..., object] = decoding.decode_picture
    monkeypatch.setattr(decoding, "decode_picture", lambda *given: counted.append(1) or decode(*given))
    return counted


def read(path: Path, channels: int = 1, resolution: int = SIDE, reading: Reading = Reading()) -> ImageDataset:  # noqa: B008
    return load_pictures(path, resolution=resolution, channels=channels, reading=reading)


def same(one: ImageDataset, other: ImageDataset) -> bool:
    return (
        one.fingerprint == other.fingerprint and one.describe() == other.describe() and one.skipped == other.skipped
        and one.sides is not None and other.sides is not None and (one.sides == other.sides).all()
        and one.reading == other.reading
    )  # fmt: skip


@both
def test_a_second_reading_decodes_nothing(tmp_path: Path, zipped: bool, decoded: list[int]) -> None:
    path = make(tmp_path, FILES, zipped)
    first = read(path)
    assert len(decoded) == 4 and len(first) == 3
    assert same(read(path), first) and len(decoded) == 4


def test_captioned_pictures(tmp_path: Path, decoded: list[int]) -> None:
    path = make(tmp_path, {"1.png": png(1), "1.txt": b"one", "2.png": png(2), "2.txt": b"two"}, False)
    first, second = (load_captioned(path, resolution=SIDE, channels=3) for _ in range(2))
    assert first.fingerprint == second.fingerprint and len(decoded) == 2
    (path / "1.txt").write_text("another")
    assert load_captioned(path, resolution=SIDE, channels=3).fingerprint != first.fingerprint and len(decoded) == 2


def test_another_resolution_channels_or_fit_are_another_set(tmp_path: Path, decoded: list[int]) -> None:
    path = make(tmp_path, {"1.png": png(1)}, False)
    for options in ({}, {"channels": 3}, {"resolution": 16}, {"reading": Reading("pad")}):
        assert read(path, **options).images.shape[1] == options.get("resolution", SIDE)  # type: ignore[arg-type]
    assert len(decoded) == 4


@both
def test_a_file_that_changes_is_seen(tmp_path: Path, zipped: bool) -> None:
    path = make(tmp_path, FILES, zipped)
    first = read(path)
    changed = path if zipped else path / "a" / "1.png"
    times = changed.stat().st_atime_ns, changed.stat().st_mtime_ns
    if not zipped:
        (path / "b" / "5.png").write_bytes(png(5))
        assert len(read(path)) == len(first) + 1
        (path / "b" / "5.png").unlink()
    size = changed.stat().st_size
    new = FILES | {"a/1.png": png(9)}
    if zipped:
        path.unlink()
        make(tmp_path, new, True)
    else:
        changed.write_bytes(new["a/1.png"])
    assert changed.stat().st_size == size
    os.utime(changed, ns=times)  # as some programs do when they copy
    assert read(path).images[0, 0, 0, 0] == 9 and first.images[0, 0, 0, 0] == 1


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:-7], lambda content: b"", lambda _: b"\x93NUMPY", lambda content: content[:-1] + b"\xee",
     lambda content: content.replace(b'"skipped": [[', b'"skipped": [{')],
    ids=["torn", "empty", "header", "flipped", "json"],
)  # fmt: skip
def test_a_damaged_file_is_made_again(
    tmp_path: Path, kept: Path, decoded: list[int], damage: Callable[[bytes], bytes]
) -> None:
    path = make(tmp_path, FILES, False)
    first = read(path)
    (file,) = kept.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert same(read(path), first) and len(decoded) == 8
    assert file.read_bytes() == whole and list(kept.iterdir()) == [file]


def test_another_sets_file_and_pickles_are_not_taken(tmp_path: Path, kept: Path) -> None:
    (tmp_path / "other").mkdir()
    one, other = make(tmp_path, {"1.png": png(1)}, False), make(tmp_path / "other", {"1.png": png(2)}, False)
    first = read(one)
    (file,) = kept.iterdir()
    content = file.read_bytes()
    file.unlink()
    read(other)
    (file,) = kept.iterdir()
    file.write_bytes(content)
    assert read(other).images.max() == 2 and first.images.max() == 1
    np.save(file, np.array([os.system], object), allow_pickle=True)
    assert read(other).images.max() == 2


def test_scales_that_are_fixed_are_those_asked_for(tmp_path: Path, decoded: list[int]) -> None:
    (tmp_path / "deep").mkdir()
    Image.fromarray(np.full((SIDE, SIDE), 4000, np.uint16)).save(tmp_path / "deep" / "a.png")
    first = read(tmp_path / "deep")
    assert first.reading.integers and len(decoded) == 2  # once for the span of its values
    assert same(read(tmp_path / "deep"), first) and same(read(tmp_path / "deep", reading=first.reading), first)
    assert len(decoded) == 2
    assert read(tmp_path / "deep", reading=Reading(integers=(0, 65535))).images.max() == 16
    assert same(read(tmp_path / "deep"), first)


def test_large_sets_are_mapped_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path, FILES, False)
    first = read(path)
    monkeypatch.setattr(pixels, "IN_MEMORY", 100)
    mapped = read(path)
    assert isinstance(mapped.images, np.memmap) and same(mapped, first)


def test_what_was_used_longest_ago_goes_first(tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path, {"1.png": png(1)}, False)
    read(path)
    (oldest,) = kept.iterdir()
    os.utime(oldest, ns=(1, 1))
    monkeypatch.setattr(decoded_cache, "LIMIT", int(2.5 * oldest.stat().st_size))
    read(path, 3)
    read(path, 4)
    assert len(list(kept.iterdir())) == 2 and not oldest.exists()
    monkeypatch.setattr(decoded_cache, "LIMIT", 10)  # less than one set: it isn't kept at all
    read(path, 1)
    assert not oldest.exists()


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, tuple[Path, Any, str]]:
    """By name: three pictures, and what reads each of them."""
    files = {f"{n}.png": png(n) for n in range(3)}
    with tarfile.open(tmp_path / "data.tar", "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    parquet.write_table(pyarrow.table({"image": list(files.values())}), tmp_path / "data.parquet", row_group_size=1)
    return {
        "folder": (make(tmp_path, files, False), Path, "read_bytes"),
        "zip": (make(tmp_path, files, True), zipfile.ZipFile, "read"),
        "tar": (tmp_path / "data.tar", tar_file, "open"),
        "parquet": (tmp_path / "data.parquet", parquet_file._Pictures, "_open"),
        "decoder": (tmp_path / "data", transforms, "read_deep"),
        "upright": (tmp_path / "data", transforms.ImageOps, "exif_transpose"),
    }


def failing_once(error: Exception, real: Callable[..., object]) -> Callable[..., object]:
    errors = [error]

    def fail(*given: object) -> object:
        if errors:
            raise errors.pop()
        return real(*given)

    return fail


@pytest.mark.parametrize("name", ["data.tar", "data.parquet"])
def test_a_folder_of_archives_is_kept_until_one_changes(
    tmp_path: Path, sources: Any, monkeypatch: pytest.MonkeyPatch, decoded: list[int], name: str
) -> None:
    folder, packed = tmp_path / "shards", tmp_path / name
    for part in range(2):
        (folder / f"set-train-{part:05}-{name}").parent.mkdir(exist_ok=True)
        (folder / f"set-train-{part:05}-{name}").write_bytes(packed.read_bytes())
    asked: list[Path] = []
    times = decoded_cache._times
    monkeypatch.setattr(decoded_cache, "_times", lambda path: asked.append(path) or times(path))
    first = read(folder)
    assert len(decoded) == len(first) == 6 and sorted(asked) == sorted(folder.iterdir())
    assert same(read(folder), first) and len(decoded) == 6
    changed = folder / f"set-train-00001-{name}"
    changed.unlink()
    changed.write_bytes(packed.read_bytes())
    assert same(read(folder), first) and len(decoded) == 12


@pytest.mark.parametrize(
    ("name", "error"),
    [*((name, OSError(5, "Input/output error")) for name in ("folder", "zip", "tar", "parquet")),
     ("decoder", OSError("out of memory when reading image file"))],
)  # fmt: skip
def test_what_the_machine_fails_at_is_tried_again(sources: Any, kept: Path, name: str, error: OSError) -> None:
    path, owner, called = sources[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, called, failing_once(error, getattr(owner, called, open)), raising=False)
        assert [reason for _, reason in read(path).skipped] == [error.strerror or str(error)]
    assert len(read(path)) == 3 and len(list(kept.iterdir())) == 1


@pytest.mark.parametrize("name", ["folder", "zip", "parquet", "decoder", "upright"])
def test_a_want_of_memory_is_no_damaged_picture(sources: Any, kept: Path, name: str) -> None:
    path, owner, called = sources[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, called, failing_once(MemoryError(), getattr(owner, called)))
        with pytest.raises(MemoryError):
            read(path)
    assert not list(kept.iterdir())


def test_nothing_is_kept_of_what_takes_no_time(tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "WORTH", 60.0)
    assert len(read(make(tmp_path, FILES, False))) == 3 and not list(kept.iterdir())


def test_without_a_folder_to_write_to_it_is_decoded_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[int]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    path = make(tmp_path, FILES, False)
    assert same(read(path), read(path)) and len(decoded) == 8


def test_a_user_without_a_home_has_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[int]
) -> None:
    def nobody(_: int) -> None:
        raise KeyError("uid not found")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", nobody)
    path = make(tmp_path, FILES, False)
    assert same(read(path), read(path)) and len(decoded) == 8
    with refuses("~/.cache: XDG_CACHE_HOME"):
        cache_folder()


def test_a_full_disk_is_no_error(tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(decoded_cache.np, "save", full)
    assert len(read(make(tmp_path, FILES, False))) == 3 and not list(kept.iterdir())
