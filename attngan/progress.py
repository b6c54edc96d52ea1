"""How far something long is, on stderr: a bar on a terminal; elsewhere a line a minute, so that a log stays short."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from tqdm import tqdm

_SECONDS = 60.0  # between lines: 1,440 a day, where a bar's redrawing came to 70 MB
_PATIENCE = 2.0  # seconds that nobody needs to see the progress of

Thing = TypeVar("Thing")


def progress(things: Sequence[Thing], name: str, unit: str) -> Iterator[Thing]:
    """The things one by one, with a bar that is there while they last, if that is longer than two seconds."""
    with progress_bar(name, len(things), unit=unit, delay=_PATIENCE) as bar:
        for thing in things:
            yield thing
            bar.update(1)


def progress_bar(name: str, total: int, seen: int = 0, unit: str = "", delay: float = 0) -> tqdm | ProgressLines:
    """A bar with a name goes away when it is done. delay: seconds before it is shown; shorter ones never are."""
    seen = min(seen, total)
    if not sys.stderr.isatty():
        return ProgressLines(name, total, seen, unit, delay)
    return tqdm(
        total=total, initial=seen, unit=f" {unit}", desc=name or None, leave=not name, dynamic_ncols=True,
        smoothing=0.05, delay=delay,
    )  # fmt: skip


class ProgressLines:
    """What a run needs of tqdm, as plain lines: one at most every minute, and one at the end."""

    def __init__(self, name: str, total: int, seen: int, unit: str, delay: float) -> None:
        self.name, self.total, self.n, self.unit, self.delay = name, total, float(seen), unit, delay
        self._began_with, self._figures = seen, ""
        self._began = self._spoke = time.monotonic()

    def update(self, more: float) -> None:
        self.n += more
        if time.monotonic() - self._spoke >= _SECONDS:
            self._say()

    def set_description(self, name: str | None) -> None:
        self.name = name or ""

    def set_postfix(self, figures: Mapping[str, str], refresh: bool = False) -> None:
        self._figures = "".join(f", {name} {figure}" for name, figure in figures.items())

    def __enter__(self) -> ProgressLines:
        return self

    def __exit__(self, *_: object) -> None:
        if time.monotonic() - self._began >= self.delay:
            self._say()

    def _say(self) -> None:
        self._spoke = time.monotonic()
        passed, done = self._spoke - self._began, self.n - self._began_with
        name = f"{self.name}: " if self.name else ""
        share = f"{self.n / max(self.total, 1):.0%}, {self.n:,.0f} of {self.total:,} {self.unit}"
        times = f"{tqdm.format_interval(passed)} passed"
        if passed and done > 0:
            times += f", {done / passed:,.1f} a second"
        if done > 0 and self.n < self.total:
            times += f", {tqdm.format_interval((self.total - self.n) * passed / done)} left"
        print(f"{name}{share}, {times}{self._figures}", file=sys.stderr)
