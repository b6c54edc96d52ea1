"""Format 1 of bundles: what the generators of each task take and give, and what their sidecars say of it.

Sidecars are checked by what stands here, in Python by `rules.py`, in JavaScript by rules.js; sidecar.schema.json and
export/web/spec.js are made of it (`python -m attngan_runtime.bundle.publish`). docs/bundle.md describes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from attngan_runtime.bundle.schema import Schema, array, record

FORMAT_VERSION = 1
SIDECAR, MODEL, TOKENIZER = "model.onnx.json", "model.onnx", "tokenizer.json"

MAX_SEED = 2**32 - 1  #: safe in JavaScript, and no negatives
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 5

# What no generator exceeds: bounds on what a bundle can make a program allocate before anything of it was drawn.
MOST_KEYWORDS = 1024  #: of a sentence
MOST_WORDS = 4096  #: of a prompt, tokens of a sentence; whole pages take 1,000
LARGEST_VOCABULARY = 2**20  #: words; whole languages have fewer
MOST_LETTERS = 1000  #: of a word: a sentence of 4,096 such words is 4 MB, and without a bound it is 100 GB
LONGEST_NAME = 255  #: letters of the name of a class or style; a folder can't have a longer one
MOST_NAMES = 65536  #: of classes or styles: three times the classes of ImageNet-21k
LARGEST_Z = 2**16  #: numbers; 512 are usual, StyleGAN2's for each of 18 layers apart make 9,216
LARGEST_SIDE = 8192  #: of a picture or map
MOST_PIXELS = 2**24  #: of a picture: 4096 × 4096, which is 256 MiB in float32 with four channels
MOST_VALUES = 2**26  #: of the golden pictures, or of one prompt's maps, together: 256 MiB in float32
MOST_FILES = 32
LARGEST_FILE = 2**31 - 1  #: bytes: protobuf's limit, so no ONNX file is larger
#: Bytes. Ten thousand class names take 0.2 MB. Of a tokenizer's word, beside its letters, 17: a million of ten letters
#: are 28 MB, and 49 MB in Devanagari.
FILE_LIMITS = {MODEL: LARGEST_FILE, SIDECAR: 4 * 2**20, TOKENIZER: 64 * 2**20}
#: Parts, and the most that their product may be.
PRODUCTS = ((("height", "width"), MOST_PIXELS), (("words", "map_height", "map_width"), MOST_VALUES))
#: What int64 and float32 hold at most, and at least with a minus: int64 as JavaScript's numbers do.
LARGEST = {"int64": 2**53 - 1, "float32": 3.4028234663852886e38}

# What is shown in menus, messages and terminals: without control characters and what breaks lines.
_LINE = {
    "pattern": rf"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]{{1,{LONGEST_NAME}}}$", "type": "string",
    "description": f"a line of 1 to {LONGEST_NAME} letters",
}  # fmt: skip
_TEXT = {"pattern": r"^[\s\S]{1,2000}$", "type": "string", "description": "a text of 1 to 2000 letters"}
_HASH = {"pattern": "^[0-9a-f]{64}$", "type": "string", "description": "64 hex digits"}


def _whole(low: int, high: int, **more: Any) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high, **more}


def _entry(name: str, dtype: str, *sides: Schema, **more: Any) -> Schema:
    """What a sidecar says of an input or output [B, *sides]."""
    return record({"name": name, "dtype": dtype, "shape": ["batch", *sides], **more})


def _tokens(name: str, length: Schema, fewest: int) -> Schema:
    """Words as tokenizer.json numbers them; fewest: words of the vocabulary, with those that stand for others."""
    last = _whole(fewest - 1, LARGEST_VOCABULARY - 1, part="vocabulary", plus=-1)
    return _entry(name, "int64", length, minimum=0, maximum=last)


def _choice(name: str, part: str, fewest: int, **more: Any) -> Schema:
    """A number for each of several names."""
    last = _whole(fewest - 1, MOST_NAMES - 1, part=part, plus=-1)
    names = array(_LINE, fewest, MOST_NAMES, uniqueItems=True, part=part)
    return _entry(name, "int64", minimum=0, maximum=last, **more, **{part: names})


_PROMPT, _KEYWORDS = _whole(1, MOST_WORDS, part="words"), _whole(1, MOST_KEYWORDS, part="words")
_SENTENCE = _whole(1, MOST_WORDS, part="length")

#: What the sidecar says of each input, by its name; docs/bundle.md says what they mean.
INPUTS: dict[str, Schema] = {
    "tokens": _tokens("tokens", _PROMPT, fewest=3),
    "keywords": _tokens("keywords", _KEYWORDS, fewest=4),
    "mask": _entry("mask", "int64", _PROMPT, minimum=0, maximum=1),
    "seed": _entry("seed", "int64", minimum=0, maximum=MAX_SEED),
    "z": _entry("z", "float32", _whole(1, LARGEST_Z, part="z_dim")),
    "class": _choice("class", "classes", fewest=1),
    "style": _choice("style", "styles", fewest=2, default=0),
    "truncation": _entry("truncation", "float32", minimum=0, maximum=2, default=1),
    "temperature": _entry("temperature", "float32", minimum=LOWEST_TEMPERATURE, maximum=HIGHEST_TEMPERATURE, default=1),
    "top_k": _entry("top_k", "int64", minimum=0, maximum=_whole(2, LARGEST_VOCABULARY, part="vocabulary"), default=0),
    "top_p": _entry("top_p", "float32", exclusiveMinimum=0, maximum=1, default=1),
}

_PICTURE = record({
    "name": _LINE | {"part": "name"}, "dtype": "float32", "layout": "NCHW",
    "channels": {"enum": [1, 3, 4], "part": "channels"}, "height": _whole(1, LARGEST_SIDE, part="height"),
    "width": _whole(1, LARGEST_SIDE, part="width"), "minimum": -1, "maximum": 1,
})  # fmt: skip
_MAP_SIDES = [_whole(1, LARGEST_SIDE, part=f"map_{side}", maximumPart=side) for side in ("height", "width")]
_ATTENTION = _entry("attention", "float32", _PROMPT, *_MAP_SIDES, minimum=0, maximum=1)
_LOG_PROBABILITY = _entry("log_probability", "float32", _SENTENCE, maximum=0)


@dataclass(frozen=True)
class TaskSpec:
    """What the generators of a task take and give.

    inputs: in the graph's order; `seed|z` is one of the two, `class?` is there only where it is of use. outputs: what
    the sidecar says of each, in the graph's order, by its key there; `attention?` is there only where it was asked for.
    golden: `values` at some places of the first output, or `rows`, all of every output. tokenizer: what tokenizer.json
    reads or writes, where there has to be one; the input or output called `tokens` has its length and its words.
    """

    inputs: tuple[str, ...]
    outputs: Mapping[str, Schema]
    golden: Literal["values", "rows"]
    tokenizer: Literal["prompt", "sentence"] | None = None

    def orders(self) -> list[list[str]]:
        """The names of inputs in each order that they may have."""
        choices = [[*name.rstrip("?").split("|"), *([""] if name.endswith("?") else [])] for name in self.inputs]
        return [[name for name in order if name] for order in product(*choices)]


TASKS: dict[str, TaskSpec] = {
    "image": TaskSpec(("seed|z", "class?", "truncation"), {"output": _PICTURE}, "values"),
    "text-to-image": TaskSpec(
        ("tokens", "mask", "seed|z", "style?", "truncation"),
        {"output": _PICTURE, "attention?": _ATTENTION},
        "values",
        tokenizer="prompt",
    ),
    "text": TaskSpec(
        ("keywords", "mask", "seed", "temperature", "top_k", "top_p"),
        {"output": _tokens("tokens", _SENTENCE, fewest=4), "log_probability": _LOG_PROBABILITY},
        "rows",
        tokenizer="sentence",
    ),
}


def golden_rows(row: Schema) -> Schema:
    """Of what goes into or comes out of a golden sample: some rows."""
    return array(row, 1, 8, part="rows")


def golden_values(size: int, value: Schema) -> dict[str, Schema]:
    """Of a golden sample's flat indices into `size` values of an output, and of the values there."""
    indices = array(_whole(0, size - 1), 16, 1024, uniqueItems=True, part="places")
    return {"indices": indices, "values": array(value, 16, 1024, part="places")}


