"""The folder of a run: who may write there, and the records that people and `attngan report` look at."""

from __future__ import annotations

import fcntl
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from attngan.checkpoint import load_config, not_saved, write_atomically
from attngan.config import RunConfig, differences
from attngan.data import Lines, Pictures, describe
from attngan.errors import AttnGANError
from attngan.networks.build import Generator, deploy
from attngan.records import read_lines, read_object
from attngan_runtime.grid import save_grid
from attngan_runtime.pixels import to_uint8

METRICS, QUALITY, EVENTS = "metrics.jsonl", "quality.jsonl", "events.jsonl"


def check_place(folder: Path) -> None:
    """Raises AttnGANError unless `folder` is there or can be made; writes nothing."""
    if folder.exists() and not folder.is_dir():
        raise AttnGANError(f"--out {folder}", "is a file", "name a folder")
    if not folder.parent.is_dir():
        raise AttnGANError(f"--out {folder}", f"folder {folder.parent} does not exist", "create it first")


def check_folder(folder: Path, config: RunConfig) -> None:
    """Raises AttnGANError unless `folder` can be made, is empty, or holds this very run; writes nothing."""
    check_place(folder)
    if (folder / "config.json").exists():
        changed = differences(load_config(folder), config)
        if changed:
            raise AttnGANError(
                f"--out {folder}",
                f"holds another run ({'; '.join(changed)})",
                "give its options again, or another --out",
            )
    elif folder.exists() and any(path.name != ".lock" and path.suffix != ".part" for path in folder.iterdir()):
        raise AttnGANError(f"--out {folder}", "holds files and no run", "name a new or empty folder")


def check_data(folder: Path, data: Pictures | Lines, fingerprint: str | None = None) -> None:
    """Raises AttnGANError if the run in `folder` began with other pictures or sentences.

    fingerprint: of those it began with; what data.json says if not given, and nothing is known if that is not there.
    """
    then, what = read_object(folder / "data.json"), _named(data)
    fingerprint = fingerprint or then.get("fingerprint", data.fingerprint)
    if fingerprint != data.fingerprint:
        raise AttnGANError(
            "--data",
            f"not the {what} that {folder} began with ({then.get(what, 'other')} {what} then, now {describe(data)})",
            "restore them, or use another --out",
        )


def _named(data: Pictures | Lines) -> str:
    return "sentences" if isinstance(data, Lines) else "pictures"


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Holds the run's lock; AttnGANError if another process trains into the same folder."""
    folder.mkdir(exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AttnGANError(
                f"--out {folder}", "another attngan train writes there", "wait for it, or use another --out"
            ) from None
        yield


class Records:
    """The lines that a run writes, in its folder and, if asked, for TensorBoard as well."""

    def __init__(self, folder: Path, tensorboard: bool) -> None:
        self.folder, self._tensorboard = folder, tensorboard
        self._board: Any = None

    def go_on_from(self, images: int, inspected: int) -> None:
        """Drops what was measured after the checkpoint, which this run will measure again, and lines torn by a kill.

        Events stay: a rollback is one although the run is back before it.
        """
        for name, last in ((METRICS, images), (QUALITY, inspected), (EVENTS, math.inf)):
            self.keep(name, last)
        if self._tensorboard:
            self._board = _open_board(self.folder / "tensorboard", images)

    def keep(self, name: str, last: float) -> None:
        """Keeps the lines of a file up to those of `last` images."""
        path = self.folder / name
        if path.exists():
            kept = [line for line in read_lines(path) if line.get("images", math.inf) <= last]
            write_atomically(path, "".join(json.dumps(line) + "\n" for line in kept).encode())

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
            raise not_saved(path, error) from None
        if self._board:
            for key, value in line.items():
                if isinstance(value, float):
                    self._board.add_scalar(f"{name.removesuffix('.jsonl')}/{key}", value, images)

    def event(self, images: int, event: str, detail: str) -> None:
        """Writes what happened once, though a run that was killed may live through it again."""
        line = {"images": images, "event": event, "detail": detail}
        if line not in read_lines(self.folder / EVENTS):
            self.write(EVENTS, images, {"event": event, "detail": detail})

    def save_samples(self, generator: Generator, images: int, labels: torch.Tensor | None, columns: int) -> None:
        """A grid of seeds 0, 1, 2 …, one a label; eight rows of them without labels."""
        device = next(generator.parameters()).device
        seeds = torch.arange(8 * columns if labels is None else len(labels), device=device)
        with torch.no_grad():
            drawn = deploy(generator).from_seed(seeds, labels, torch.ones(len(seeds), device=device))
        path = self.folder / "samples" / f"{images:09d}.png"
        try:
            path.parent.mkdir(exist_ok=True)
            save_grid(to_uint8(drawn.cpu().numpy()), path, columns)
        except OSError as error:
            raise not_saved(path, error) from None

    def save_text(self, text: str, images: int) -> None:
        """Sentences of a generator that writes."""
        path = self.folder / "samples" / f"{images:09d}.txt"
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise not_saved(path, error) from None

    def save_data(self, path: str, data: Pictures | Lines, held_out: int) -> None:
        """data.json: what the run was trained on, so that others can tell."""
        content = {
            "path": path,
            _named(data): len(data),
            "held_out": held_out,
            "fingerprint": data.fingerprint,
            "skipped": len(data.skipped),
        }
        write_atomically(self.folder / "data.json", (json.dumps(content, indent=2) + "\n").encode())


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_tensorboard() -> None:
    """AttnGANError if --tensorboard can't be had."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        raise AttnGANError("--tensorboard", "not installed", 'pip install "attngan[tensorboard]"') from None


def _open_board(folder: Path, images: int) -> Any:
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=images + 1)
