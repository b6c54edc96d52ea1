"""A task that the package does not know: sixteen numbers in, each twice as large out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import click
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from attngan_runtime import AttnGANError, Bundle, Generator
from attngan_runtime.bundle import write_sidecar
from attngan_runtime.bundle.schema import Schema, fill, record
from attngan_runtime.bundle.spec import TaskSpec
from attngan_runtime.generators.base import Parameter, Reply
from tests.runtime.sidecars import common

WIDTH = 16
OPTIONS = (click.Option(["--numbers"], multiple=True, help="Numbers: sixteen of them, such as 1,2,3."),)


class NumbersGenerator(Generator):
    """A generator of numbers."""

    makes, verb = "numbers", "double"
    PARAMETERS: ClassVar = {"numbers": Parameter("numbers", str, "numbers")}

    def run(self, numbers: Any) -> np.ndarray:
        """float32 [B, 16] of as many."""
        rows = np.asarray(numbers, np.float32)
        if rows.shape[1:] != (WIDTH,):
            raise AttnGANError("numbers", f"{rows.shape[-1]} of them", f"give {WIDTH}")
        return np.concatenate([found for _, (found,) in self._batches({"numbers": rows}, ["doubled"], 2)])

    def reply(self, **arguments: Any) -> Reply:
        (row,) = self.run([numbers_of(arguments["numbers"])])
        return Reply(json.dumps(row.tolist()).encode(), "application/json")

    def about(self) -> dict[str, Any]:
        return {"width": WIDTH}


def numbers_of(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def run(bundle: Bundle, seeds: Any, provider: str, out: Path | None, *, numbers: tuple[str, ...]) -> None:
    """What `attngan-run` does."""
    generator = NumbersGenerator.open(bundle, providers=provider)
    for row in generator.run([numbers_of(text) for text in numbers]):
        click.echo(",".join(f"{value:g}" for value in row))


def numbers_entry(name: str) -> Schema:
    """What a sidecar must say of an input or output."""
    return record({"name": name, "dtype": "float32", "shape": ["batch", WIDTH]})


SPEC = TaskSpec(("numbers",), {"output": numbers_entry("doubled")}, "rows")


def write_toy_bundle(folder: Path) -> Path:
    """Writes the bundle into `folder`."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", WIDTH]) for name in ("numbers", "doubled")]
    node = helper.make_node("Mul", ["numbers", "two"], ["doubled"])
    two = numpy_helper.from_array(np.asarray(2, np.float32), "two")
    graph = helper.make_graph([node], "numbers", ends[:1], ends[1:], [two])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10).SerializeToString()
    row = list(range(WIDTH))
    golden = {"inputs": {"numbers": [row]}, "doubled": [[2 * number for number in row]], "tolerance": 1e-3}
    folder.mkdir()
    (folder / "model.onnx").write_bytes(model)
    write_sidecar(folder, common("toy", "numbers", {"model.onnx": model}) | {
        "inputs": [fill(numbers_entry("numbers"))], "output": fill(SPEC.outputs["output"]), "golden": golden
    })  # fmt: skip
    return folder
