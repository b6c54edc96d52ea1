"""How fast a run goes on the machine that it began on, and when it measures: chosen once, kept in pace.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from attngan.run_folder import read_object, write_if_other

FILE = "pace.json"
MOST_KIDS = 20  #: over a run
KID_BEGINS = 10  #: percent of the run before the first: nothing is to be seen in its pictures until then
KID_SHARE = 0.05  #: of the run's time that all of them may take
TOO_DEAR = "one takes more than a twentieth of the time of so short a run"
_GRIDS = 64  # the first grid comes after this part of the run at the latest, 6 doublings before its end


@dataclass(frozen=True)
class Pace:
    """What training depends on besides its config; a run that goes on keeps it.

    The defaults suit a run whose steps were not timed.
    """

    threads: int = 0  #: of torch; 0 leaves them as they are
    kids: int = MOST_KIDS  #: KIDs to measure over the run, evenly from KID_BEGINS on
    first_grid: int = 0  #: samples shown before the first grid, if that is less than 1/64 of the run; 0 = no less
    per_second: float = 0.0  #: samples shown to D, the mean over the run; 0 = not timed
    seconds: float = 0.0  #: all steps of the run
    tried: dict[str, float] = field(default_factory=dict)  #: samples a second of the longest part, of each way tried

    def kids_until(self, seen: int, total: int) -> int:
        """How many KIDs are due by then, of a run of `total` samples; −1 before what is measured at 0."""
        after = 100 * min(seen, total) - KID_BEGINS * total
        return -1 if seen < 0 else max(after * self.kids // ((100 - KID_BEGINS) * total), 0)

    def grids_until(self, seen: int, total: int) -> int:
        """The same of grids: at the first, at each doubling, and at the end."""
        first = max(min(self.first_grid or total, total // _GRIDS), 1)
        return -1 if seen < 0 else (seen // first).bit_length() + (seen >= total)

    def write(self, folder: Path) -> None:
        write_if_other(folder / FILE, (json.dumps(asdict(self), indent=2) + "\n").encode())

    @classmethod
    def read(cls, folder: Path) -> Pace | None:
        """That of the run in a folder; None if it has none, or none that can be read."""
        found = read_object(folder / FILE)
        if not all(isinstance(found.get(entry.name), type(getattr(cls(), entry.name))) for entry in fields(cls)):
            return None
        return cls(**{entry.name: found[entry.name] for entry in fields(cls)})


def kids_within(seconds: float, once: float, each: float) -> int:
    """How many KIDs fit into KID_SHARE of so many seconds; the first takes `once` more than `each`."""
    return min(max(int((KID_SHARE * seconds - once) / max(each, 1e-9)), 0), MOST_KIDS)
