"""A run as one HTML page that can be sent: how it went, what it draws or writes, and how to use it."""

from __future__ import annotations

import shlex
from numbers import Number
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from attngan.checkpoint import load_config
from attngan.report import image, text, text_to_image
from attngan.report.run import STATES, Run, TaskReport
from attngan.report.tables import config_text, event_row, generator_figures, settings_rows, version_rows
from attngan.run_folder import read_object
from attngan.visualization.curves import curves_svg

REPORTS: dict[str, TaskReport] = {
    "image": image.REPORT, "text-to-image": text_to_image.REPORT, "text": text.REPORT
}  # fmt: skip

#: What the page shows of data.json.
_DATA = ("path", "pictures", "sentences", "held_out", "fingerprint", "skipped")
_EVENTS = 60  # of the last ones; a run of a million images may have skipped hundreds of steps


def render(folder: Path, written: str) -> str:
    """The page of a run folder as text, with no reference to anything outside of it.

    written: the folder as the reader would type it. Parts that the run has not written are left out or said to be
    missing. Raises AttnGANError if `folder` is no run folder.
    """
    config = load_config(folder)
    task = REPORTS[config.task]
    run = Run.read(folder, written, config, task.ending)
    return _environment().get_template(task.template).render(_describe(run, task) | task.describe(run))


def _describe(run: Run, task: TaskReport) -> dict[str, Any]:
    events = run.records.events
    return {
        "name": run.folder.resolve().name,
        "config": run.config,
        "task": task,
        "data": {**dict.fromkeys(_DATA), **read_object(run.folder / "data.json")},
        "seen": run.seen,
        "state": run.state,
        "meaning": STATES[run.state].format(unit=task.unit),
        "best": run.best,
        "generator": generator_figures(run.folder),
        "saved_at": run.kept.get("images"),
        "curves": {title: Markup(svg) for title, svg in curves_svg(run.records).items()},
        "events": [event_row(record) for record in events[-_EVENTS:]],
        "earlier_events": max(len(events) - _EVENTS, 0),
        "settings": settings_rows(run.config),
        "config_json": config_text(run.config),
        "run": shlex.quote(run.written),
        "versions": version_rows(run.folder),
    }


def _environment() -> Environment:
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined,
        loader=FileSystemLoader(Path(__file__).parent),
    )  # fmt: skip
    environment.filters["thousands"] = lambda count: f"{count:,.0f}" if isinstance(count, Number) else "?"
    return environment
