"""The part of JSON Schema that sidecars are checked by; export/web/rules.js knows the same.

Three keywords are ours. `part` names a number of the bundle's own, such as the words of its vocabulary: wherever it
stands, the value less `plus`, or how many a list holds, is the same. `maximumPart`: no more than another part.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

Schema = dict[str, Any]
Parts = dict[str, Any]

# By type: the classes of its values, the keywords of its bounds, and its name in messages.
_TYPES: dict[str, tuple[tuple[type, ...], str, str, str]] = {
    "integer": ((int,), "minimum", "maximum", "a whole number"),
    "number": ((int, float), "minimum", "maximum", "a number"),
    "array": ((list,), "minItems", "maxItems", "a list of"),
    "object": ((dict,), "minProperties", "maxProperties", "an object of"),
}


class MismatchError(Exception):
    """A value that its schema refuses. Its text is one line, and begins with the keys that lead to the value."""

    def __init__(self, problem: str) -> None:
        self.keys: list[str] = []
        self.problem = problem

    def __str__(self) -> str:
        return f"{'.'.join(self.keys)} {self.problem}".strip()


def unlike(value: Any, expected: str) -> MismatchError:
    """The error of a value that must be something else."""
    return MismatchError(f"is {json.dumps(value, default=str)[:120]}; it must be {expected}")


def record(fields: Mapping[str, Any]) -> Schema:
    """Of an object with these fields, constants or schemas; one whose key ends in `?` may be missing."""
    return {
        "type": "object",
        "required": [key for key in fields if not key.endswith("?")],
        "properties": {key.removesuffix("?"): schema_of(own) for key, own in fields.items()},
        "additionalProperties": False,
    }


def array(items: Schema | list[Schema], low: int, high: int, **more: Any) -> Schema:
    """Of low … high values of one schema, or of one of each schema."""
    return {"type": "array", "items": items, "minItems": low, "maxItems": high, **more}


def schema_of(value: Any) -> Schema:
    """Of a constant, or a list of constants and schemas; a schema is its own."""
    if isinstance(value, list):
        return array([schema_of(own) for own in value], len(value), len(value))
    return value if isinstance(value, dict) else {"const": value}


def fill(schema: Schema, **parts: Any) -> Any:
    """What the schema lets pass with these parts in it: numbers, texts, and names, which are counted where need be."""
    if "properties" in schema:
        return {key: fill(own, **parts) for key, own in schema["properties"].items()}
    if isinstance(schema.get("items"), list):
        return [fill(own, **parts) for own in schema["items"]]
    if "const" in schema:
        return schema["const"]
    part, plus = parts[schema["part"]], schema.get("plus")
    return part if plus is None else (len(part) if isinstance(part, list) else part) + plus


def check(schema: Schema, value: Any, parts: Parts) -> None:
    """Raises MismatchError unless the schema lets the value pass. Adds the parts that it meets to `parts`."""
    if not _fits(schema, value, parts):
        raise unlike(value, _said(schema))
    if "items" in schema:
        own = schema["items"] if isinstance(schema["items"], list) else [schema["items"]] * len(value)
        check_each(zip(range(len(value)), own, value, strict=True), parts)
        if "uniqueItems" in schema and len(set(value)) < len(value):
            raise unlike(value, "a list without repetitions")
    if "additionalProperties" in schema:
        _check_fields(schema, value, parts)
    if "part" in schema and not isinstance(value, str):
        number, plus = len(value) if isinstance(value, list) else value, schema.get("plus", 0)
        known = parts.setdefault(schema["part"], number - plus) + plus
        if number != known:
            kind = "a list of " if isinstance(value, list) else ""
            raise unlike(value, f"{kind}{known}, to agree on {schema['part']}")


def check_each(places: Iterable[tuple[str | int, Schema, Any]], parts: Parts) -> None:
    """`check` of each (key, schema, value)."""
    for key, schema, value in places:
        try:
            check(schema, value, parts)
        except MismatchError as wrong:
            wrong.keys.insert(0, json.dumps(key)[:40].strip('"'))
            raise


def _check_fields(schema: Schema, value: dict[str, Any], parts: Parts) -> None:
    known, others = schema.get("properties", {}), schema["additionalProperties"]
    for key in schema.get("required", ()):
        if key not in value:
            raise MismatchError(f"lacks {key}")
    for key in value:
        if others is False and key not in known:
            raise MismatchError(f"holds {json.dumps(key)[:40]}, which format 1 has not")
    check_each(((key, own, value[key]) for key, own in known.items() if key in value), parts)
    check_each(((key, others, value[key]) for key in value if key not in known), parts)


def _fits(schema: Schema, value: Any, parts: Parts) -> bool:
    """Whether the value itself is right, whatever it holds."""
    if "const" in schema:
        return bool(value == schema["const"]) and not isinstance(value, bool)
    if "enum" in schema:
        return any(type(value) is type(one) and value == one for one in schema["enum"])
    if "pattern" in schema:
        return isinstance(value, str) and re.fullmatch(schema["pattern"], value) is not None
    if "type" not in schema:
        return True
    types, low, high, _ = _TYPES[schema["type"]]
    if type(value) not in types:
        return False
    size = len(value) if isinstance(value, (list, dict)) else value
    highest = parts[schema["maximumPart"]] if "maximumPart" in schema else schema.get(high, math.inf)
    return bool(schema.get(low, -math.inf) <= size <= highest and size > schema.get("exclusiveMinimum", -math.inf))


def _said(schema: Schema) -> str:
    if "const" in schema or "enum" in schema:
        return ", ".join(map(str, schema.get("enum", [json.dumps(schema.get("const"))])))
    if "description" in schema:
        return str(schema["description"])
    _, lowest, highest, kind = _TYPES[schema["type"]]
    low = f"above {schema['exclusiveMinimum']}" if "exclusiveMinimum" in schema else schema.get(lowest, "any number")
    high = schema.get("maximumPart", schema.get(highest, "any number"))
    return f"{kind} {low}" if low == high else f"{kind} {low} to {high}"
