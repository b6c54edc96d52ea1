"""Generators of sentences over their temperatures: quality against diversity, and the distance from real sentences."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from attngan.checkpoint import write_atomically
from attngan.metrics.estimate import Estimate
from attngan.visualization.curves import AXES_STYLE, render_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, told apart by colour-blind eyes too, each with a mark of its own.
_COLOURS, _MARKS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"), "osD^vP"
# Of sentences that nobody generated: colour, mark, size of the mark, dashes.
_REAL = (("black", "*", 13, (4, 3)), ("#666666", "X", 9, (1, 2)))
_STYLE: dict[Any, Any] = AXES_STYLE | {"font.size": 10, "axes.titlesize": 11}


@dataclass(frozen=True)
class Point:
    """Sentences written at one temperature, or by people."""

    temperature: float | None  #: None where people wrote
    bleu: Estimate  #: BLEU-5
    self_bleu: Estimate  #: Self-BLEU-5
    distance: float  #: Fréchet distance


def draw(curves: dict[str, list[Point]], real: dict[str, Point], path: Path) -> None:
    """Writes a PNG: on the left BLEU-5 against Self-BLEU-5 (Caccia et al. 2020, "Language GANs Falling Short"), on the
    right the Fréchet distance against temperature.

    curves: points of each generator by its title, six of which can be told apart. real: at most two sets of real
    sentences, such as other ones and the training text. Bars are one standard error. Raises AttnGANError if the disk
    refuses.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Picture

    with rc_context(_STYLE):
        picture = Picture(figsize=(13, 5.4), dpi=100)
        left, right = picture.subplots(1, 2)
        looks = cycle(zip(_COLOURS, _MARKS, strict=True))
        outermost = max(curves, key=lambda title: _beyond(curves[title]), default=None)
        for (title, point), look_of_real in zip(real.items(), _REAL, strict=False):
            _draw_real(left, right, point, title, look_of_real)
        for (title, points), (colour, mark) in zip(curves.items(), looks, strict=False):
            aside = (-18, 6) if title == outermost else (6, -11)  # temperatures stand on the side without curves
            look = {"color": colour, "marker": mark, "markersize": 6, "linewidth": 1.6, "label": title}
            _draw_curve(left, right, sorted(points, key=lambda point: point.temperature or 0.0), look, aside)
        _name_axes(left, right)
        picture.subplots_adjust(left=0.06, right=0.985, top=0.94, bottom=0.11, wspace=0.16)
        png = render_png(picture)
    write_atomically(path, png)


def _name_axes(left: Axes, right: Axes) -> None:
    left.set(title="Quality against diversity", ylabel="BLEU-5 (higher: phrases of real sentences)")
    left.set_xlabel("Self-BLEU-5 (lower: more diverse)")
    left.annotate(
        "better", (0.01, 0.99), (0.1, 0.89), xycoords="axes fraction", ha="left", va="top", color="#555555",
        arrowprops={"arrowstyle": "->", "color": "#555555"},
    )  # fmt: skip
    right.set(title="Distance from real sentences", xlabel="temperature", ylabel="Fréchet distance (lower: better)")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.legend()


def _draw_curve(left: Axes, right: Axes, points: list[Point], look: dict[str, Any], aside: tuple[int, int]) -> None:
    """aside: where temperatures stand from their points, in 1/72 inch."""
    x, y = [point.self_bleu.value for point in points], [point.bleu.value for point in points]
    errors = [point.bleu.error for point in points], [point.self_bleu.error for point in points]
    left.errorbar(x, y, *errors, capsize=2, elinewidth=1, **look)
    for point, place in zip(points, zip(x, y, strict=True), strict=True):
        left.annotate(
            f"{point.temperature:g}", place, aside, textcoords="offset points", fontsize=8, color=look["color"]
        )
    right.plot([point.temperature or 0.0 for point in points], [point.distance for point in points], **look)


def _beyond(points: list[Point]) -> float:
    """How far to the upper left the curve lies."""
    return fmean(point.bleu.value - point.self_bleu.value for point in points)


def _draw_real(left: Axes, right: Axes, point: Point, title: str, look: tuple[str, str, int, tuple[int, int]]) -> None:
    colour, mark, size, dashes = look
    left.errorbar(
        point.self_bleu.value, point.bleu.value, point.bleu.error, point.self_bleu.error, color=colour, marker=mark,
        markersize=size, linestyle="none", elinewidth=1, label=title, zorder=5,
    )  # fmt: skip
    right.axhline(point.distance, color=colour, linestyle=(0, dashes), linewidth=1.4, label=title)
