"""What each picture of a sheet shows, and where it stands: the same whoever draws it, torch or ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Pictures row by row, and the names of rows and columns, "" where nothing needs one."""

    rows: list[str]
    columns: list[str]
    seeds: list[int]
    subjects: list[int]  #: of each picture, the number that goes with the name of its class or prompt
    truncations: list[float]


def tabulate(
    seeds: Sequence[int], subjects: Sequence[tuple[int, str]], truncations: Sequence[float], *, by_class: bool
) -> Table:
    """subjects: number and name of each class or prompt; one of any name where there is no choice.

    Seeds go right, and prompts and truncations down; seeds go down and classes right. Where seeds alone tell pictures
    apart, they are one row without names.
    """
    if len(subjects) == len(truncations) == 1:
        cells = [(seed, subjects[0][0], truncations[0]) for seed in seeds]
        return _table([""], [""] * len(seeds), cells)
    names = [f"seed {seed}" for seed in seeds]
    if by_class and len(truncations) == 1:
        cells = [(seed, number, truncations[0]) for seed in seeds for number, _ in subjects]
        return _table(names, [name for _, name in subjects], cells)
    rows = [(number, name, value) for number, name in subjects for value in truncations]
    cells = [(seed, number, value) for number, _, value in rows for seed in seeds]
    return _table([_name(name, value, len(truncations) > 1) for _, name, value in rows], names, cells)


def _name(subject: str, truncation: float, several: bool) -> str:
    return ", ".join(filter(None, [subject, f"truncation {truncation:g}" if several else ""])) or "no words"


def _table(rows: list[str], columns: list[str], cells: list[tuple[int, int, float]]) -> Table:
    return Table(rows, columns, [seed for seed, _, _ in cells], [n for _, n, _ in cells], [t for _, _, t in cells])
