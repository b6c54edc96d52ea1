"""Figures as tables for the console, and as JSON."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import cycle
from typing import Any

from attngan.metrics.estimate import Estimate

Row = tuple[str, Sequence[str]]  #: a title, and a cell below each head


class Report(ABC):
    """What was found out about a generator. Subclasses are dataclasses."""

    def as_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON; an estimate is {value, error, n}, or null."""
        return asdict(self)  # type: ignore[call-overload]

    @abstractmethod
    def lines(self) -> list[str]:
        """Tables for the console, and how to read them."""

    def __str__(self) -> str:
        return "\n".join(self.lines())


def table_lines(
    title: str, heads: Iterable[str], rows: Iterable[Row], widths: Sequence[int], gap: int = 1
) -> list[str]:
    """The heads and each row's cells below one another. Of a cell that leaves no `gap` before it the end is shown.

    widths: of the titles, then of the columns, which begin anew where there are more columns.
    """
    first, *others = widths

    def line(name: str, cells: Iterable[str]) -> str:
        shown = (f"{cell[gap - width :]:>{width}}" for cell, width in zip(cells, cycle(others), strict=False))
        return f"{name:{first}}{''.join(shown)}".rstrip()

    return [line(title, heads), *(line(*row) for row in rows)]


def number(value: float | Estimate | None, digits: int) -> str:
    """`0.250`, `0.250 ± 0.031`, or `-` where there is no figure."""
    if isinstance(value, Estimate):
        return f"{value.value:.{digits}f} ± {value.error:.{digits}f}"
    return "-" if value is None else f"{value:.{digits}f}"


def percent(share: Estimate | None, between: str = " % ± ") -> str:
    """`25.0 % ± 3.1 %`, or `-` where there is no figure."""
    return f"{100 * share.value:.1f}{between}{100 * share.error:.1f} %" if share else "-"


def name_columns(names: Sequence[str]) -> list[str]:
    """The names, with their places if some are alike."""
    alike = len(set(names)) < len(names)
    return [f"{name} ({place})" for place, name in enumerate(names, 1)] if alike else list(names)
