"""Files of a bundle that are no plain files, or don't stay as they are."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from refusals import refuses

from attngan_runtime.bundle.files import read_within, sha256_within

Read = Callable[[Path, str, int], Any]
BOTH = pytest.mark.parametrize("read", [read_within, sha256_within])


@pytest.fixture(autouse=True)
def _never_waits() -> Iterator[None]:
    def late(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(20)  # a pipe without a writer would be waited for
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def not_read(read: Read, folder: Path, words: str, limit: int = 1000) -> None:
    with refuses(f"file: {words}"):
        read(folder, "file", limit)


def test_a_file_is_read_whole_and_hashed(tmp_path: Path) -> None:
    for content in (b"", b"x", b"y" * 64, b"z" * 65, os.urandom(2**20 + 70)):
        (tmp_path / "file").write_bytes(content)
        assert read_within(tmp_path, "file", len(content)) == content
        assert sha256_within(tmp_path, "file", 2**21) == (hashlib.sha256(content).hexdigest(), content[:64])


@BOTH
def test_what_is_too_big_is_refused_unread(read: Read, tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb") as file:
        file.truncate(2**40)
    not_read(read, tmp_path, "is too big, 1,099,511,627,776 bytes")


@BOTH
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_files_whose_size_is_a_lie_are_refused(read: Read) -> None:
    assert Path("/proc/self/status").stat().st_size == 0
    with refuses("status: changed while it was read"):
        read(Path("/proc/self"), "status", 1000)


@BOTH
@pytest.mark.parametrize("grown", [-1, 1, 5000])
def test_a_file_that_changes_while_it_is_read_is_refused(
    read: Read, grown: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(bytes(100))

    looked_at = os.fstat

    def fstat_then_grow(number: int) -> os.stat_result:
        found = looked_at(number)
        os.truncate(tmp_path / "file", 100 + grown)
        return found

    monkeypatch.setattr(os, "fstat", fstat_then_grow)
    not_read(read, tmp_path, "changed while it was read")


@BOTH
def test_pipes_devices_and_folders_are_no_plain_files(read: Read, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file")
    not_read(read, tmp_path, "is no plain file")
    with refuses("zero: is no plain file"):
        read(Path("/dev"), "zero", 1000)
    (tmp_path / "file").unlink()
    (tmp_path / "file").mkdir()
    not_read(read, tmp_path, "is no plain file")


@BOTH
def test_what_is_put_there_after_the_first_look_is_refused(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    folder = tmp_path / "bundle"
    folder.mkdir()
    opened = os.open

    def swap(what: Callable[[Path], None]) -> None:
        (folder / "file").unlink(missing_ok=True)
        (folder / "file").write_bytes(b"plain")

        def then_open(path: Any, flags: int, *rest: Any, **named: Any) -> int:
            (folder / "file").unlink()
            what(folder / "file")
            return opened(path, flags, *rest, **named)

        monkeypatch.setattr(os, "open", then_open)

    swap(lambda path: path.symlink_to(tmp_path / "secret"))
    not_read(read, folder, "can't be read")
    monkeypatch.setattr(os, "open", opened)
    swap(os.mkfifo)
    not_read(read, folder, "changed while it was opened")


@BOTH
def test_links_that_lead_nowhere_or_round_and_round(read: Read, tmp_path: Path) -> None:
    (tmp_path / "file").symlink_to("file")
    not_read(read, tmp_path, "is missing|can't be read")
    (tmp_path / "file").unlink()
    (tmp_path / "file").symlink_to("nowhere")
    not_read(read, tmp_path, "is missing")
    (tmp_path / "file").unlink()
    (tmp_path / "file").symlink_to("/proc/self/status")
    not_read(read, tmp_path, "is a link out of the bundle")
