"""A bundle of a fourth task, which no package knows: 16 numbers in, twice as much out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from attngan_runtime.bundle import golden_indices, write_sidecar
from attngan_runtime.bundle.schema import record
from attngan_runtime.bundle.spec import INPUTS, TASKS, TaskSpec
from tests.runtime.sidecars import common, input_entry, output_entry


def model_bytes() -> bytes:
    """An ONNX file of one multiplication."""
    value = helper.make_tensor_value_info
    inputs, outputs = ([value(name, TensorProto.FLOAT, ["batch", 16])] for name in ("numbers", "twice"))
    node, two = helper.make_node("Mul", ["numbers", "two"], ["twice"]), numpy_helper.from_array(np.float32(2), "two")
    graph = helper.make_graph([node], "numbers", inputs, outputs, [two])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def add_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the task and its input into the spec's tables, until the test ends."""
    entry = {"dtype": "float32", "shape": ["batch", 16]}
    monkeypatch.setitem(INPUTS, "numbers", record({"name": "numbers"} | entry))
    output = record({"name": "twice"} | entry)
    monkeypatch.setitem(TASKS, "numbers", TaskSpec(("numbers",), {"output": output}, golden="values"))


def sidecar_of_numbers() -> dict[str, Any]:
    """A valid sidecar of that model, once the task is there."""
    given = np.arange(64, dtype=np.float32).reshape(4, 16) / 7
    indices = golden_indices(given.size)
    return common("doubler", "numbers", {"model.onnx": model_bytes()}) | {
        "inputs": [input_entry("numbers")],
        "output": output_entry("numbers", "output"),
        "golden": {
            "inputs": {"numbers": given.tolist()}, "indices": indices, "tolerance": 1e-3,
            "values": (2 * given).ravel()[indices].tolist(),
        },
    }  # fmt: skip


def write_numbers_bundle(folder: Path) -> Path:
    """Writes the bundle into `folder`, once the task is there."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model_bytes())
    write_sidecar(folder, sidecar_of_numbers())
    return folder
