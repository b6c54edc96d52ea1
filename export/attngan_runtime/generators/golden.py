"""The golden sample of a sidecar: does a graph make, on the device at hand, what it made when it was exported?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attngan_runtime.bundle.rules import outputs_of
from attngan_runtime.errors import AttnGANError, first_line


def golden_outputs(sidecar: Mapping[str, Any]) -> list[str]:
    """The graph's outputs that the golden sample has values of: the first, or all."""
    names = [str(entry["name"]) for entry in outputs_of(sidecar)]
    return names[:1] if "indices" in sidecar["golden"] else names


def golden_error(sidecar: Mapping[str, Any], outputs: Sequence[np.ndarray]) -> float:
    """Largest difference of outputs, made of the golden inputs, from the golden values.

    Infinite if a token, or another whole number, differs; NaN where a difference is no number.
    """
    golden = sidecar["golden"]
    if "indices" in golden:
        return _largest(outputs[0].ravel()[golden["indices"]] - np.array(golden["values"], np.float32))
    differences = []
    for entry, found in zip(outputs_of(sidecar), outputs, strict=True):
        expected = np.array(golden[entry["name"]])
        if entry["dtype"] == "int64" and not np.array_equal(found, expected):
            return math.inf
        differences.append(_largest(found - expected))
    return float(np.max(differences))


def golden_inputs(sidecar: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The golden inputs as the graph takes them, in its order."""
    kinds = {"int64": np.int64, "float32": np.float32}
    given = sidecar["golden"]["inputs"]
    return {entry["name"]: np.array(given[entry["name"]], kinds[entry["dtype"]]) for entry in sidecar["inputs"]}


def golden_difference(error: float, allowed: float) -> str:
    """What is wrong with a sample that differs by more than is allowed."""
    return "has other tokens" if error == math.inf else f"differs by {error:.2g}, beyond {allowed:.0e}"


def check_golden(session: Any, sidecar: Mapping[str, Any]) -> None:
    """Raises AttnGANError if the golden inputs make anything else than the golden values in this session."""
    where = f"{sidecar['name']} on {session.get_providers()[0]}"
    try:
        outputs = session.run(golden_outputs(sidecar), golden_inputs(sidecar))
        error, allowed = golden_error(sidecar, outputs), sidecar["golden"]["tolerance"]
    except Exception as failure:  # ONNX Runtime raises a class of its own for each of its error codes
        raise AttnGANError(where, f"can't run there ({first_line(failure)})", "ask for cpu") from None
    if not error <= allowed:  # NaN is refused too
        raise AttnGANError(
            where,
            f"its golden sample {golden_difference(error, allowed)}",
            "ask for cpu, or export it again with --target portable --input z, for providers whose integers have 32 "
            "bits",
        )


def _largest(differences: np.ndarray) -> float:
    largest = float(np.abs(differences).max())
    return largest if math.isfinite(largest) else math.nan
