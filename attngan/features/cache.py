"""Features of real pictures, kept on disk: every evaluation asks for the same ones."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from tqdm import tqdm

from attngan.cache_folder import cache_folder, prune
from attngan.data import ImageDataset
from attngan.errors import AttnGANError
from attngan.features.extractor import Extractor

LIMIT = 2**30  # bytes of all cached features: 200,000 pictures at 1,280 values


def real_features(extractor: Extractor, pictures: ImageDataset, places: np.ndarray) -> np.ndarray:
    """float32 [len(places), d]: features of some of the pictures, from the cache if they were extracted before.

    The files lie in the cache folder below `features`, one for each set of pictures, places and extractor; a torn or
    damaged one is made again. Where the folder can't be written, one line on stderr says so and nothing is kept.
    """

    def extract() -> np.ndarray:
        return extractor.extract(len(places), lambda part: pictures.images[places[part]], "real pictures")

    return load_or_make(extractor, pictures, places, len(places), extract)


def load_or_make(
    extractor: Extractor, pictures: ImageDataset, places: np.ndarray, rows: int, make: Callable[[], np.ndarray],
    *what: str,
) -> np.ndarray:  # fmt: skip
    """float32 [rows, d]: what `make` made of these pictures before, from the cache; or makes it now, and keeps it.

    what: names it, with a version that changes whenever it does; nothing for the features themselves.
    """
    path = _path(extractor, pictures, places, *what)
    found = _load(path, rows) if path else None
    if found is None:
        found = make()
        if path and found.nbytes <= LIMIT:
            _store(path, found)
    return found


def _path(extractor: Extractor, pictures: ImageDataset, places: np.ndarray, *what: str) -> Path | None:
    """Where the features, or what was made of them, are kept; None if nowhere, having said why there is no folder."""
    if extractor.version is None:
        return None
    key = json.dumps([pictures.fingerprint, extractor.name, extractor.version, *what]).encode()
    digest = hashlib.sha256(key + places.astype("<i8").tobytes()).hexdigest()
    try:
        folder = cache_folder() / "features"
        folder.mkdir(exist_ok=True)
    except AttnGANError as error:
        _warn(str(error))
        return None
    except OSError as error:
        _warn(f"{error.filename}: {error.strerror}")
        return None
    return folder / f"{digest[:32]}.safetensors"


def _load(path: Path, count: int) -> np.ndarray | None:
    """The features in a file, marked as used; None if there is no such file or if it is not as it was written."""
    try:
        with safe_open(path, framework="numpy") as file:
            found: np.ndarray = file.get_tensor("features")
            written = (file.metadata() or {}).get("sha256")
    except (SafetensorError, OSError):
        return None
    if found.dtype != np.float32 or found.ndim != 2 or len(found) != count or _digest(found) != written:
        return None
    with contextlib.suppress(OSError):  # a cache that can only be read serves as well
        os.utime(path)
    return found


def _store(path: Path, found: np.ndarray) -> None:
    partial = None
    try:
        # A name of its own: two evaluations may write the same features at the same time.
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            partial = Path(file.name)
            file.write(save({"features": found}, {"sha256": _digest(found)}))
        os.replace(partial, path)
        prune(path.parent, LIMIT)
    except OSError as error:
        if partial:
            partial.unlink(missing_ok=True)
        _warn(f"{path.parent}: {error.strerror}")


def _digest(found: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(found).data).hexdigest()


@lru_cache(maxsize=8)  # one line for a reason, however many sets of features it keeps out of the cache
def _warn(reason: str) -> None:
    tqdm.write(f"note: {reason}; features of real pictures are extracted again each time", sys.stderr)
