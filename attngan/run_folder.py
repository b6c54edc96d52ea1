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
from attngan.config import RunConfig, differences
from attngan.data import Dataset
from attngan.errors import AttnGANError
from attngan_runtime.saving import check_parent

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
    check_parent(folder)


def check_run(folder: Path, config: RunConfig) -> None:
    """Raises AttnGANError unless `folder` can be made, is empty, or holds this very run; writes nothing.

    Its patience may be another: it moves no weight, and a run that stopped early goes on by it.
    """
    check_output_folder(folder)
    if (folder / "config.json").exists():
        found = differences(load_config(folder), config)
        changed = [line for line in found if not line.startswith("training.patience: ")]
        if changed:
            raise AttnGANError(
                f"--out {folder}",
                f"holds another run ({'; '.join(changed)})",
                "give its options again, or another --out",
            )
    elif folder.exists() and any(path.name != ".lock" and path.suffix != ".part" for path in folder.iterdir()):
        raise AttnGANError(f"--out {folder}", "holds files and no run", "name a new or empty folder")


def check_data(folder: Path, data: Dataset, fingerprint: str | None = None) -> None:
    """Raises AttnGANError if the run in `folder` began with other pictures or sentences.

    fingerprint: of those it began with; what data.json says if not given, and nothing is known if that is not there.
    """
    then, what = read_object(folder / "data.json"), data.noun
    fingerprint = fingerprint or then.get("fingerprint", data.fingerprint)
    if fingerprint != data.fingerprint:
        raise AttnGANError(
            "--data",
            f"not the {what} that {folder} began with ({then.get(what, 'other')} {what} then, now {data.describe()})",
            "restore them, or use another --out",
        )


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Holds the run's lock; AttnGANError if another process trains into the same folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AttnGANError(
                f"--out {folder}", "another attngan train writes there", "wait for it, or use another --out"
            ) from None
        yield
