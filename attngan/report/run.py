"""What a run folder tells, whatever it is a run of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from attngan.checkpoint import GENERATOR, load_about
from attngan.config import RunConfig
from attngan.run_folder import Record, column
from attngan.visualization.curve_panels import RunRecords

#: What each state of a run means.
STATES = {
    "finished": "all planned {unit} were shown",
    "stopped early": "its KID was getting worse",
    "not finished": "being trained, or interrupted",
    "no records": "nothing here tells how it was trained",
}


@dataclass(frozen=True)
class Sample:
    """A file in the folder `samples` of a run."""

    path: Path
    images: int  #: real images or sentences shown when it was written


@dataclass(frozen=True)
class KeptGenerator:
    """What generator.safetensors holds."""

    parameters: int
    megabytes: float
    images: int | None  #: images shown when it was saved, if the file says so


@dataclass(frozen=True)
class Run:
    """The files of a run as far as they are there and whole."""

    folder: Path
    written: str  #: the folder as the reader would type it
    config: RunConfig
    records: RunRecords
    samples: list[Sample]  #: in their order
    generator: KeptGenerator | None  #: None while there is none, or if its file is damaged

    @classmethod
    def read(cls, folder: Path, written: str, config: RunConfig, ending: str) -> Run:
        """ending: of its files in `samples`."""
        return cls(folder, written, config, RunRecords.read(folder), _find_samples(folder, ending), _read_kept(folder))

    @cached_property
    def seen(self) -> int:
        """Real images or sentences shown."""
        records = (self.records.metrics, self.records.quality, self.records.events)
        shown = [sample.images for sample in self.samples]
        return int(np.nanmax(np.concatenate([*(column(some, "images") for some in records), shown, [0]])))

    @property
    def state(self) -> str:
        """A key of STATES."""
        if any(record.get("event") == "stopped early" for record in self.records.events):
            return "stopped early"
        if self.seen >= self.config.training.images:
            return "finished"
        return "not finished" if self.seen else "no records"

    @property
    def best(self) -> Record | None:
        """The KID of the generator that is kept, or the last that was the best so far if its file does not say."""
        kept = load_about(self.folder / GENERATOR).get("best")
        if isinstance(kept, dict):
            return {"kid_error": None, "images": None, **kept}
        measured = zip(self.records.quality, np.isfinite(column(self.records.quality, "kid")), strict=True)
        best = [record for record, finite in measured if finite and record.get("best")]
        return {"kid_error": None, "images": None, **best[-1]} if best else None

    @property
    def saved(self) -> int | None:
        """Images shown when the generator was saved that is kept; None if nobody knows."""
        return self.generator.images if self.generator else None

    @property
    def sample_of_kept(self) -> Sample | None:
        """Of the generator that is kept, or else the last one."""
        last = self.samples[-1] if self.samples else None
        return next((sample for sample in self.samples if sample.images == self.saved), last)


def _find_samples(folder: Path, ending: str) -> list[Sample]:
    paths = (path for path in (folder / "samples").glob(f"*.{ending}") if path.stem.isdecimal())
    return sorted((Sample(path, int(path.stem)) for path in paths), key=lambda sample: sample.images)


def _read_kept(folder: Path) -> KeptGenerator | None:
    path = folder / GENERATOR
    try:
        with safe_open(path, framework="np") as file:
            shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
        images = load_about(path).get("images")
        return KeptGenerator(sum(int(np.prod(shape)) for shape in shapes), path.stat().st_size / 1e6, images)
    except (SafetensorError, OSError):
        return None
