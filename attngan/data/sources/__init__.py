"""What a path holds, as a list of files: a folder, a zip, a tar, a Parquet table, or a folder of those two."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from attngan.data.listing import Listing, left_out, sort_entries
from attngan.data.sources.folder import list_folder
from attngan.data.sources.parquet_file import is_parquet, list_parquet
from attngan.data.sources.tar_file import is_tar, list_tar
from attngan.data.sources.zip_file import list_zip
from attngan.errors import AttnGANError

_EXAMPLES = ".jpg, .png, .webp …"


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
    """The files of a folder, or where no picture is among them what its tars and tables hold, each as a folder."""
    listing = list_folder(path)
    packed = [file for file in listing.others if file.name.lower().endswith((".tar", ".parquet"))]
    return listing if listing.pictures or not packed else _list_packed([(path / f.name, f"{f.name}/") for f in packed])


def _list_file(path: Path, stack: contextlib.ExitStack) -> Listing:
    if is_tar(path) or is_parquet(path):
        return _list_packed([(path, "")])
    return list_zip(stack.enter_context(zipfile.ZipFile(path)))


def _list_packed(files: list[tuple[Path, str]]) -> Listing:
    """The files in tars and tables, the names of each after its own."""
    found, links = [], []
    for path, below in files:
        if is_tar(path):
            members, linked = list_tar(path, below)
            found += members
            links += linked
        else:
            found += list_parquet(path, below)
    return sort_entries(found, left_out(links, "link"))


def _check_listing(path: Path, listing: Listing) -> None:
    others = len(listing.others)
    if listing.pictures:
        return
    if others or listing.notes:
        count = [f"{others:,} file{'s' * (others != 1)}, none of them a picture ({_EXAMPLES})"] if others else []
        raise AttnGANError(f"--data {path}", "; ".join([*count, *listing.notes]), "name a folder of pictures")
    raise AttnGANError(f"--data {path}", "empty", f"put pictures in it ({_EXAMPLES})")
