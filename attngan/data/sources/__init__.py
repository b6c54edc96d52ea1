"""What a path holds, as a list of files: a folder, a zip, a tar, a Parquet table, or a folder of those two."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from attngan.data.layouts.shards import ARCHIVES
from attngan.data.layouts.webdataset import without_parts
from attngan.data.listing import Listing, SourceFile, left_out, most_strays, sort_entries
from attngan.data.sources.folder import list_folder
from attngan.data.sources.parquet_file import NoPicturesError, is_parquet, list_parquet
from attngan.data.sources.tar_file import is_tar, list_tar
from attngan.data.sources.zip_file import list_zip
from attngan.errors import AttnGANError

_EXAMPLES = ".jpg, .png, .webp …"
_FEW = 100  # pictures, beside which an archive that can't be read may be the set itself


def check_source(path: Path, channels: int) -> None:
    """Raises AttnGANError for a path that isn't there, or a number of channels that no picture has here."""
    if channels not in (1, 3, 4):
        raise AttnGANError(f"channels {channels}", "", "use 1 (grey), 3 (RGB) or 4 (RGB and alpha)")
    if not path.exists():
        raise AttnGANError(f"--data {path}", "no such file or folder", "check the path")


@contextlib.contextmanager
def data_errors(path: Path) -> Iterator[None]:
    """Turns what reading a source raises into AttnGANError."""
    try:
        yield
    except zipfile.BadZipFile:
        raise AttnGANError(
            f"--data {path}",
            "neither a zip, a tar, a Parquet table nor an IDX file",
            f"name a folder or a zip of pictures ({_EXAMPLES})",
        ) from None
    except OSError as error:
        raise AttnGANError(f"--data {path}", f"{error.strerror or error}", "make it readable") from None


@contextlib.contextmanager
def open_listing(path: Path) -> Iterator[Listing]:
    """The files of a source, which stays open meanwhile; AttnGANError if no picture is among them."""
    with contextlib.ExitStack() as stack:
        listing = _list_folder(path) if path.is_dir() else _list_file(path, stack)
        _check_listing(path, listing)
        yield listing


def _list_folder(path: Path) -> Listing:
    """The files of a folder; or what its tars and tables hold, each as a folder, where other pictures are strays."""
    loose = without_parts(list_folder(path), in_tars=False)
    archives = [file.name for file in loose.others if file.name.lower().endswith(ARCHIVES)]
    if not archives:
        return loose
    try:
        packed = _list_packed([(path / name, f"{name}/") for name in archives])
    except NoPicturesError:
        if loose.pictures:
            return loose
        raise
    except AttnGANError as error:
        if len(loose.pictures) >= _FEW:
            return _without(archives, loose, f" ({error.problem})")
        raise
    if not packed.pictures and loose.pictures:
        return loose
    if len(loose.pictures) <= most_strays(len(packed.pictures)):
        strays = [file.name for file in loose.pictures]
        said = left_out(strays, "picture beside the archives", "pictures beside the archives")
        return replace(packed, notes=[*packed.notes, *said])
    return _without(archives, loose)


def _without(archives: list[str], loose: Listing, why: str = "") -> Listing:
    said = left_out(archives, "archive beside the pictures", "archives beside the pictures")
    others = [file for file in loose.others if file.name not in set(archives)]
    return replace(loose, others=others, notes=[*loose.notes, *(note + why for note in said)])


def _list_file(path: Path, stack: contextlib.ExitStack) -> Listing:
    if is_tar(path):
        return _list_packed([(path, "")])
    if is_parquet(path):
        return _list_packed([(path, f"{path.name}/")])
    return without_parts(list_zip(stack.enter_context(zipfile.ZipFile(path))), in_tars=False)


def _list_packed(files: list[tuple[Path, str]]) -> Listing:
    """The files in tars and tables, the names of each after its own; a table without pictures is itself a file."""
    found, links, tables, lacking = [], [], [], []
    for path, below in files:
        if is_tar(path):
            members, linked = list_tar(path, below)
            found += members
            links += linked
            continue
        try:
            found += list_parquet(path, below)
        except NoPicturesError as error:
            tables.append(SourceFile(below.rstrip("/"), path.read_bytes, path))
            lacking.append(error)
    if lacking and not found:
        raise lacking[0]
    return without_parts(sort_entries([*found, *tables], left_out(links, "link")), in_tars=True)


def _check_listing(path: Path, listing: Listing) -> None:
    others = len(listing.others)
    if listing.pictures:
        return
    if others or listing.notes:
        count = [f"{others:,} file{'s' * (others != 1)}, none of them a picture ({_EXAMPLES})"] if others else []
        raise AttnGANError(f"--data {path}", "; ".join([*count, *listing.notes]), "name a folder of pictures")
    raise AttnGANError(f"--data {path}", "empty", f"put pictures in it ({_EXAMPLES})")
