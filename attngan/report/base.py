"""In what the reports of the tasks differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from attngan.report.run import Run


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
