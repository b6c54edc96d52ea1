"""What a kept bundle makes, by whichever attngan_runtime is first in the path.

PYTHONPATH=OLD/export python tests/runtime/kept/record.py BUNDLE COMMIT CALLS.json > BUNDLE.json

CALLS.json: a list of {"method": "run_float" | "attention" | "write", "arguments": {…}}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from attngan_runtime import Generator

_STEP = 7  # of a picture's values one in so many is kept; it divides no side, so all columns and channels are met


def made(generator: Any, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a method of the generator gives, as it is kept: each a list with an entry for each picture or sentence.

    `run_float`: `pictures`, some of the values. `attention`: `maps`, the same, and `words`. `write`: `sentences`, and
    `log_probability` of each whole sentence in nats.
    """
    found = getattr(generator, method)(**arguments)
    if method == "write":
        return {"sentences": found.sentences, "log_probability": found.log_probability.sum(1).tolist()}
    if method == "attention":
        return {"maps": _some(found.maps), "words": [list(words) for words in found.words]}
    return {"pictures": _some(found)}


def _some(values: np.ndarray) -> list[list[float]]:
    rows = values.reshape(len(values), -1)[:, ::_STEP]
    return [[round(value, 7) for value in row] for row in rows.tolist()]


if __name__ == "__main__":
    bundle, commit, path = sys.argv[1:]
    generator = Generator.load(bundle)
    with open(path, encoding="utf-8") as file:
        calls = [call | {"made": made(generator, **call)} for call in json.load(file)]
    print(json.dumps({"commit": commit, "calls": calls}, ensure_ascii=False))
