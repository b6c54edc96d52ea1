"""The golden sample of a sidecar, as it is checked; without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def golden_outputs(sidecar: Mapping[str, Any]) -> list[str]:
    """The graph's outputs that the golden sample has values of."""
    second = ["log_probability"] if sidecar["task"] == "text" else []
    return [sidecar["output"]["name"], *second]


def golden_error(sidecar: Mapping[str, Any], outputs: Sequence[np.ndarray]) -> float:
    """Largest difference of outputs, made of the golden inputs, from the golden values; infinite if a token differs."""
    entry = sidecar["golden"]
    if sidecar["task"] == "text":
        tokens, scores = (np.array(entry[name]) for name in golden_outputs(sidecar))
        return float(np.abs(outputs[1] - scores).max()) if np.array_equal(outputs[0], tokens) else math.inf
    found = outputs[0].ravel()[entry["indices"]]
    return float(np.abs(found - np.array(entry["values"], np.float32)).max())


def golden_inputs(sidecar: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The golden inputs as the graph takes them, in its order."""
    kinds = {"int64": np.int64, "float32": np.float32}
    given = sidecar["golden"]["inputs"]
    return {entry["name"]: np.array(given[entry["name"]], kinds[entry["dtype"]]) for entry in sidecar["inputs"]}
