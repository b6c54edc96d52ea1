"""A zip, read in memory when asked for, so that nothing is ever written to disk."""

from __future__ import annotations

import stat
import zipfile
from functools import partial
from pathlib import Path

from attngan.data.listing import LARGEST, Listing, SourceFile, left_out, sort_entries
from attngan.data.transforms import UnreadablePictureError, not_read


def list_zip(archive: zipfile.ZipFile) -> Listing:
    """All files of a zip but links."""
    found, links = list[SourceFile](), list[str]()
    path = Path(archive.filename) if archive.filename else None
    for entry in sorted(archive.infolist(), key=lambda entry: entry.header_offset):
        name = entry.filename.replace("\\", "/")
        if stat.S_ISLNK(entry.external_attr >> 16):
            links.append(name)
        elif not entry.is_dir():
            found.append(SourceFile(name, partial(_read_entry, archive, entry), path))
    return sort_entries(found, left_out(links, "link"))


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.flag_bits & 1:
        raise UnreadablePictureError("encrypted")
    if entry.file_size > LARGEST:
        raise UnreadablePictureError(f"too large: {entry.file_size:,} bytes")
    try:
        return archive.read(entry)
    except Exception as error:  # damaged archives raise zlib, struct and zipfile errors alike
        raise not_read(error, "damaged zip entry") from None
