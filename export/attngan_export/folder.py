"""The bundle's folder: written beside its place, moved there when complete, or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from attngan_runtime.bundle import MODEL, SIDECAR, TOKENIZER
from attngan_runtime.errors import AttnGANError
from attngan_runtime.saving import NotSavedError, check_parent, folders_for

TORCHSCRIPT, PT2 = "model.torchscript.pt", "model.pt2"
_OURS = {MODEL, SIDECAR, TOKENIZER, TORCHSCRIPT, PT2}


def check_destination(out: Path) -> None:
    """Raises AttnGANError unless a bundle can take the place of `out`; costs nothing, so call it before the work.

    An empty folder or an older bundle is replaced; anything else stays.
    """
    check_parent(out)
    if not out.exists():
        return
    if not out.is_dir():
        raise AttnGANError(f"--out {out}", "is a file", "name a folder")
    names = {path.name for path in out.iterdir()}
    if names and SIDECAR not in names:
        raise AttnGANError(f"--out {out}", f"exists and is no bundle (it has no {SIDECAR})", "name a new folder")
    if names - _OURS:
        other = ", ".join(sorted(names - _OURS)[:3])
        raise AttnGANError(
            f"--out {out}", f"holds other files beside a bundle ({other})", "move them, or name a new folder"
        )


@contextlib.contextmanager
def replace_folder(out: Path) -> Iterator[Path]:
    """Gives a folder beside `out` to write into. It takes the place of `out` if the block ends well, else it is gone.

    Folders that are to hold both are made, and are gone with it. Raises AttnGANError if the disk refuses; `out` is then
    as it was before.
    """
    out = out.resolve()
    folder = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with folders_for(out):
            folder.mkdir()
            try:
                yield folder
                _take_place(folder, out)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except (OSError, NotSavedError) as error:
        refused = NotSavedError(out, error) if isinstance(error, OSError) else error
        remedy = "nothing was written: free space, or choose another folder"
        raise AttnGANError(f"--out {out}", refused.problem, remedy) from error


def _take_place(folder: Path, out: Path) -> None:
    """Two renames where `out` exists, since no file system swaps folders portably; the first is undone on failure."""
    if not out.exists():
        folder.rename(out)
        return
    retired = out.with_name(f".{out.name}.{os.getpid()}.old")
    out.rename(retired)
    try:
        folder.rename(out)
    except BaseException:
        retired.rename(out)
        raise
    shutil.rmtree(retired, ignore_errors=True)
