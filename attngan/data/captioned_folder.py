"""`load_captioned` and `find_captioned`: pictures with what their files say of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from attngan.data.captioned_dataset import CaptionedDataset
from attngan.data.captions import Captions
from attngan.data.decoding import decode_files
from attngan.data.idx import find_idx
from attngan.data.image_folder import check_names, number_names
from attngan.data.layouts import of_no_picture, read_captions
from attngan.data.layouts.entry import Described
from attngan.data.layouts.folders import choose_split
from attngan.data.listing import Listing, SourceFile
from attngan.data.reading import UNFIXED, Reading
from attngan.data.sources import check_source, data_errors, open_listing
from attngan.errors import AttnGANError


def load_captioned(path: str | Path, *, resolution: int, channels: int, reading: Reading = UNFIXED) -> CaptionedDataset:
    """The captioned pictures of a source, uint8 [N, resolution, resolution, channels], sorted by name.

    path: a folder, a zip, a tar or a Parquet file, or a folder of those two, with captions as docs/data.md has them.
    Styles count if there are two or more. channels: 1 grey, 3 RGB, 4 RGB with premultiplied alpha.
    reading: as `load_pictures` has it.

    Captions without pictures and pictures without captions are left out and named in `captions`, pictures that can't
    be read in `skipped`. Raises AttnGANError for captions that are not what they should be (file, line and remedy),
    if no picture has a caption, and as `load_pictures` does.
    """
    path = Path(path)
    check_source(path, channels)
    with _opened(path) as (listing, described):
        return _decode(path, listing, described, resolution, channels, reading)


def find_captioned(path: Path, *, resolution: int, channels: int) -> CaptionedDataset | None:
    """The same, None of a source that says nothing of pictures in words; text such as a README.txt is none of them."""
    check_source(path, channels)
    with data_errors(path):
        if find_idx(path) is not None:
            return None
    with _opened(path) as (listing, described):
        if not described.entries and not described.source:
            return None
        return _decode(path, listing, described, resolution, channels, UNFIXED)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Listing, Described]]:
    with data_errors(path), open_listing(path) as whole:
        listing = choose_split(whole)
        yield listing, read_captions(path, listing)


def _decode(
    path: Path, listing: Listing, described: Described, resolution: int, channels: int, reading: Reading
) -> CaptionedDataset:
    files = [file for file in listing.pictures if file.name in described.entries]
    if not files:
        raise _nothing_described(path, described)
    check_names(path, "style", [described.entries[file.name].style for file in files])
    decoded = decode_files(path, files, resolution, channels, reading)
    uncaptioned = [file.name for file in listing.pictures if file.name not in described.entries]
    captions = replace(
        _captions([files[place] for place in decoded.kept], described),
        uncaptioned=uncaptioned, pictureless=described.pictureless,
    )  # fmt: skip
    styles, names = number_names([described.entries[files[place].name].style for place in decoded.kept])
    return CaptionedDataset(
        decoded.images, skipped=decoded.skipped, ignored=described.ignored, sides=decoded.sides,
        reading=decoded.reading, account=decoded.account, captions=captions, styles=styles, style_names=names,
        notes=[*listing.notes, *described.notes],
    )  # fmt: skip


def _captions(files: list[SourceFile], described: Described) -> Captions:
    entries = [described.entries[file.name] for file in files]
    return Captions(
        [entry.texts for entry in entries],
        [entry.tags for entry in entries],
        [entry.concept or file.name for file, entry in zip(files, entries, strict=True)],
    )


def _nothing_described(path: Path, described: Described) -> AttnGANError:
    if described.pictureless:
        return of_no_picture(f"--data {path}", "captions", described.pictureless)
    return AttnGANError(
        f"--data {path}", "pictures without captions", "add captions.jsonl, or beside each a .txt with what it shows"
    )
