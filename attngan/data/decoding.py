"""A list of picture files as one array: each is decoded, by several threads, and all are read one way."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from attngan.data.decoded_cache import WORTH, Decoded, find_place
from attngan.data.depth import Kind
from attngan.data.image_dataset import name_skipped
from attngan.data.listing import SourceFile
from attngan.data.pixels import allocate
from attngan.data.reading import UNFIXED, Account, Reading
from attngan.data.transforms import FailedReadError, Picture, Span, UnreadablePictureError, decode_picture
from attngan.errors import AttnGANError
from attngan.progress import progress_bar
from attngan.quiet import quiet_libtiff

_WINDOW = 1024  # pictures handed to the threads at a time: a million tasks would be a gigabyte of bookkeeping

_Outcome = Picture | Span | UnreadablePictureError


def decode_files(
    path: Path, files: list[SourceFile], resolution: int, channels: int, reading: Reading = UNFIXED
) -> Decoded:
    """The pictures of at least one file below `path`, in their order; AttnGANError if none can be read.

    Where pictures of more than 8 bits need a scale that `reading` doesn't have, they are decoded twice: first all of
    them for the lowest and the highest value of the whole set. What took long is kept, and read again from there,
    unless the disk failed at some.
    """
    place = find_place(path, files, resolution, channels, reading)
    found = place.load() if place else None
    if found:
        return found
    begun = time.monotonic()
    found = _decode_all(path, files, resolution, channels, reading)
    if place and not found.failed and time.monotonic() - begun > WORTH:
        place.store(found)
    return found


def _decode_all(path: Path, files: list[SourceFile], resolution: int, channels: int, reading: Reading) -> Decoded:
    table = _Table(files, resolution, channels)
    spans = table.fill(range(len(files)), reading)
    if spans:
        reading = reading.fix(_widest(spans.values()))
        table.fill(sorted(spans), reading)
    if not table.sides.any():
        raise AttnGANError(
            f"--data {path}",
            f"none of its {len(files):,} pictures can be read: {name_skipped(table.skipped())}",
            "replace them",
        )
    return table.decoded(reading)


class _Table:
    """A row for each file, filled while they are decoded."""

    def __init__(self, files: list[SourceFile], resolution: int, channels: int) -> None:
        self.files = files
        self.images = allocate((len(files), resolution, resolution, channels))
        self.sides = np.zeros(len(files), np.int64)  # 0 of a file that wasn't read
        self.facts = np.zeros((len(files), 4), bool)  # in the order of Account
        self.reasons: dict[int, str] = {}
        self.failed = False

    def fill(self, places: Sequence[int], reading: Reading) -> dict[int, Span]:
        """Decodes the files at these places; the spans of those for which there is no scale yet."""
        spans: dict[int, Span] = {}
        _, *shape, channels = self.images.shape
        decode = partial(_decode, resolution=shape[0], channels=channels, reading=reading)
        for place, outcome in zip(places, _in_order([self.files[place] for place in places], decode), strict=True):
            if isinstance(outcome, Span):
                spans[place] = outcome
            elif isinstance(outcome, UnreadablePictureError):
                self.reasons[place] = str(outcome)
                self.failed |= isinstance(outcome, FailedReadError)
            else:
                self.images[place], self.sides[place] = outcome.pixels, outcome.side
                self.facts[place] = outcome.oblong, outcome.deep, outcome.clipped, outcome.unprofiled
        return spans

    def skipped(self) -> list[tuple[str, str]]:
        return [(self.files[place].name, reason) for place, reason in sorted(self.reasons.items())]

    def decoded(self, reading: Reading) -> Decoded:
        kept = np.flatnonzero(self.sides)
        for row, place in enumerate(kept if len(kept) < len(self.files) else ()):
            self.images[row] = self.images[place]
        account = Account(*map(int, self.facts.sum(0)))
        return Decoded(self.images[: len(kept)], kept, self.sides[kept], self.skipped(), reading, account, self.failed)


def _widest(spans: Iterable[Span]) -> dict[Kind, tuple[float, float, float]]:
    """The lowest and the highest value of each kind, and the highest alpha."""
    found: dict[Kind, Span] = {}
    for span in spans:
        found[span.kind] = found.get(span.kind, span) | span
    return {kind: (span.low, span.high, span.alpha) for kind, span in found.items()}


def _in_order(files: list[SourceFile], decode: Callable[[SourceFile], _Outcome]) -> Iterator[_Outcome]:
    """What became of each file, in their order."""
    threads = min(8, os.cpu_count() or 1)
    bar = progress_bar("reading", len(files), unit="pictures", delay=2)
    quiet_libtiff()
    # Pillow warns of odd metadata and large files; what matters of it ends in `skipped`.
    with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool, bar:
        warnings.simplefilter("ignore")
        for start in range(0, len(files), _WINDOW):
            for outcome in pool.map(decode, files[start : start + _WINDOW]):
                yield outcome
                bar.update(1)


def _decode(file: SourceFile, resolution: int, channels: int, reading: Reading) -> _Outcome:
    try:
        return decode_picture(file.read(), resolution, channels, reading)
    except UnreadablePictureError as reason:
        return reason
