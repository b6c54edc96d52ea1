"""A tar, whose files are read where they lie in it; nothing is unpacked."""

from __future__ import annotations

import tarfile
from functools import partial
from pathlib import Path

from attngan.data.listing import LARGEST, SourceFile, leads_out
from attngan.data.transforms import FailedReadError, UnreadablePictureError
from attngan.errors import AttnGANError

_MAGIC_AT, _MAGIC = 257, b"ustar"
_AT_ONCE = 2**16


def is_tar(path: Path) -> bool:
    """Whether a file is called a tar, compressed or not, or begins as one does."""
    if path.name.lower().endswith((".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")):
        return True
    with open(path, "rb") as file:
        return file.read(_MAGIC_AT + len(_MAGIC)).endswith(_MAGIC)


def list_tar(path: Path, below: str = "") -> tuple[list[SourceFile], list[str]]:
    """(the files of a tar under names that begin with `below`, its links); AttnGANError if it is torn or compressed."""
    found, links = list[SourceFile](), list[str]()
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                name = member.name if leads_out(member.name) else below + member.name
                if member.issym() or member.islnk():
                    links.append(name)
                elif member.isfile():
                    start = -1 if member.issparse() else member.offset_data
                    found.append(SourceFile(name, partial(_read, path, start, member.size), path))
            _check_end(archive)
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        problem = f"no plain tar, or a torn one ({str(error)[:60] or type(error).__name__})"
        raise AttnGANError(f"--data {path}", problem, "unpack it if it is compressed, or download it again") from None
    return found, links


def _check_end(archive: tarfile.TarFile) -> None:
    """ReadError unless zeros alone follow what was listed, a block at least: tarfile takes any damage for an end."""
    file = archive.fileobj
    assert file is not None
    file.seek(archive.offset)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE or any(map(any, (block, *iter(lambda: file.read(_AT_ONCE), b"")))):
        raise tarfile.ReadError("no end")


def _read(path: Path, start: int, size: int) -> bytes:
    if start < 0:
        raise UnreadablePictureError("a sparse file")
    if size > LARGEST:
        raise UnreadablePictureError(f"too large: {size:,} bytes")
    try:
        with open(path, "rb") as file:  # one a read, so that threads don't move each other
            file.seek(start)
            return file.read(size)
    except OSError as error:
        raise FailedReadError(error.strerror or "cannot be read") from None
