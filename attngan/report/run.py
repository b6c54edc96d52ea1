"""What a run folder tells, whatever it is a run of, and in what the reports of the tasks differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

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
class Run:
    """The files of a run as far as they are there and whole."""

    folder: Path
    written: str  #: the folder as the reader would type it
    config: RunConfig
    records: RunRecords
    samples: list[Sample]  #: in their order
    kept: Record  #: what generator.safetensors says of itself

    @classmethod
    def read(cls, folder: Path, written: str, config: RunConfig, ending: str) -> Run:
        """ending: of its files in `samples`."""
        paths = (path for path in (folder / "samples").glob(f"*.{ending}") if path.stem.isdecimal())
        samples = sorted((Sample(path, int(path.stem)) for path in paths), key=lambda sample: sample.images)
        return cls(folder, written, config, RunRecords.read(folder), samples, load_about(folder / GENERATOR))

    @cached_property
    def seen(self) -> int:
        """Real images or sentences shown."""
        records = (self.records.metrics, self.records.quality, self.records.events)
        shown = [sample.images for sample in self.samples]
        return int(np.nanmax(np.concatenate([*(column(some, "images") for some in records), shown, [0]])))

    @property
    def state(self) -> str:
        """A key of STATES."""
        stops = [record for record in self.records.events if record.get("event") == "stopped early"]
        measured = column(self.records.quality, "images")
        if stops and not (measured > stops[-1].get("images", 0)).any():  # it may have gone on since
            return "stopped early"
        if self.seen >= self.config.training.images:
            return "finished"
        return "not finished" if self.seen else "no records"

    @property
    def best(self) -> Record | None:
        """The KID of the generator that is kept, or the last that was the best so far if its file does not say."""
        best = self.kept.get("best")
        if not isinstance(best, dict):
            measured = zip(self.records.quality, np.isfinite(column(self.records.quality, "kid")), strict=True)
            best = next((one for one, finite in reversed(list(measured)) if finite and one.get("best")), None)
        return best and {"kid_error": None, "images": None, **best}

    @property
    def sample_of_kept(self) -> Sample | None:
        """Of the generator that is kept, or else the last one."""
        last = self.samples[-1] if self.samples else None
        return next((sample for sample in self.samples if sample.images == self.kept.get("images")), last)


@dataclass(frozen=True)
class TaskReport:
    """One task's part of the page."""

    template: str  #: a file beside this one that extends page.html.j2
    things: str  #: what is made, such as pictures
    unit: str  #: what is counted over a run, such as images
    entries: str  #: what can't be read of the data, such as files
    kid_name: str  #: what is measured while it trains
    ending: str  #: of the files in `samples`
    describe: Callable[[Run], dict[str, Any]]  #: what the template shows besides what all of them do
