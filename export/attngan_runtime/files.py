"""Files of a user's choosing that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from attngan_runtime.errors import AttnGANError


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Writes `data` to `path` in one step: whoever reads it meanwhile, or after a crash, finds all of it or the old."""
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def check_folder(path: Path) -> None:
    """Raises AttnGANError unless the folder that `--out` names a file in exists."""
    if not path.parent.is_dir():
        raise AttnGANError(f"--out {path}: folder {path.parent} does not exist; create it first")


def check_place(path: Path, example: str) -> None:
    """Raises AttnGANError unless a file, such as `example`, can be written where `--out` says."""
    check_folder(path)
    if path.is_dir():
        raise AttnGANError(f"--out {path}: is a folder; name a file such as {path / example}")
