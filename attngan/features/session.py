"""Feature networks as ONNX Runtime sessions: their graphs are made once, into the cache folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from attngan.cache_folder import cache_folder, not_writable
from attngan.errors import AttnGANError


def open_session(name: str, write: Callable[[Path], None]) -> Any:
    """A session on the CPU of the graph `name` in the cache folder; where it is missing, `write` makes it first.

    name: changes whenever the graph does. write: is given a file in a folder of its own.
    Raises AttnGANError if ONNX Runtime is missing, if it can't read the graph, or if the folder can't be written.
    """
    try:
        import onnxruntime
    except ImportError:
        raise AttnGANError(
            "onnxruntime", "not installed, and the feature network runs there", 'pip install "attngan[cpu]"'
        ) from None
    path = cache_folder() / name
    if not path.is_file():
        _make(path, write)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Threads that wait by spinning take the cores from whoever works there: half the speed beside one other program.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has no common class for its errors
        reason = str(error).splitlines()[0][:120]
        raise AttnGANError(path, f"damaged ({reason})", "delete it, and it will be made again") from None


def run_in_batches(
    session: Any, images: np.ndarray, prepare: Callable[[np.ndarray], np.ndarray], batch: int, values: int
) -> np.ndarray:
    """float32 [N, values]: what a network of one input and one output makes of pictures, `batch` prepared at a time."""
    (entry,), parts = session.get_inputs(), []
    for start in range(0, len(images), batch):
        (part,) = session.run(None, {entry.name: prepare(images[start : start + batch])})
        parts.append(part)
    return np.concatenate(parts) if parts else np.empty((0, values), np.float32)


def _make(path: Path, write: Callable[[Path], None]) -> None:
    """Puts the file there when it is whole, so that a kill leaves none that looks like it."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            partial = Path(folder, path.name)
            write(partial)
            os.replace(partial, path)
    except OSError as error:
        raise not_writable(path, error) from None
