"""Whether a sidecar is one of format 1 and contradicts itself nowhere; export/web/rules.js asks the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from attngan_runtime.bundle.schema import MismatchError, Parts, Schema, array, check, check_each, record
from attngan_runtime.bundle.spec import (
    FIELDS,
    INPUTS,
    LARGEST,
    MOST_VALUES,
    PRODUCTS,
    TASKS,
    fields_of,
    golden_rows,
    golden_values,
)

Entry = Mapping[str, Any]  #: what a sidecar says of an input or output


def sidecar_problem(sidecar: Mapping[str, Any]) -> str | None:
    """What is wrong with a sidecar, in a line that names the key at fault; None if nothing is."""
    parts: Parts = {}
    try:
        check_each([("task", {"enum": [*TASKS]}, sidecar.get("task"))], parts)
        check_each(_inputs(sidecar), parts)
        check(record(FIELDS | fields_of(sidecar["task"])), sidecar, parts)
        _check_sizes(sidecar, parts)
        _check_golden(sidecar, parts)
        _check_tolerance(sidecar)
    except MismatchError as wrong:
        return str(wrong)
    return None


def outputs_of(sidecar: Mapping[str, Any]) -> list[Entry]:
    """What a sidecar says of each output, in the graph's order."""
    keys = (key.removesuffix("?") for key in TASKS[sidecar["task"]].outputs)
    return [sidecar[key] for key in keys if key in sidecar]


def shape_of(entry: Entry) -> list[Any]:
    """Of an input or output: `batch` and its sides; a picture's have names of their own."""
    return entry["shape"] if "shape" in entry else ["batch", entry["channels"], entry["height"], entry["width"]]


def _inputs(sidecar: Mapping[str, Any]) -> list[tuple[str, Schema, Any]]:
    """Each input with its schema. Raises MismatchError unless they are the task's, in an order that they may have."""
    given, orders = sidecar.get("inputs"), TASKS[sidecar["task"]].orders()
    entries = given if isinstance(given, list) else [given]
    names = [entry.get("name") if isinstance(entry, dict) else None for entry in entries]
    if names not in orders:
        expected = " or ".join(", ".join(order) for order in orders)
        raise MismatchError(f"inputs are {', '.join(map(str, names))[:120] or 'none'}; they must be {expected}")
    return [(f"inputs.{name}", INPUTS[name], entry) for name, entry in zip(names, entries, strict=True)]


def _check_sizes(sidecar: Mapping[str, Any], parts: Parts) -> None:
    for names, most in PRODUCTS:
        size = math.prod(parts.get(name, 0) for name in names)
        if size > most:
            raise MismatchError(f"{' × '.join(names)} is {size:,}, where {most:,} is the limit")
    outputs = [entry["name"] for entry in outputs_of(sidecar)]
    if len(set(outputs)) < len(outputs):
        raise MismatchError(f"two outputs are called {outputs[0]}")


def _check_golden(sidecar: Mapping[str, Any], parts: Parts) -> None:
    """What goes into the golden sample, and what came out, is of the shape, kind and range that the sidecar says."""
    outputs, golden = outputs_of(sidecar), sidecar["golden"]
    inputs = record({entry["name"]: golden_rows(_row(entry)) for entry in sidecar["inputs"]})
    check_each([("golden.inputs", inputs, golden["inputs"])], parts)
    expected = {entry["name"]: golden_rows(_row(entry)) for entry in outputs}
    if TASKS[sidecar["task"]].golden == "values":
        size = parts["rows"] * math.prod(shape_of(outputs[0])[1:])
        if size > MOST_VALUES:
            raise MismatchError(f"golden outputs have {size:,} values, where {MOST_VALUES:,} is the limit")
        expected = golden_values(size, _value(outputs[0]))
    check_each(((f"golden.{key}", schema, golden[key]) for key, schema in expected.items()), parts)


def _row(entry: Entry) -> Schema:
    schema = _value(entry)
    for side in reversed(shape_of(entry)[1:]):
        schema = array(schema, side, side)
    return schema


def _value(entry: Entry) -> Schema:
    """Of each value of an input or output: its own bounds, and where it has none those of its dtype."""
    most = LARGEST[entry["dtype"]]
    bounds = {key: entry[key] for key in ("minimum", "exclusiveMinimum", "maximum") if key in entry}
    return {"type": "integer" if entry["dtype"] == "int64" else "number", "minimum": -most, "maximum": most} | bounds


def _check_tolerance(sidecar: Mapping[str, Any]) -> None:
    measured = sidecar["tolerance"].get(sidecar["precision"], {})
    if "CPUExecutionProvider" not in measured:
        raise MismatchError(f"tolerance lacks {sidecar['precision']} on CPUExecutionProvider")
    for provider, found in measured.items():
        if found["measured"] > found["asked"]:
            raise MismatchError(
                f"tolerance on {provider[:80]}: measured {found['measured']} is beyond the {found['asked']} asked"
            )
