"""Files are written whole or not at all, whatever the disk does."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from refusals import refuses

from attngan_runtime.errors import AttnGANError
from attngan_runtime.saving import NotSavedError, check_output_file, check_parent, write_atomically, write_output


def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path, before = tmp_path / "file", tmp_path / "file.before"
    write_atomically(path, b"one", keep_as=before)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    write_atomically(path, memoryview(b"two"), keep_as=before)
    write_atomically(path, b"three")
    assert (path.read_bytes(), before.read_bytes(), len(list(tmp_path.iterdir()))) == (b"three", b"one", 2)


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "free space, then run again"), (errno.EROFS, "write elsewhere"), (errno.EIO, "free space, then")],
)
def test_what_the_disk_refuses_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, remedy: str
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(NotSavedError) as raised:
        write_atomically(path, b"new")
    assert isinstance(raised.value, AttnGANError) and raised.value.subject == str(path)
    assert raised.value.problem == f"could not be saved ({os.strerror(number)})"
    assert raised.value.remedy.startswith(f"the file before it is intact: {remedy}")
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == [b"old"]


def test_a_kill_between_the_two_renames_leaves_the_old_file_under_its_other_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.replace

    def killed(source: Path, target: Path) -> None:
        if target == tmp_path / "file":
            raise KeyboardInterrupt
        rename(source, target)

    write_atomically(tmp_path / "file", b"old")
    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"new", keep_as=tmp_path / "kept")
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"kept": b"old"}


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(NotSavedError, match="its folder is gone"):
        write_atomically(tmp_path / "no" / "file", b"new")


@pytest.mark.skipif(os.name != "posix", reason="elsewhere folders are never flushed")
def test_a_file_system_that_flushes_no_folders_is_good_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flush, flushed = os.fsync, []

    def files_alone(number: int) -> None:
        flushed.append(number)
        if len(flushed) > 1:
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(number)

    monkeypatch.setattr(os, "fsync", files_alone)
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new" and len(flushed) == 2


def test_folders_are_made_and_those_stay_that_were_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "a").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(NotSavedError):
            write_output(tmp_path / "a" / "b" / "c" / "file", b"new")
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]
    write_output(tmp_path / "a" / "b" / "c" / "file", b"new")
    assert (tmp_path / "a" / "b" / "c" / "file").read_bytes() == b"new"
    with pytest.raises(NotSavedError):
        write_output(tmp_path / "a" / "b" / "c" / "file" / "file", b"new")


def test_places_are_looked_at_before_the_work(tmp_path: Path) -> None:
    check_parent(tmp_path / "file")
    check_output_file(tmp_path / "file", "grid.png")
    for check in (check_parent, lambda path: check_output_file(path, "grid.png")):
        check(tmp_path / "no" / "such" / "file")
        assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    for check in (check_parent, lambda path: check_output_file(path, "grid.png")):
        with refuses(r"--out: /file is a file"):
            check(tmp_path / "file" / "no" / "file")
    with refuses(r": is a folder; name a file such as .*/grid.png"):
        check_output_file(tmp_path, "grid.png")


def test_a_place_without_permission_is_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)  # root may write anywhere
    (tmp_path / "own").mkdir()
    check_parent(tmp_path / "own" / "file")
    for path in (tmp_path / "file", tmp_path / "new" / "file"):
        with refuses(rf"--out {path}: {tmp_path}"):
            check_parent(path)
