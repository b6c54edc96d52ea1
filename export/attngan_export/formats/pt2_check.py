"""Does a .pt2 file hold anything that torch would unpickle or execute as it loads it?

torch.export.load of torch 2.13 unpickles, without weights_only, every weight and constant that the file marks so, its
custom objects, and example inputs and older weights that weights_only=True refuses. It evaluates the file's expressions
and guards as Python, puts its names into source text that it compiles, and starts compiled libraries. An export holds
none of that: weights are raw bytes, and what text may stand where can be listed. Nor does torch look at types as it
reads JSON, so that the text "False" is true to it: each value must be of the type that torch's own schema names.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

_EXAMPLE = "data/sample_inputs/model.pt"
_TEXTS = (
    "models/model.json", "data/weights/model_weights_config.json", "data/constants/model_constants_config.json"
)  # fmt: skip
_RECORDS = "|".join(map(re.escape, (_EXAMPLE, *_TEXTS, "archive_format", "archive_version", "byteorder")))
_RECORDS += r"|\.data/version|\.data/serialization_id|data/weights/weight_\d+|data/constants/tensor_\d+"

# Text by the field that it stands under; from_file and save open files.
_NAME = r"[\w.+-]*"
_TREE = r'(null|[\[\]{} 1,:]|"(type|context|null|children_spec|builtins\.tuple|builtins\.dict|\[\])")*'
_SYMBOL = r"Symbol\('\w+'(, \w+=True)*\)"
_FUNCTION = r"(Integer|Max|Min|Add|Mul|GreaterThan|LessThan|StrictGreaterThan|StrictLessThan|Equality|Unequality)\("
_ALLOWED = {
    "target": r"torch\.ops\.aten\.(?!(from_file|save)\.)(_?[a-z]\w*|__(and|or|xor)__)\.[A-Za-z]\w*"
    r"|torch\.ops\.higher_order\.(while_loop|wrap_with_autocast)"
    r"|_operator\.(ge|le|gt|lt|eq|ne|add|sub|mul|floordiv)",
    "as_operator": r"(?!)",
    "as_string": r"[\w .'<>=+-]*",
    "expr_str": rf"({_SYMBOL}|{_FUNCTION}|[-\d, )])*",
    "guards_code": r"L\['\w+'\]\.size\(\)\[0\] == L\['\w+'\]\.size\(\)\[0\]",
    "in_spec": _TREE,
    "out_spec": _TREE,
    "metadata": r"(?!)",
    "path_name": r"(weight|tensor)_\d+",
}


def find_foreign(content: bytes) -> str | None:
    """The first thing in the file that no export writes, in words; None if there is none."""
    try:
        return _find_foreign_record(content)
    except (RuntimeError, ValueError, AssertionError, zipfile.BadZipFile):
        return "is damaged, or was not written by torch.export.save"


def _find_foreign_record(content: bytes) -> str | None:
    """Reads by torch's own reader, which sees what torch will see."""
    from torch._export.serde import schema
    from torch.export.pt2_archive import PT2ArchiveReader  # two seconds, which the export of ONNX alone need not wait

    reader = PT2ArchiveReader(io.BytesIO(content))
    # What that reader can't load torch takes for its older format, whose files lie in no folder of the zip.
    older = [name for name in zipfile.ZipFile(io.BytesIO(content)).namelist() if "/" not in name]
    for name in [*reader.get_file_names(), *older]:
        if not re.fullmatch(_RECORDS, name, re.ASCII):
            return f"holds {_quote(name)}"
    if reader.read_bytes(_EXAMPLE):
        return "holds pickled example inputs"
    for name in _TEXTS:
        kind = schema.ExportedProgram if name == _TEXTS[0] else schema.PayloadConfig
        for key, value in _foreign_values(kind, json.loads(reader.read_string(name)), ""):
            return f"holds {key or 'name'} {_quote(value)} in {name}"
    return None


def _foreign_values(kind: Any, value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Every value that no export has, beside the field that it stands under, and every such name without one.

    kind: what torch's schema says of the value. What stands under no field of the schema torch doesn't read.
    """
    origin: Any = get_origin(kind) or kind
    inner = get_args(kind)
    if origin in (Union, UnionType):  # with None
        if value is not None:
            yield from _foreign_values(inner[0], value, key)
    elif isinstance(origin, type) and is_dataclass(origin) and isinstance(value, dict):
        for name, part_kind in _fields(origin).items():
            if name in value:
                yield from _foreign_values(part_kind, value[name], name)
    elif origin is dict and isinstance(value, dict):
        for name, part in value.items():
            if not _may_stand(str, name, ""):
                yield "", name
            yield from _foreign_values(inner[1], part, key)
    elif origin is list and isinstance(value, list):
        for part in value:
            yield from _foreign_values(inner[0], part, key)
    elif not _may_stand(origin, value, key):
        yield key, value


@cache
def _fields(kind: Any) -> dict[str, Any]:
    from torch._export.serde import schema

    return get_type_hints(kind, vars(schema))


def _may_stand(kind: Any, value: Any, key: str) -> bool:
    """Whether a value without parts is of this type, and one that an export may have there."""
    if kind is str:
        fits = isinstance(value, str) and re.fullmatch(_ALLOWED.get(key, _NAME), value, re.ASCII) is not None
        return fits and (key != "target" or not value.startswith("torch.ops.aten.") or _is_operator(value))
    if kind is bool:
        return isinstance(value, bool) and not (key == "use_pickle" and value)
    if kind is float:  # torch writes what JSON has no number for as text
        return type(value) in (int, float) or value in ("Infinity", "-Infinity", "NaN")
    return isinstance(kind, type) and issubclass(kind, int) and type(value) is int


def _is_operator(target: str) -> bool:
    """Whether the name is an operator's, as torch looks it up, and not some attribute's on the way to one."""
    import torch
    from torch._ops import OpOverload

    found: Any = torch
    for name in target.split(".")[1:]:
        found = getattr(found, name, None)
    return isinstance(found, OpOverload)


def _quote(value: Any) -> str:
    return json.dumps(value)[:80]
