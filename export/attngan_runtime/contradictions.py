"""Whether the parts of a sidecar fit one another, which its schema can't say."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from attngan_runtime import entries

TOKENIZER = "tokenizer.json"

_LARGEST_FLOAT32 = 3.4028234663852886e38
# What stands before the noise in a picture's inputs, and after it where there is something to choose from.
_PICTURE_INPUTS = {"image": ((), "class"), "text-to-image": (("tokens", "mask"), "style")}
_SENTENCE_INPUTS = ["keywords", "mask", "seed", "temperature", "top_k", "top_p"]


def contradiction(sidecar: Mapping[str, Any]) -> str | None:
    """What is wrong with a sidecar that its schema lets pass; None if nothing is."""
    wrong_input = _wrong_order(sidecar) or next(filter(None, map(_wrong_input, sidecar["inputs"])), None)
    wrong_words = wrong_input or _wrong_words(sidecar)
    wrong_task = _wrong_sentences if sidecar["task"] == "text" else _wrong_pictures
    return wrong_words or wrong_task(sidecar) or _wrong_tolerance(sidecar) or _wrong_golden(sidecar)


def _wrong_order(sidecar: Mapping[str, Any]) -> str | None:
    names = [given["name"] for given in sidecar["inputs"]]
    found = f"inputs are {', '.join(names)}; they must be"
    if sidecar["task"] == "text":
        return None if names == _SENTENCE_INPUTS else f"{found} {', '.join(_SENTENCE_INPUTS)}"
    first, choice = _PICTURE_INPUTS[sidecar["task"]]
    if names not in ([*first, noise, *some, "truncation"] for noise in ("seed", "z") for some in ([], [choice])):
        return f"{found} {', '.join([*first, 'seed or z'])}, then {choice} if there are any, then truncation"
    return None


def _wrong_input(given: Mapping[str, Any]) -> str | None:
    length, highest = given["shape"][-1], given.get("maximum")
    length = length if type(length) is int and length > 0 else 1
    highest = highest if type(highest) is int and highest > 1 else 2
    size = min(highest + 1, entries.LARGEST_VOCABULARY)
    expected = {
        "tokens": lambda: entries.tokens_input(min(length, entries.MOST_WORDS), size),
        "keywords": lambda: entries.keywords_input(min(length, entries.MOST_KEYWORDS), max(size, 4)),
        "mask": lambda: entries.mask_input(min(length, entries.MOST_WORDS)),
        "seed": entries.seed_input,
        "z": lambda: entries.z_input(min(length, entries.LARGEST_Z)),
        "class": lambda: entries.class_input(given.get("classes", [])),
        "style": lambda: entries.style_input(given.get("styles", [])),
        "truncation": entries.truncation_input,
        "temperature": entries.temperature_input,
        "top_k": lambda: entries.top_k_input(min(highest, entries.LARGEST_VOCABULARY)),
        "top_p": entries.top_p_input,
    }[given["name"]]()
    if given != expected or given.get("classes") == [] or len(given.get("styles", "ab")) < 2:
        return f"input {given['name']} is {json.dumps(given)[:120]}; it must be {json.dumps(expected)[:120]}"
    return None


def _wrong_words(sidecar: Mapping[str, Any]) -> str | None:
    """What every generator needs that takes or gives words."""
    words = [given for given in sidecar["inputs"] if given["name"] in ("tokens", "keywords", "mask")]
    if words and TOKENIZER not in sidecar["files"]:
        what = "sentence can be written" if sidecar["task"] == "text" else "prompt can be read"
        return f"{TOKENIZER} is not among its files, and no {what} without it"
    if len({given["shape"][1] for given in words}) > 1:
        return f"{words[0]['name']} and mask differ in length"
    return None


def _wrong_sentences(sidecar: Mapping[str, Any]) -> str | None:
    """Of a generator of sentences: outputs of one length, and one vocabulary for whatever speaks of it."""
    output, log_probability = sidecar["output"], sidecar["log_probability"]
    inputs = {given["name"]: given for given in sidecar["inputs"]}
    length, size = output["shape"][1], inputs["keywords"]["maximum"] + 1
    for found, expected in [
        (output, entries.tokens_output(length, size)),
        (log_probability, entries.log_probability_output(length)),
        (inputs["top_k"], entries.top_k_input(size)),
    ]:
        if found != expected:
            return f"{found['name']} is {json.dumps(found)[:120]}; it must be {json.dumps(expected)[:120]}"
    return None


def _wrong_pictures(sidecar: Mapping[str, Any]) -> str | None:
    """Of a generator of pictures: sides that are whole numbers, and what no machine could hold."""
    output = sidecar["output"]
    sides = [output[side] for side in ("channels", "height", "width")]
    if any(type(side) is not int for side in sides):  # JSON schema takes 8.0 for an integer
        return f"output is {json.dumps(output)[:120]}; its sides must be whole numbers"
    if sides[1] * sides[2] > entries.MOST_PIXELS:
        return f"output has {sides[1]}×{sides[2]} pixels, where {entries.MOST_PIXELS:,} is the limit"
    return _wrong_attention(sidecar) if sidecar.get("attention") else None


def _wrong_attention(sidecar: Mapping[str, Any]) -> str | None:
    lengths = {given["shape"][1] for given in sidecar["inputs"] if given["name"] == "tokens"}
    attention, output = sidecar["attention"], sidecar["output"]
    if {attention["shape"][1]} != lengths:
        return f"attention is {attention['shape']}, not a map for each of {lengths or 'no'} words"
    if output["name"] == attention["name"]:
        return f"picture and maps are both called {attention['name']}"
    length, height, width = attention["shape"][1:]
    if any(type(side) is not int for side in (length, height, width)):
        return f"attention is {attention['shape']}; its sides must be whole numbers"
    if height > output["height"] or width > output["width"]:
        return f"attention is {attention['shape']}, finer than pictures of {output['height']}×{output['width']}"
    if length * height * width > entries.MOST_VALUES:
        return f"attention has {length * height * width:,} values a prompt, where {entries.MOST_VALUES:,} is the limit"
    return None


def _wrong_tolerance(sidecar: Mapping[str, Any]) -> str | None:
    measured = sidecar["tolerance"].get(sidecar["precision"], {})
    if "CPUExecutionProvider" not in measured:
        return f"tolerance has no entry for {sidecar['precision']} on CPUExecutionProvider"
    for provider, found in measured.items():
        if not found["measured"] <= found["asked"]:
            return f"tolerance on {provider}: measured {found['measured']} is beyond the {found['asked']} asked"
    return None


def _wrong_golden(sidecar: Mapping[str, Any]) -> str | None:
    golden, output = sidecar["golden"], sidecar["output"]
    names = [given["name"] for given in sidecar["inputs"]]
    if sorted(golden["inputs"]) != sorted(names):
        return f"golden inputs are {', '.join(golden['inputs'])}; they must be {', '.join(names)}"
    lengths = {len(values) for values in golden["inputs"].values()}
    if len(lengths) > 1:
        return "golden inputs differ in length"
    for given in sidecar["inputs"]:
        wrong = _wrong_rows(given, golden["inputs"][given["name"]])
        if wrong:
            return f"golden inputs of {given['name']} are not of its {wrong}"
    if sidecar["task"] == "text":
        return _wrong_golden_sentences(sidecar, max(lengths))
    size = max(lengths) * math.prod(output[side] for side in ("channels", "height", "width"))
    if size > entries.MOST_VALUES:
        return f"golden pictures have {size:,} values together, where {entries.MOST_VALUES:,} is the limit"
    whole = all(type(index) is int for index in golden["indices"])
    if not whole or len(golden["indices"]) != len(golden["values"]) or max(golden["indices"]) >= size:
        return f"golden indices must be whole numbers, as many as values, and below {size}"
    return None


def _wrong_golden_sentences(sidecar: Mapping[str, Any], count: int) -> str | None:
    for given in (sidecar["output"], sidecar["log_probability"]):
        rows = sidecar["golden"][given["name"]]
        wrong = "number" if len(rows) != count else _wrong_rows(given, rows)
        if wrong:
            return f"golden {given['name']} are not of their {wrong}: {count} rows of {given['shape'][1]}"
    return None


def _wrong_rows(entry: Mapping[str, Any], rows: list[Any]) -> str | None:
    """What of an input or output the rows are not: of its shape, its dtype or its range."""
    width = entry["shape"][1] if len(entry["shape"]) > 1 else None
    if any((len(row) if isinstance(row, list) else None) != width for row in rows):
        return "shape"
    values = [value for row in rows for value in row] if width else rows
    kinds = (int,) if entry["dtype"] == "int64" else (int, float)
    if any(type(value) not in kinds for value in values):
        return "dtype"
    return None if all(_in_range(entry, value) for value in values) else "range"


def _in_range(entry: Mapping[str, Any], value: float) -> bool:
    low, high = entry.get("minimum", -_LARGEST_FLOAT32), entry.get("maximum", _LARGEST_FLOAT32)
    return low <= value <= high and value > entry.get("exclusiveMinimum", -math.inf)
