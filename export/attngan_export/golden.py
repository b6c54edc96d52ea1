"""The golden sample of a sidecar, as it is checked; without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def golden_error(sidecar: Mapping[str, Any], pictures: np.ndarray) -> float:
    """Largest difference of `pictures`, drawn from the golden inputs, from the golden values."""
    entry = sidecar["golden"]
    found = pictures.ravel()[entry["indices"]]
    return float(np.abs(found - np.array(entry["values"], np.float32)).max())


def golden_inputs(sidecar: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The golden inputs as the graph takes them, in its order."""
    kinds = {"int64": np.int64, "float32": np.float32}
    given = sidecar["golden"]["inputs"]
    return {entry["name"]: np.array(given[entry["name"]], kinds[entry["dtype"]]) for entry in sidecar["inputs"]}
