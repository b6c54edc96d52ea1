"""What the report of a run of pictures shows: sample grids over the run, and whether they are copies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from attngan.metrics.closeness import FEWEST_FOR_TAIL
from attngan.report.embed import data_url
from attngan.report.run import Run, TaskReport
from attngan.run_folder import Record, classes_of_columns, read_object

_STRIP = 12  # grids over the run
_LARGE, _SMALL = 1600, 640  # pixels a side of the large pictures and of those in the strip

_SHARES = {
    "closer_than_median": "closer to a training picture than the median held-out one",
    "closer_than_tail": "closer than the closest 5 % of held-out ones",
    "nearest_is_training": "nearest picture is a training one, not a held-out one",
}
_MANY = 100  # held-out pictures; with 20 of them one standard error is 8 to 15 %
_COUNTS = {
    "samples": "generated pictures", "held_out": "held-out pictures", "training": "training pictures",
    "held_out_copies": "held-out pictures left out, as they are training pictures too",
}  # fmt: skip


def describe(run: Run) -> dict[str, Any]:
    """The grid that the kept generator drew, or else the last that can be read; and at most _STRIP over the run."""
    grids = run.samples
    places = np.linspace(0, len(grids) - 1, min(len(grids), _STRIP)).round().astype(int)
    strip = [{"images": grids[place].images, "url": data_url(grids[place].path, _SMALL)} for place in places]
    return {
        "large": _large(run),
        "columns": [run.config.class_names[number] for number in classes_of_columns(len(run.config.class_names))],
        "strip": [grid for grid in strip if grid["url"]],
        "grids": len(grids),
        "neighbours": data_url(run.folder / "neighbours.png", _LARGE),
        "memorisation": memorisation_rows(read_object(run.folder / "memorisation.json")),
    }  # fmt: skip


def _large(run: Run) -> dict[str, Any] | None:
    for grid in filter(None, [run.sample_of_kept, *reversed(run.samples)]):
        if url := data_url(grid.path, _LARGE):
            kept = grid.images == run.kept.get("images")
            return {"images": grid.images, "url": url, "kept": kept, "last": grid is run.samples[-1]}
    return None


REPORT = TaskReport("image.html.j2", "pictures", "images", "files", "KID", "png", describe)


def memorisation_rows(figures: Record) -> dict[str, Any] | None:
    """What `attngan.evaluation.memorisation` measured: rows of shares, other rows, and what they say in words."""
    if not figures:
        return None
    blind = [kind for kind in ("", "pixels_") if _is_blind(figures, kind)]
    figures = {**figures, **{f"{kind}closer_than_tail": None for kind in blind}}  # of 0 % in older files
    shares = [
        (title, _share(figures, name), _share(figures, f"pixels_{name}"), _number(figures.get(expected), True))
        for name, title in _SHARES.items()
        for expected in [f"{name}_without_copies"]
        if figures.get(name) is not None or figures.get(f"pixels_{name}") is not None
    ]
    rows = [(_COUNTS.get(name, name), _number(value)) for name, value in figures.items() if _is_other(name)]
    return {"shares": shares, "rows": rows, "reading": _reading(figures, bool(blind))}


def _is_other(name: str) -> bool:
    """Whether a figure is none of the shares, nor a distance, which says little by itself."""
    return not name.removeprefix("pixels_").startswith((*_SHARES, "distance", "held_out_distance", "held_out_tail"))


def _is_blind(figures: Record, kind: str) -> bool:
    """Whether held-out pictures look as training pictures do, so that hardly anything is closer to those.

    Then no tail is told, or in older files one of 0. Of few held-out pictures none is told either.
    """
    tail, told = figures.get(f"{kind}held_out_tail"), f"{kind}held_out_tail" in figures
    missing = told and tail is None and figures.get("held_out", 0) >= FEWEST_FOR_TAIL
    return missing or tail == 0 or figures.get(f"{kind}held_out_distance") == 0


def _reading(figures: Record, blind: bool) -> str:
    """docs/metrics.md in a sentence: the nearest real picture decides first, since flaws and blur move it least."""
    nearest = [_excess(figures, f"{kind}nearest_is_training") for kind in ("", "pixels_")]
    closer = _excess(figures, "closer_than_median")
    if any(excess is not None and excess > 2 for excess in [*nearest, closer]):
        return (
            "Generated pictures lie closer to training pictures than unseen real ones do, by more than two standard "
            "errors: the generator copies to some degree. Look at the nearest pairs below."
        )
    if blind:
        return (
            "Held-out pictures look as training pictures do, and hardly anything is closer to those: whether the "
            "generator copies can't be told. Measure again with others: attngan memorisation --held-out."
        )
    if closer is None:
        return ""
    if closer < -2:
        return (
            "Generated pictures lie further from training pictures than unseen real ones do: no copying shows, and "
            "would hardly, as long as the pictures are this unlike real ones."
        )
    few = figures.get("held_out", _MANY)
    rough = f" With {few} held-out pictures only copying at large would show." if few < _MANY else ""
    return (
        "Generated pictures lie as far from training pictures as unseen real ones do, within two standard errors: "
        f"no sign of copying.{rough}"
    )


def _excess(figures: Record, name: str) -> float | None:
    """By how many standard errors a share is above what it is without copies; None if it was not measured."""
    numbers = [figures.get(name + suffix) for suffix in ("", "_error", "_without_copies")]
    share, error, expected = (float(n) if isinstance(n, int | float) else math.nan for n in numbers)
    excess = (share - expected) / max(error, 1e-3)  # a share of 100 % has an error of 0
    return None if math.isnan(excess) else excess


def _share(figures: Record, name: str) -> str:
    value, error = figures.get(name), figures.get(f"{name}_error")
    if value is None:
        return "–"
    return _number(value, True) + (f" ± {_number(error, True)}" if error is not None else "")


def _number(value: Any, share: bool = False) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if share:
        return f"{value:.1%}".replace("%", " %")
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
