"""What each panel of a run's curves shows, against the real images seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attngan.run_folder import Record, column, read_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BLUE, _ORANGE, _GREEN, _PURPLE = "#3b82d0", "#e07b28", "#2f9e6e", "#9a6bd0"  # legible on white and on black
_EVENTS = {"skipped step": "#b08900", "rollback": "#d1344b", "stopped early": "#7a7a7a"}
_OTHER_EVENT = "#5d7f95"


@dataclass(frozen=True)
class RunRecords:
    """The files of a run that curves are drawn from; each may be empty."""

    metrics: list[Record]
    quality: list[Record]
    events: list[Record]
    likelihood: list[Record] = field(default_factory=list)  #: of a run of sentences

    @property
    def titles(self) -> list[str]:
        """Its panels: sentences have a likelihood, and no augmentation."""
        left_out = "Augmentation" if self.likelihood else "Likelihood"
        return [title for title in PANELS if title != left_out]

    @classmethod
    def read(cls, folder: Path) -> RunRecords:
        return cls(*(read_lines(folder / f"{name}.jsonl") for name in ("metrics", "quality", "events", "likelihood")))


Panel = Callable[["Axes", RunRecords], bool]  #: draws; whether there was anything to draw


def draw_panel(axes: Axes, title: str, run: RunRecords) -> bool:
    """Draws the panel of PANELS with this title; whether there was anything to draw."""
    axes.set_title("KID of sentence embeddings" if title == "KID" and run.likelihood else title)
    if not PANELS[title](axes, run):
        axes.set(xticks=[], yticks=[])
        return False
    if title == "Likelihood":
        axes.set_xlabel("sentences shown before the discriminator, thousands")
        return True
    _mark_events(axes, run.events)
    last = np.nanmax(np.concatenate([_thousands(run.metrics), _thousands(run.quality)]))
    axes.set_xlim(0, 1.02 * last or 1)
    axes.set_xlabel(f"real {'sentences' if run.likelihood else 'images'} seen, thousands")
    return True


def running_mean(values: np.ndarray) -> np.ndarray:
    """Running mean of float64 [N], exponential over a twentieth of its length; NaN is left out, and stays NaN.

    Divided by its own weights, as Adam's moments are (Kingma & Ba 2015, algorithm 1), so that it starts unbiased.
    """
    keep = 1 - 1 / max(len(values) / 20, 1)
    result = np.full(len(values), np.nan)
    total = weight = 0.0
    for index in np.flatnonzero(np.isfinite(values)):
        total, weight = keep * total + values[index], keep * weight + 1
        result[index] = total / weight
    return result


def _lines(names: dict[str, tuple[str, str]]) -> Panel:
    """A panel of columns of metrics.jsonl: label and colour of each."""
    return lambda axes, run: _draw_lines(axes, run.metrics, names)


def _penalty(axes: Axes, run: RunRecords) -> bool:
    found = _draw_lines(axes, run.metrics, {"penalty": ("before its weight", _PURPLE)})
    if found and np.nanmin(column(run.metrics, "penalty")) > 0:
        axes.set_yscale("log")
    return found


def _schedule(axes: Axes, run: RunRecords) -> bool:
    found = _draw_lines(axes, run.metrics, {"learning_rate": ("learning rate, left", _BLUE)}, smooth=False)
    if not found:
        return False
    right = axes.twinx()
    _draw_lines(right, run.metrics, {"gamma": ("γ, right", _ORANGE)}, smooth=False)
    axes.legend(loc="upper right")  # both fall, and leave two corners free
    right.legend(loc="lower left")
    right.grid(False)
    for side in (axes, right):
        side.set_ylim(bottom=0)
        side.locator_params(axis="y", nbins=5)
        # Rates of sentences go down to 1e-5, and longer labels would be cut off.
        side.yaxis.set_major_formatter((lambda x, _: f"{x:g}".replace("e-0", "e−")) if run.likelihood else "{x:g}")
    return True


def _augmentation(axes: Axes, run: RunRecords) -> bool:
    names = {
        "augment_probability": ("augmentation probability", _BLUE),
        "overfitting": ("overfitting of D (0 none, 1 full)", _ORANGE),
    }
    found = _draw_lines(axes, run.metrics, names, smooth=False)
    axes.set_ylim(-0.25, 1.1)  # the heuristic begins as a quotient of two small numbers, anywhere
    return found


def _quality(axes: Axes, run: RunRecords) -> bool:
    x, kid, error = _thousands(run.quality), column(run.quality, "kid"), column(run.quality, "kid_error")
    if not np.isfinite(x + kid).any():
        return False
    axes.errorbar(x, kid, np.nan_to_num(error), color=_BLUE, marker="o", markersize=3, capsize=2, elinewidth=1)
    best = [index for index, record in enumerate(run.quality) if record.get("best")]
    if best:
        label = f"best: {kid[best[-1]]:.4f} ± {error[best[-1]]:.4f}"
        axes.plot(x[best[-1]], kid[best[-1]], "*", color=_ORANGE, markersize=13, zorder=5, label=label)
        axes.legend()
    return True


def _likelihood(axes: Axes, run: RunRecords) -> bool:
    names = {"loss": ("training", _BLUE), "held_out_nll": ("held out", _ORANGE)}
    axes.set_ylabel("−log p, nats a token")
    return _draw_lines(axes, run.likelihood, names, smooth=False)


PANELS: dict[str, Panel] = {
    "Losses": _lines({"loss_d": ("discriminator", _BLUE), "loss_g": ("generator", _ORANGE)}),
    "Mean logits": _lines(
        {"real": ("real", _BLUE), "held_out": ("real, held out", _GREEN), "fake": ("generated", _ORANGE)}
    ),
    "Gradient penalty": _penalty,
    "Learning rate and γ": _schedule,
    "Augmentation": _augmentation,
    "Likelihood": _likelihood,
    "KID": _quality,
}


def _draw_lines(axes: Axes, records: list[Record], names: dict[str, tuple[str, str]], smooth: bool = True) -> bool:
    """Draws columns against the images seen: smoothed over the raw values. Whether any holds a number."""
    found = False
    for name, (label, colour) in names.items():
        values = column(records, name)
        # Figures that are not measured on every line are joined across the gaps.
        there = np.isfinite(values + _thousands(records))
        if not there.any():
            continue
        found = True
        x, y = _thousands(records)[there], values[there]
        if smooth and len(y) > 20:
            axes.plot(x, y, color=colour, alpha=0.25, linewidth=0.8)
            y = running_mean(y)
        axes.plot(x, y, color=colour, label=label, marker="." if len(y) < 4 else None)
    if found:
        axes.legend()
    return found


def _thousands(records: list[Record]) -> np.ndarray:
    return column(records, "images") / 1000


def _mark_events(axes: Axes, events: list[Record]) -> None:
    for record in events:
        style = {"alpha": 0.35, "linewidth": 0.6} if record.get("event") == "skipped step" else {"alpha": 0.9}
        place = column([record], "images")[0] / 1000
        if np.isfinite(place):
            axes.axvline(place, color=event_colour(record), linestyle=(0, (4, 3)), **{"linewidth": 1.0, **style})


def event_colour(record: Record) -> str:
    """Of its vertical line in every panel."""
    return _EVENTS.get(str(record.get("event")), _OTHER_EVENT)
