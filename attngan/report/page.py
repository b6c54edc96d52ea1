"""A run as one HTML page that can be sent: how it went, what it draws or writes, and how to use it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from safetensors import SafetensorError, safe_open

from attngan.checkpoint import load_about, load_config
from attngan.config import RunConfig, TextConfig
from attngan.report.samples import Sample, likelihood, pictures, samples, sentences
from attngan.report.tables import event_row, memorisation_rows, settings_rows, version_rows
from attngan.run_folder import Record, column, read_object
from attngan.visualization.curve_panels import Measured
from attngan.visualization.curves import curves_svg

#: What the page shows of data.json.
_DATA = ("path", "pictures", "sentences", "held_out", "fingerprint", "skipped")
_EVENTS = 60  # of the last ones; a run of a million images may have skipped hundreds of steps


def render(folder: Path, written: str) -> str:
    """The page of a run folder as text, with no reference to anything outside of it.

    written: the folder as the reader would type it. Parts that the run has not written are left out or said to be
    missing. Raises AttnGANError if `folder` is no run folder.
    """
    config = load_config(folder)
    writes = isinstance(config.network, TextConfig)
    run, kept = Measured.read(folder), _generator(folder)
    shown = samples(folder, "txt" if writes else "png")
    seen = _images_seen(run, shown)
    unit, images = "sentences" if writes else "images", kept.images if kept else None
    context: dict[str, Any] = {
        "name": folder.resolve().name,
        "config": config,
        "things": "sentences" if writes else "pictures",
        "unit": unit,
        "data": {**dict.fromkeys(_DATA), **read_object(folder / "data.json")},
        "seen": seen,
        "states": _states(unit),
        "best": _best(folder, run.quality),
        "generator": kept,
        "curves": {title: Markup(svg) for title, svg in curves_svg(run).items()},
        "events": [event_row(record) for record in run.events[-_EVENTS:]],
        "earlier_events": max(len(run.events) - _EVENTS, 0),
        "settings": settings_rows(config),
        "config_json": config.to_json(),
        "run": shlex.quote(written),
        "versions": version_rows(folder),
    }
    if writes:
        learnt = likelihood(folder, config, run.likelihood)
        context |= sentences(shown, images) | {"likelihood": learnt}
        context["baseline"] = shlex.quote(f"{written}/likelihood.safetensors")
    else:
        learnt = None
        context |= pictures(folder, shown, images) | {"words": config.task == "text-to-image"}
        context["memorisation"] = memorisation_rows(read_object(folder / "memorisation.json"))
    context["state"] = _state(seen, config, run.events, learnt)
    template = _environment().get_template(f"{context['things']}.html.j2")
    return template.render(context)


def _environment() -> Environment:
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined,
        loader=FileSystemLoader(Path(__file__).parent),
    )  # fmt: skip
    environment.filters["thousands"] = lambda count: f"{count:,.0f}" if isinstance(count, Number) else "?"
    return environment


@dataclass(frozen=True)
class KeptGenerator:
    """What generator.safetensors holds."""

    parameters: int
    megabytes: float
    images: int | None  #: images shown when it was saved, if the file says so


def _images_seen(run: Measured, shown: list[Sample]) -> int:
    places = [column(records, "images") for records in (run.metrics, run.quality, run.events)]
    return int(np.nanmax(np.concatenate([*places, [sample.images for sample in shown], [0]])))


def _states(unit: str) -> dict[str, str]:
    """What each state of a run means."""
    return {
        "finished": f"all planned {unit} were shown",
        "stopped early": "its KID was getting worse",
        "learning likelihood": "no discriminator yet; being trained, or interrupted",
        "not finished": "being trained, or interrupted",
        "no records": "nothing here tells how it was trained",
    }


def _state(seen: int, config: RunConfig, events: list[Record], learnt: Record | None) -> str:
    if any(record.get("event") == "stopped early" for record in events):
        return "stopped early"
    if seen >= config.training.images:
        return "finished"
    if seen or (learnt and learnt["done"]):
        return "not finished"
    return "learning likelihood" if learnt else "no records"


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
