"""WebDataset: files of one key, which ends at the first dot of their names, are one sample."""

from __future__ import annotations

from dataclasses import replace

from attngan.data.listing import Listing, left_out, without_suffix


def without_parts(listing: Listing, in_tars: bool) -> Listing:
    """Without pictures that belong to another one, as a mask does: `0000.seg.png` to `0000.jpg`. A note says so.

    Outside tars another file of the sample has to say that it is one: `0000.cls`. Numbers name no kind: `0000.1.png`.
    """
    whole = {without_suffix(file.name) for file in listing.pictures}
    if not in_tars:
        whole &= {_split(file.name)[0] for file in listing.others}
    parts = {file.name for file in listing.pictures if _is_part(file.name, whole)}
    said = left_out(sorted(parts), "picture that is part of another", "pictures that are parts of others")
    pictures = [file for file in listing.pictures if file.name not in parts]
    return replace(listing, pictures=pictures, notes=[*listing.notes, *said])


def _is_part(name: str, whole: set[str]) -> bool:
    key, rest = _split(name)
    kind = without_suffix(rest)
    return kind != rest and not kind.isdigit() and key in whole


def _split(name: str) -> tuple[str, str]:
    """(`a.b/0000`, `seg.png`) of `a.b/0000.seg.png`."""
    folder, slash, last = name.rpartition("/")
    key, _, rest = last.partition(".")
    return folder + slash + key, rest
