"""All that a run writes for people: records, samples, data.json, TensorBoard, and notes on the terminal."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from attngan.data import Dataset
from attngan.errors import AttnGANError
from attngan.run_folder import EVENTS, METRICS, QUALITY, read_lines, write_if_other
from attngan_runtime.generators.grid import save_grid
from attngan_runtime.saving import NotSavedError


class RunLogger:
    """The lines that a run writes, in its folder and, if asked, for TensorBoard as well."""

    def __init__(self, folder: Path, tensorboard: bool) -> None:
        self.folder, self._tensorboard = folder, tensorboard
        self._board: Any = None
        self._purge: int | None = None  # what TensorBoard has from there on is of a run that was killed

    def continue_from(self, images: int, inspected: int) -> None:
        """Drops what was measured after the checkpoint, which this run will measure again, and lines torn by a kill.

        Events stay: a rollback is one although the run is back before it.
        """
        for name, last in ((METRICS, images), (QUALITY, inspected), (EVENTS, math.inf)):
            self.keep(name, last)
        if self._tensorboard:
            check_tensorboard()
            self._purge = images + 1

    def keep(self, name: str, last: float) -> None:
        """Keeps the lines of a file up to those of `last` images."""
        path = self.folder / name
        if path.exists():
            kept = [line for line in read_lines(path) if line.get("images", math.inf) <= last]
            write_if_other(path, "".join(json.dumps(line) + "\n" for line in kept).encode())

    def close(self) -> None:
        """Hands TensorBoard what it still waits for."""
        if self._board:
            self._board.close()

    def write(self, name: str, images: int, line: dict[str, Any]) -> None:
        """Appends {"images": images, **line} to a file of lines; numbers that are not finite become null."""
        line = {"images": images, **{key: _finite(value) for key, value in line.items()}}
        path = self.folder / name
        try:
            with open(path, "a") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise NotSavedError(path, error) from None
        if self._purge is not None:
            self._board = self._board or _open_board(self.folder / "tensorboard", self._purge)
            for key, value in line.items():
                if isinstance(value, float):
                    self._board.add_scalar(f"{name.removesuffix('.jsonl')}/{key}", value, images)

    def event(self, images: int, event: str, detail: str) -> None:
        """Writes what happened once, though a run that was killed may live through it again."""
        line = {"images": images, "event": event, "detail": detail}
        if line not in read_lines(self.folder / EVENTS):
            self.write(EVENTS, images, {"event": event, "detail": detail})

    def change(self, images: int, detail: str) -> None:
        """Writes what a run goes on with that it did not have before, with the time, and says it."""
        line = {"images": images, "event": "changed", "detail": detail}
        if not any(line.items() <= known.items() for known in read_lines(self.folder / EVENTS)):
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self.write(EVENTS, images, {"event": "changed", "detail": detail, "time": now})
        note(f"after {images:,} the run goes on with {detail}")

    def save_grid(self, pictures: np.ndarray, images: int, columns: int) -> None:
        """What the generator draws after so many images; pictures uint8 [B, H, W, C]."""
        with self._sample_file(images, ".png") as path:
            save_grid(pictures, path, columns)

    def save_text(self, text: str, images: int) -> None:
        """What the generator writes after so many sentences."""
        with self._sample_file(images, ".txt") as path:
            path.write_text(text, encoding="utf-8")

    @contextmanager
    def _sample_file(self, images: int, suffix: str) -> Iterator[Path]:
        path = self.folder / "samples" / f"{images:09d}{suffix}"
        try:
            path.parent.mkdir(exist_ok=True)
            yield path
        except OSError as error:
            raise NotSavedError(path, error) from None

    def save_data(self, path: str, data: Dataset, held_out: int) -> None:
        """data.json: what the run was trained on, so that others can tell."""
        content = {
            "path": path,
            data.noun: len(data),
            "held_out": held_out,
            "fingerprint": data.fingerprint,
            "skipped": len(data.skipped),
            "unreadable": dict(data.skipped),
            **data.about,
        }
        write_if_other(self.folder / "data.json", (json.dumps(content, indent=2) + "\n").encode())


def note(text: str) -> None:
    """One line on stderr that does not disturb the progress bar."""
    tqdm.write(f"note: {text}", sys.stderr)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_tensorboard() -> None:
    """AttnGANError if --tensorboard can't be had."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        raise AttnGANError("--tensorboard", "not installed", 'pip install "attngan[tensorboard]"') from None


def _open_board(folder: Path, purge: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=purge)
