"""A task that the package does not know: sixteen numbers in, each twice as large out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import click
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from attngan_runtime import Bundle, Generator
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.base import Parameter, Reply

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

    @staticmethod
    def golden_error(golden: Mapping[str, Any], outputs: Sequence[np.ndarray]) -> float:
        return float(np.abs(outputs[0] - np.array(golden["doubled"])).max())


def numbers_of(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def run(bundle: Bundle, seeds: Any, provider: str, out: Path | None, *, numbers: tuple[str, ...]) -> None:
    """What `attngan-run` does."""
    generator = NumbersGenerator.open(bundle, providers=provider)
    for row in generator.run([numbers_of(text) for text in numbers]):
        click.echo(",".join(f"{value:g}" for value in row))


def toy_bundle(folder: Path) -> Bundle:
    """One in memory alone."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", WIDTH]) for name in ("numbers", "doubled")]
    node = helper.make_node("Mul", ["numbers", "two"], ["doubled"])
    two = numpy_helper.from_array(np.asarray(2, np.float32), "two")
    graph = helper.make_graph([node], "numbers", ends[:1], ends[1:], [two])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    entry = {"dtype": "float32", "shape": ["batch", WIDTH]}
    row = list(range(WIDTH))
    sidecar = {
        "name": "toy", "task": "numbers", "license": "none", "source": "none", "precision": "fp32",
        "inputs": [{"name": "numbers", **entry}], "output": {"name": "doubled", **entry},
        "golden": {"inputs": {"numbers": [row]}, "doubled": [[2 * number for number in row]], "tolerance": 1e-3},
        "tolerance": {"fp32": {}},
    }  # fmt: skip
    return Bundle(folder, sidecar, model.SerializeToString())
