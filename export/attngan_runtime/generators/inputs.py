"""A caller's seeds, classes, styles and so on as the arrays a graph takes; what doesn't fit is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from attngan_runtime.bundle.spec import HIGHEST_TEMPERATURE, LOWEST_TEMPERATURE, MAX_SEED
from attngan_runtime.errors import AttnGANError

WHOLE = re.compile("-?[0-9]{1,18}")  #: a whole number as text; Python reads more as numbers, such as 1_0


def seed_numbers(seeds: Any, z: Any = None) -> np.ndarray:
    """int64 [B] from a whole number or several, 0 … 2³²−1."""
    if z is not None:
        raise AttnGANError("z", "this bundle draws from seeds", "leave z out, or export it with --input z")
    if seeds is None:
        raise AttnGANError("seeds", "none given", "pass for example seeds=range(8)")
    return _whole("seeds", _flat("seeds", seeds), MAX_SEED)


def class_numbers(classes: Any, names: tuple[str, ...]) -> np.ndarray:
    """int64 [B] from class numbers and names, mixed as the caller likes; capitals don't matter where none clash."""
    return _named_numbers("classes", "class", classes, names)


def style_numbers(style: Any, names: tuple[str, ...]) -> np.ndarray:
    """The same from styles."""
    return _named_numbers("style", "style", style, names)


def texts(what: str, values: Any) -> list[Any]:
    """One text or several as a list; never empty. Whether each is text, a tokenizer says."""
    return [values] if isinstance(values, str | bytes) else list(_flat(what, values))


def name_or_number(text: str, names: Sequence[str]) -> str | int:
    """What the text of a class or style means: a name first, then a number. Python's int gives up at 4300 digits."""
    return int(text) if text not in names and WHOLE.fullmatch(text) else text


def truncations(truncation: Any) -> np.ndarray:
    """float32 [B], 0 … 2, from one number or several."""
    return _between("truncation", truncation, 0, 2)


def temperatures(temperature: Any) -> np.ndarray:
    """float32 [B], 0.05 … 5, from one number or several."""
    return _between("temperature", temperature, LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE)


def top_ks(top_k: Any, size: int) -> np.ndarray:
    """int64 [B], 0 … V, from one whole number or several; size: V, the words of the vocabulary."""
    return _whole("top_k", _flat("top_k", top_k), size)


def top_ps(top_p: Any) -> np.ndarray:
    """float32 [B], above 0 … 1, from one number or several."""
    values = _between("top_p", top_p, 0, 1)
    if not values.all():
        raise AttnGANError("top_p", "0 leaves no word to choose from", "use a number above 0 to 1, 1 changes nothing")
    return values


def z_values(z: Any, seeds: Any, z_dim: int) -> np.ndarray:
    """float32 [B, z_dim], finite."""
    if seeds is not None or z is None:
        raise AttnGANError(
            "seeds",
            "this bundle was exported with --input z",
            f"pass z, standard normals [B, {z_dim}], instead of seeds, or export it again with --input seed",
        )
    values = _floats("z", z)
    if values.ndim != 2 or values.shape[1] != z_dim or not len(values):
        raise AttnGANError("z", f"shape {list(values.shape)} where [B, {z_dim}] is needed")
    if not np.isfinite(values).all():
        raise AttnGANError("z", "holds NaN or infinity", "pass standard normals")
    return np.ascontiguousarray(values)


def as_many(feeds: Mapping[str, np.ndarray], arguments: Mapping[str, str], things: str) -> dict[str, np.ndarray]:
    """The feeds, all as long as the longest: a single row serves all. Raises AttnGANError for other lengths.

    arguments: what the caller calls a feed, where it isn't called like the input. things: what he gets of each row.
    """
    count = max(map(len, feeds.values()))
    for name, values in feeds.items():
        if len(values) not in (1, count):
            given = arguments.get(name, name)
            raise AttnGANError(given, f"{len(values)} values for {count} {things}", f"give one, or {count}")
    return {name: np.repeat(values, count, 0) if len(values) < count else values for name, values in feeds.items()}


def _between(what: str, values: Any, lowest: float, highest: float) -> np.ndarray:
    """float32 [B], lowest … highest, where 1 changes nothing."""
    row = _floats(what, values)
    if row.ndim > 1 or row.size == 0:
        raise AttnGANError(what, f"shape {row.shape} where one number or a row of them is needed")
    wrong = row[~((row >= lowest) & (row <= highest))]
    if wrong.size:
        raise AttnGANError(what, f"{wrong.flat[0]:g} is outside {lowest:g} to {highest:g}", "1 changes nothing")
    return np.atleast_1d(row)


def _named_numbers(what: str, one: str, values: Any, names: tuple[str, ...]) -> np.ndarray:
    """int64 [B]; `what` is the argument, `one` what each of its values is."""
    numbers = [_named_number(what, one, v, names) if isinstance(v, str) else v for v in _flat(what, values)]
    return _whole(what, numbers, len(names) - 1)


def _named_number(what: str, one: str, name: str, names: tuple[str, ...]) -> int:
    alike = [i for i, known in enumerate(names) if known.casefold() == name.casefold()]
    if name not in names and len(alike) != 1:
        listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
        raise AttnGANError(what, f"no {one} '{name[:80]}'", f"there are {listed}")
    return names.index(name) if name in names else alike[0]


def _flat(what: str, values: Any) -> list[Any] | np.ndarray:
    """One value or several as a row; never empty. Arrays of any library count, and keep their kind of number."""
    if hasattr(values, "__array__"):
        values = np.asarray(values)
    if isinstance(values, np.ndarray):
        if values.ndim > 1:
            raise AttnGANError(what, f"shape {list(values.shape)} where one value or a row of them is needed")
        row: list[Any] | np.ndarray = np.atleast_1d(values)
    else:
        row = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else [values]
    if len(row) == 0:
        raise AttnGANError(what, "is empty", "give at least one")
    return row


def _whole(what: str, values: list[Any] | np.ndarray, highest: int) -> np.ndarray:
    """int64 [B] of whole numbers 0 … highest; never a float or a bool that happens to be whole."""
    if not (isinstance(values, np.ndarray) and values.dtype.kind in "iu"):
        for value in values:
            if not isinstance(value, int | np.integer) or isinstance(value, bool):
                raise AttnGANError(what, f"{repr(value)[:80]} is not a whole number", f"use 0 to {highest}")
    low, high = min(values), max(values)
    if low < 0 or high > highest:
        raise AttnGANError(what, f"{low if low < 0 else high} is outside 0 to {highest}")
    return np.asarray(values, np.int64)


def _floats(what: str, values: Any) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):  # 1e300 becomes infinity and is refused as such
            return np.asarray(values, np.float32)
    except (TypeError, ValueError, OverflowError):  # the last for whole numbers that no float can hold
        text = ",".join(map(str, values)) if isinstance(values, list) else str(values)
        raise AttnGANError(what, f"{text[:40]} is not numbers") from None
