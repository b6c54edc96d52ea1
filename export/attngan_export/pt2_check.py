"""Does a .pt2 file hold anything that torch would unpickle or execute as it loads it?

torch.export.load of torch 2.13 unpickles, without weights_only, every weight and constant that the file marks so, its
custom objects, and example inputs and older weights that weights_only=True refuses. It evaluates the file's expressions
and guards as Python, puts its names into source text that it compiles, and starts compiled libraries. An export holds
none of that: weights are raw bytes, and what text may stand where can be listed.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from attngan_runtime.errors import AttnGANError

_EXAMPLE = "data/sample_inputs/model.pt"
_TEXTS = (
    "models/model.json", "data/weights/model_weights_config.json", "data/constants/model_constants_config.json"
)  # fmt: skip
_RECORDS = "|".join(map(re.escape, (_EXAMPLE, *_TEXTS, "archive_format", "archive_version", "byteorder")))
_RECORDS += r"|\.data/version|\.data/serialization_id|data/weights/weight_\d+|data/constants/tensor_\d+"

# Text by the key that it stands under; from_file opens files.
_NAME = r"[\w.+-]*"
_TREE = r'(null|[\[\]{} 1,:]|"(type|context|null|children_spec|builtins\.tuple|builtins\.dict|\[\])")*'
_SYMBOL = r"Symbol\('\w+'(, \w+=True)*\)"
_FUNCTION = r"(Integer|Max|Min|Add|Mul|GreaterThan|LessThan|StrictGreaterThan|StrictLessThan|Equality|Unequality)\("
_ALLOWED = {
    "target": r"torch\.ops\.aten\.(?!from_file\.)(_?[a-z]\w*|__(and|or|xor)__)\.[A-Za-z]\w*"
    r"|torch\.ops\.higher_order\.(while_loop|wrap_with_autocast)"
    r"|_operator\.(ge|le|gt|lt|eq|ne|add|sub|mul|floordiv)",
    "as_operator": r"(?!)",
    "as_string": r"[\w .'<>=+-]*",
    "expr_str": rf"({_SYMBOL}|{_FUNCTION}|[-\d, )])*",
    "guards_code": r"L\['\w+'\]\.size\(\)\[0\] == L\['\w+'\]\.size\(\)\[0\]",
    "in_spec": _TREE,
    "out_spec": _TREE,
    "path_name": r"(weight|tensor)_\d+",
    "use_pickle": r"False",
}


def check_pt2(content: bytes, what: str) -> None:
    """Raises AttnGANError naming `what` and the first thing in the file that no export writes."""
    try:
        problem = _problem(content)
    except (RuntimeError, ValueError, AssertionError, zipfile.BadZipFile):
        problem = "is damaged, or was not written by torch.export.save"
    if problem:
        raise AttnGANError(
            f"{what}: {problem}, so it was not loaded; export the generator again, and trust nothing else from there"
        )


def _problem(content: bytes) -> str | None:
    """Reads by torch's own reader, which sees what torch will see."""
    from torch.export.pt2_archive import PT2ArchiveReader  # two seconds, which the export of ONNX alone need not wait

    reader = PT2ArchiveReader(io.BytesIO(content))
    # What that reader can't load torch takes for its older format, whose files lie in no folder of the zip.
    older = [name for name in zipfile.ZipFile(io.BytesIO(content)).namelist() if "/" not in name]
    for name in [*reader.get_file_names(), *older]:
        if not re.fullmatch(_RECORDS, name, re.ASCII):
            return f"holds {_shown(name)}, as no export does"
    if reader.read_bytes(_EXAMPLE):
        return "holds pickled example inputs, as no export does"
    for name in _TEXTS:
        for key, text in _texts(json.loads(reader.read_bytes(name)), ""):
            if not re.fullmatch(_ALLOWED.get(key, _NAME), text, re.ASCII):
                return f"holds {key or 'name'} {_shown(text)} in {name}, as no export does"
    return None


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """Every value beside the key that it or its list stands under, and every key without one."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield "", name
            yield from _texts(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part, key)
    else:
        yield key, str(value)


def _shown(text: str) -> str:
    return json.dumps(text)[:80]
