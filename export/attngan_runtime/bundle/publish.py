"""What others read of the spec: sidecar.schema.json, and export/web/spec.js, by which rules.js goes.

In a clone, `python -m attngan_runtime.bundle.publish` writes both.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attngan_runtime.bundle import spec
from attngan_runtime.bundle.schema import Schema, array, record, schema_of
from attngan_runtime.bundle.spec import FIELDS, INPUTS, TASKS, fields_of
from attngan_runtime.saving import write_atomically

_CONSTANTS = (
    "FORMAT_VERSION", "SIDECAR", "MODEL", "TOKENIZER", "FILE_LIMITS", "MAX_SEED", "MOST_WORDS", "LARGEST_VOCABULARY",
    "MOST_LETTERS", "MOST_VALUES", "PRODUCTS", "LARGEST",
)  # fmt: skip


def published() -> dict[Path, str]:
    """The text of each file, by its path."""
    runtime = Path(spec.__file__).parents[1]
    header = "/** Made of bundle/spec.py by `python -m attngan_runtime.bundle.publish`, and not to be edited. */\n\n"
    javascript = "".join(f"export const {name} = {_lines(value, 1)};\n" for name, value in javascript_values().items())
    return {
        runtime / "sidecar.schema.json": f"{_lines(json_schema(), 8)}\n",
        runtime.parent / "web" / "spec.js": header + javascript,
    }


def json_schema() -> Schema:
    """Of all sidecars. It can't say that two numbers are the same, so it lets some pass that rules.py doesn't."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "model.onnx.json, format 1: what a bundle's generator takes, gives and promises",
        "$comment": "part, plus and maximumPart are attngan's own keywords: see attngan_runtime/bundle/schema.py",
        "definitions": INPUTS,
        "type": "object",
        "required": ["task"],
        "properties": {"task": {"enum": [*TASKS]}},
        "allOf": [{"if": {"properties": {"task": {"const": task}}}, "then": _of_task(task)} for task in TASKS],
    }


def _of_task(task: str) -> Schema:
    orders = [[{"$ref": f"#/definitions/{name}"} for name in order] for order in TASKS[task].orders()]
    inputs = {"anyOf": [array(order, len(order), len(order)) for order in orders]}
    return record(FIELDS | fields_of(task) | {"inputs": inputs})


def javascript_values() -> dict[str, Any]:
    """What spec.js exports."""
    return {name: getattr(spec, name) for name in _CONSTANTS} | {
        "FIELDS": {key: schema_of(own) for key, own in FIELDS.items()},
        "INPUTS": INPUTS,
        "TASKS": {
            name: {
                "tokenizer": task.tokenizer,
                "golden": task.golden,
                "orders": task.orders(),
                "outputs": [key.removesuffix("?") for key in task.outputs],
                "fields": {key: schema_of(own) for key, own in fields_of(name).items()},
            }
            for name, task in TASKS.items()
        },
    }


def _lines(value: Any, depth: int, indent: str = "") -> str:
    """JSON, in which what is deeper, or short, stands in one line."""
    text, deeper = json.dumps(value, ensure_ascii=False), f"{indent}  "
    if depth == 0 or len(text) <= 110 or not isinstance(value, dict | list):
        return text
    if isinstance(value, list):
        parts = [f"{deeper}{_lines(own, depth - 1, deeper)}" for own in value]
    else:
        parts = [f"{deeper}{json.dumps(key)}: {_lines(own, depth - 1, deeper)}" for key, own in value.items()]
    return f"{text[0]}\n" + ",\n".join(parts) + f"\n{indent}{text[-1]}"


if __name__ == "__main__":
    for path, text in published().items():
        write_atomically(path, text.encode())
