"""The folder of what can be made again, and how much of it is kept."""

from __future__ import annotations

import os
from pathlib import Path

from attngan.errors import AttnGANError

_REMEDY = "set XDG_CACHE_HOME to a folder you can write"


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/attngan or ~/.cache/attngan, made if it is missing; AttnGANError if it can't be."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "attngan"
    except RuntimeError:
        raise AttnGANError("~/.cache", "there is no home folder", _REMEDY) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(folder, error) from None
    return folder


def not_writable(path: Path, error: OSError) -> AttnGANError:
    """What is said where a file of the cache can't be written."""
    return AttnGANError(path, f"{error.strerror}", _REMEDY)


def prune(folder: Path, limit: int) -> None:
    """Deletes the files that were used longest ago, parts left by a kill too, until `limit` bytes hold the rest."""
    files = [(file, file.stat()) for file in folder.iterdir()]
    total = 0
    for file, status in sorted(files, key=lambda entry: entry[1].st_mtime_ns, reverse=True):
        total += status.st_size
        if total > limit:
            file.unlink(missing_ok=True)
