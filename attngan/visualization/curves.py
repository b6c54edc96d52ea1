"""Curves of a run as a picture in its folder, and as markup for its report."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attngan.checkpoint import write_atomically
from attngan.run_folder import Record
from attngan.visualization.curve_panels import RunRecords, draw_panel, event_colour

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK, _PAPER = "#010203", "#040506"  # no curve has these colours
#: What every figure with curves has in common, as matplotlib's settings.
AXES_STYLE: dict[Any, Any] = {
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.edgecolor": "none",
}
_STYLE: dict[Any, Any] = AXES_STYLE | {
    "font.size": 9,
    "axes.titlesize": 10,
    "legend.framealpha": 0.85,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",  # text stays text: the page's own font, in its colour
    "svg.hashsalt": "attngan",  # equal curves give equal bytes
}


def draw_curves(folder: Path) -> None:
    """Writes `curves.png` into a run folder, from what has been written there so far; AttnGANError if the disk refuses.

    Takes about a second. Files that are absent, short or torn leave their panel with the words "not measured".
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    run = RunRecords.read(folder)
    with rc_context(_STYLE):
        figure = Figure(figsize=(13, 7), dpi=100)
        for axes, title in zip(figure.subplots(2, 3).flat, run.titles, strict=True):
            if not draw_panel(axes, title, run):
                axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", alpha=0.6)
        _event_legend(figure, run.events)
        figure.subplots_adjust(left=0.05, right=0.955, top=0.94, bottom=0.11, wspace=0.27, hspace=0.32)
        png = render_png(figure)
    write_atomically(folder / "curves.png", png)


def render_png(figure: Figure) -> bytes:
    """A figure as the content of a file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    png = io.BytesIO()
    FigureCanvasAgg(figure).print_png(png)
    return png.getvalue()


def curves_svg(run: RunRecords) -> dict[str, str]:
    """Title and `<svg>` element of each panel that has anything to show; in the colours of the text around."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    drawn = {}
    ink = dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK)
    with rc_context(_STYLE | ink | {"grid.color": _INK, "legend.facecolor": _PAPER}):
        for title in run.titles:
            figure = Figure(figsize=(4.6, 2.9))
            if not draw_panel(figure.subplots(), title, run):
                continue
            figure.subplots_adjust(left=0.13, right=0.92, top=0.9, bottom=0.17)
            svg = io.StringIO()
            figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
            text = svg.getvalue().replace(_INK, "currentColor").replace(_PAPER, "var(--card, Canvas)")
            drawn[title] = text[text.index("<svg") :]  # without the XML declaration, which a page can't hold
    return drawn


def _event_legend(figure: Figure, events: list[Record]) -> None:
    """One entry for each kind of event, below the panels."""
    from matplotlib.lines import Line2D

    kinds = {str(record.get("event")): event_colour(record) for record in events}
    handles = [Line2D([], [], color=colour, linestyle=(0, (4, 3)), label=kind) for kind, colour in kinds.items()]
    if handles:
        figure.legend(handles=handles, loc="lower center", ncols=len(handles))
