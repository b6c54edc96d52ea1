"""The folder of a run: who may write there, and what was written, read back."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from attngan.checkpoint import load_config
from attngan.config import RunConfig
from attngan.errors import AttnGANError
from attngan_runtime.bundle import TOKENIZER
from attngan_runtime.saving import check_parent, write_atomically

Record = dict[str, Any]
METRICS, QUALITY, EVENTS = "metrics.jsonl", "quality.jsonl", "events.jsonl"


def read_lines(path: Path) -> list[Record]:
    """The objects of a .jsonl file in its order; none if there is no file.

    Lines that are no JSON object are left out: a run that is being written, or was killed, ends in a part of one.
    """
    records = (_object(line) for line in _text(path).splitlines())
    return [record for record in records if record is not None]


def read_object(path: Path) -> Record:
    """The object in a .json file; empty if there is no file or nothing of the kind in it."""
    return _object(_text(path)) or {}


def write_if_other(path: Path, data: bytes) -> None:
    """Writes a file by `write_atomically` unless it holds just that."""
    if not path.is_file() or path.read_bytes() != data:
        write_atomically(path, data)


def column(records: list[Record], name: str) -> np.ndarray:
    """float64 [N]: the number `name` of each record, NaN where it is absent or no number."""
    values = (record.get(name) for record in records)
    return np.array([float(v) if isinstance(v, int | float) else np.nan for v in values], np.float64)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _object(text: str) -> Record | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def classes_of_columns(classes: int) -> list[int]:
    """The class of each column of a run's sample grids: 16 at most, and where they are few all of them again."""
    shown = min(classes, 16)
    return [*range(shown)] * max(8 // shown, 1) if shown else []


def check_output_folder(folder: Path) -> None:
    """Raises AttnGANError unless `folder` is there or can be made; writes nothing."""
    if folder.exists() and not folder.is_dir():
        raise AttnGANError(f"--out {folder}", "is a file", "name a folder")
    check_parent(folder / "config.json" if folder.exists() else folder)


def begun_run(folder: Path) -> RunConfig | None:
    """The config of the run in a folder, None where one can begin; AttnGANError if the folder is of neither kind."""
    check_output_folder(folder)
    if (folder / "config.json").exists():
        return load_config(folder)
    if folder.exists() and any(path.name != ".lock" and path.suffix != ".part" for path in folder.iterdir()):
        raise AttnGANError(f"--out {folder}", "holds files and no run", "name a new or empty folder")
    return None


def check_words(folder: Path, tokenizer: bytes) -> None:
    """AttnGANError if the run in a folder has another tokenizer.json, by which words would mean other ones."""
    path = folder / TOKENIZER
    if tokenizer and path.exists() and path.read_bytes() != tokenizer:
        raise AttnGANError(
            str(path), "not the words of --data, which the run began with", "restore them, or use another --out"
        )


def write_what_it_is(folder: Path, config: RunConfig, tokenizer: bytes) -> None:
    """config.json and, of a run with words, tokenizer.json."""
    if tokenizer:
        write_if_other(folder / TOKENIZER, tokenizer)
    write_if_other(folder / "config.json", config.to_json().encode())


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Holds the run's lock; AttnGANError if another process trains into the same folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AttnGANError(f"--out {folder}", f"can't be made ({error.strerror})", "name another folder") from None
    with open(folder / ".lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AttnGANError(
                f"--out {folder}", "another attngan train writes there", "wait for it, or use another --out"
            ) from None
        yield
