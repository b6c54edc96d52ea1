"""One cell of the table of compatibility, in a process of its own: `python compatibility_cell.py PROVIDER BUNDLE`.

Opens the bundle in the runtime of this repository, on the onnxruntime that comes first in the path, and prints the
golden sample's largest difference or why there is none, as JSON.
"""

from __future__ import annotations

import json
import math
import sys
from typing import Any

from attngan_runtime.bundle import Bundle
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.base import Generator
from attngan_runtime.generators.golden import golden_error, golden_inputs, golden_outputs


def cell(provider: str, path: str) -> dict[str, Any]:
    """`difference` and whether it is `within` the sidecar's tolerance; or the `reason` that there is none."""
    try:
        bundle = Bundle.load(path)
        session = Generator.open(bundle, providers=provider, threads=1).session
        outputs = session.run(golden_outputs(bundle.sidecar), golden_inputs(bundle.sidecar))
    except AttnGANError as error:
        return {"reason": str(error)}
    except Exception as error:  # ONNX Runtime raises a class of its own for each of its error codes
        return {"reason": str(error).splitlines()[0]}
    difference = golden_error(bundle.sidecar, outputs)
    if not math.isfinite(difference):
        return {"reason": "writes other words" if math.isinf(difference) else "gives NaN or infinity"}
    return {"difference": difference, "within": difference <= bundle.sidecar["golden"]["tolerance"]}


if __name__ == "__main__":
    print(json.dumps(cell(*sys.argv[1:])))
