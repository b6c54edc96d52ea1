"""A run as one HTML page that can be sent: how it went, what it draws, what it remembers, and how to use it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from safetensors import SafetensorError, safe_open

from attngan.checkpoint import load_about, load_config
from attngan.config import RunConfig
from attngan.records import Record, column, read_object
from attngan.seeing.curve_panels import Measured
from attngan.seeing.curves import curves_svg
from attngan.seeing.embed import data_url
from attngan.seeing.report_tables import event_row, memorisation_rows, settings_rows, version_rows

_TEMPLATE = Path(__file__).parent / "report.html.j2"
_STRIP = 12  # grids over the run
_LARGE, _SMALL = 1600, 640  # pixels a side of the large pictures and of those in the strip
_DATA = ("path", "pictures", "held_out", "fingerprint", "skipped")  #: what the page shows of data.json
_EVENTS = 60  # of the last ones; a run of a million images may have skipped hundreds of steps


def render(folder: Path, written: str) -> str:
    """The page of a run folder as text, with no reference to anything outside of it.

    written: the folder as the reader would type it. Parts that the run has not written are left out or said to be
    missing. Raises AttnGANError if `folder` is no run folder.
    """
    config = load_config(folder)
    run = Measured.read(folder)
    grids = _grids(folder)
    seen = _images_seen(run, grids)
    kept = _generator(folder)
    context = {
        "name": folder.resolve().name,
        "config": config,
        "words": config.task == "text-to-image",
        "data": {**dict.fromkeys(_DATA), **read_object(folder / "data.json")},
        "seen": seen,
        "state": _state(seen, config, run.events),
        "best": _best(folder, run.quality),
        "generator": kept,
        "curves": {title: Markup(svg) for title, svg in curves_svg(run).items()},
        "large": _large_grid(grids, kept.images if kept else None),
        "strip": _strip(grids),
        "memorisation": memorisation_rows(read_object(folder / "memorisation.json")),
        "neighbours": data_url(folder / "neighbours.png", _LARGE),
        "events": [event_row(record) for record in run.events[-_EVENTS:]],
        "earlier_events": max(len(run.events) - _EVENTS, 0),
        "settings": settings_rows(config),
        "config_json": config.to_json(),
        "run": shlex.quote(written),
        "versions": version_rows(folder),
    }
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(context)


@dataclass(frozen=True)
class Grid:
    """A sample grid of a run."""

    path: Path
    images: int  #: real images shown when it was drawn

    def shown(self, largest: int) -> dict[str, Any]:
        return {"images": self.images, "url": data_url(self.path, largest)}


@dataclass(frozen=True)
class KeptGenerator:
    """What generator.safetensors holds."""

    parameters: int
    megabytes: float
    images: int | None  #: images shown when it was saved, if the file says so


def _grids(folder: Path) -> list[Grid]:
    paths = (path for path in (folder / "samples").glob("*.png") if path.stem.isdecimal())
    return sorted((Grid(path, int(path.stem)) for path in paths), key=lambda grid: grid.images)


def _images_seen(run: Measured, grids: list[Grid]) -> int:
    places = [column(records, "images") for records in (run.metrics, run.quality, run.events)]
    return int(np.nanmax(np.concatenate([*places, [grid.images for grid in grids], [0]])))


def _state(seen: int, config: RunConfig, events: list[Record]) -> str:
    if any(record.get("event") == "stopped early" for record in events):
        return "stopped early"
    if seen >= config.training.images:
        return "finished"
    return "not finished" if seen else "no records"


def _best(folder: Path, quality: list[Record]) -> Record | None:
    """The KID of the generator that is kept, or the last that was the best so far if its file does not say."""
    kept = load_about(folder / "generator.safetensors").get("best")
    if isinstance(kept, dict):
        return {"kid_error": None, "images": None, **kept}
    kid = column(quality, "kid")
    best = [record for record, value in zip(quality, kid, strict=True) if record.get("best") and np.isfinite(value)]
    return {"kid_error": None, "images": None, **best[-1]} if best else None


def _generator(folder: Path) -> KeptGenerator | None:
    """None while there is none, or if its file is damaged."""
    path = folder / "generator.safetensors"
    try:
        with safe_open(path, framework="np") as file:
            shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
        images = load_about(path).get("images")
        return KeptGenerator(sum(int(np.prod(shape)) for shape in shapes), path.stat().st_size / 1e6, images)
    except (SafetensorError, OSError):
        return None


def _large_grid(grids: list[Grid], kept: int | None) -> dict[str, Any] | None:
    """The grid that the kept generator drew, or else the last one."""
    if not grids:
        return None
    grid = next((grid for grid in grids if grid.images == kept), grids[-1])
    return {**grid.shown(_LARGE), "kept": grid.images == kept, "last": grid is grids[-1]}


def _strip(grids: list[Grid]) -> list[dict[str, Any]]:
    """At most _STRIP grids, evenly over the run, the first and the last among them."""
    places = np.linspace(0, len(grids) - 1, min(len(grids), _STRIP)).round().astype(int)
    return [grids[place].shown(_SMALL) for place in places]
