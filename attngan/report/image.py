"""What the report of a run of pictures shows: sample grids over the run, and whether they are copies."""

from __future__ import annotations

from typing import Any

import numpy as np

from attngan.report.base import TaskReport
from attngan.report.embed import data_url
from attngan.report.memorisation import memorisation_rows
from attngan.report.run import Run
from attngan.run_folder import read_object

_STRIP = 12  # grids over the run
_LARGE, _SMALL = 1600, 640  # pixels a side of the large pictures and of those in the strip


def describe(run: Run) -> dict[str, Any]:
    """The grid that the kept generator drew, or else the last one; and at most _STRIP, evenly over the run."""
    grids, large = run.samples, run.sample_of_kept
    places = np.linspace(0, len(grids) - 1, min(len(grids), _STRIP)).round().astype(int)
    return {
        "large": large and {
            "images": large.images, "url": data_url(large.path, _LARGE),
            "kept": large.images == run.saved, "last": large is grids[-1],
        },
        "strip": [{"images": grids[place].images, "url": data_url(grids[place].path, _SMALL)} for place in places],
        "neighbours": data_url(run.folder / "neighbours.png", _LARGE),
        "memorisation": memorisation_rows(read_object(run.folder / "memorisation.json")),
    }  # fmt: skip


REPORT = TaskReport("image.html.j2", "pictures", "images", "files", "KID", "png", describe)