def _map(of: Schema, **more: Any) -> Schema:
    """Of one value or more of one schema, under keys of any name."""
    return {"type": "object", "minProperties": 1, "additionalProperties": of, **more}


_POSITIVE, _DIFFERENCE = {"type": "number", "exclusiveMinimum": 0}, {"type": "number", "minimum": 0}

#: What the sidecars of all tasks hold.
FIELDS: dict[str, Any] = {
    "format_version": FORMAT_VERSION,
    "sha256?": _HASH,
    "name": _LINE,
    "model": MODEL,
    "target": {"enum": ["ort", "portable"]},
    "precision": {"enum": ["fp32", "fp16-weights"]},
    "tolerance": _map(_map(record({"asked": _POSITIVE, "measured": _DIFFERENCE}))),
    "license": _TEXT,
    "source": _TEXT,
    "created_with": _map(_TEXT),
}


def fields_of(task: str) -> dict[str, Any]:
    """What the sidecars of a task hold beside FIELDS. What rows a golden sample has, `rules.py` says."""
    spec = TASKS[task]
    golden = golden_values(MOST_VALUES, {"type": "number"})
    if spec.golden == "rows":
        golden = {output["properties"]["name"]["const"]: golden_rows({}) for output in spec.outputs.values()}
    return {
        "task": task,
        "files": _map(_HASH, required=[MODEL, TOKENIZER] if spec.tokenizer else [MODEL], maxProperties=MOST_FILES),
        "inputs": {"type": "array"},
        **spec.outputs,
        "golden": record({"inputs": _map(golden_rows({})), **golden, "tolerance": _POSITIVE | {"maximum": 0.1}}),
    }
