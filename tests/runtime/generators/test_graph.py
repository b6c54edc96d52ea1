"""What a graph declares, and what it gives, against what its sidecar says."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from refusals import refuses

from attngan_runtime import Generator
from attngan_runtime.bundle import write_sidecar
from tests.runtime.sidecars import with_file


def test_a_graph_that_is_not_what_the_sidecar_says_is_refused(make_bundle: Any) -> None:
    folder, other = make_bundle(), make_bundle("other", classes=[])
    text = json.loads((folder / "model.onnx.json").read_text())
    text["files"] = json.loads((other / "model.onnx.json").read_text())["files"]
    (folder / "model.onnx").write_bytes((other / "model.onnx").read_bytes())
    write_sidecar(folder, text)
    with refuses("waves: takes seed, truncation and"):
        Generator.load(folder)


def test_a_model_that_cannot_be_read_is_one_line(make_bundle: Any) -> None:
    model = onnx.load(make_bundle("intact") / "model.onnx")
    model.opset_import[0].version = 999
    for content, words in [
        (b"no protobuf at all", "is no ONNX model"),
        (model.SerializeToString(), r"ONNX Runtime \S+ can't open it \(.*\); export the generator again, or install"),
    ]:
        with refuses(f"model.onnx: {words}"):
            Generator.load(with_file(make_bundle(f"b{len(content)}"), "model.onnx", content))


def open_ended(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with pictures whose shape is computed, so that ONNX Runtime takes what is declared for it."""
    shape = [entry.dim_value for entry in model.graph.output[0].type.tensor_type.shape.dim][1:]
    model.graph.node[-1].output[0] = "drawn"
    model.graph.initializer.append(numpy_helper.from_array(np.array([0, *shape]), "shape"))
    model.graph.node.append(helper.make_node("ReduceMin", ["seed"], ["least"], keepdims=0))
    model.graph.node.append(helper.make_node("Max", ["shape", "least"], ["computed"]))
    model.graph.node.append(helper.make_node("Reshape", ["drawn", "computed"], ["image"]))
    return model


def redeclared(model: onnx.ModelProto, end: str, kind: int, shape: list[Any]) -> bytes:
    """The model with one of its inputs or outputs declared in another way."""
    ends = [*model.graph.input, *model.graph.output]
    next(given for given in ends if given.name == end).CopyFrom(helper.make_tensor_value_info(end, kind, shape))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("end", "shape", "words"),
    [
        ("seed", ["batch", 1], r"seed is tensor\(int64\) \['batch', 1\], and in the sidecar int64 \['batch'\]"),
        ("seed", [1], r"seed is tensor\(int64\) \[1\], and"),
        ("class", [], r"class is tensor\(int64\) \[\], and"),
        ("image", ["batch", 3, 8, 8], r"image is .* 3, 8, 8\], and in the sidecar float32 \['batch', 1, 8, 8\]"),
        ("image", [2, 1, 8, 8], r"image is .* \[2, 1, 8, 8\], and"),
    ],
)  # fmt: skip
def test_what_a_graph_declares_is_what_the_sidecar_says(
    make_bundle: Any, monkeypatch: pytest.MonkeyPatch, end: str, shape: list[Any], words: str
) -> None:
    folder = make_bundle()
    kind = TensorProto.FLOAT if end == "image" else TensorProto.INT64
    model = open_ended(onnx.load(folder / "model.onnx"))
    monkeypatch.setattr(onnxruntime.InferenceSession, "run", lambda *_: pytest.fail("it was run"))
    with refuses(f"waves: in the graph {words}"):
        Generator.load(with_file(folder, "model.onnx", redeclared(model, end, kind, shape)))


def test_an_output_of_another_type_is_refused(make_bundle: Any) -> None:
    model = onnx.load(make_bundle("intact") / "model.onnx")
    model.graph.node[-1].output[0] = "narrow"
    model.graph.node.append(helper.make_node("Cast", ["narrow"], ["image"], to=TensorProto.DOUBLE))
    changed = redeclared(model, "image", TensorProto.DOUBLE, ["batch", 1, 8, 8])
    with refuses(r"waves: image is tensor\(double\)"):
        Generator.load(with_file(make_bundle(), "model.onnx", changed))


def test_shapes_that_a_graph_leaves_open_are_looked_at_once_it_has_drawn(make_bundle: Any) -> None:
    model = open_ended(onnx.load(make_bundle("wide", shape=(1, 8, 16)) / "model.onnx"))
    changed = redeclared(model, "image", TensorProto.FLOAT, ["batch", 1, "height", "width"])
    generator = Generator.load(with_file(make_bundle(), "model.onnx", changed))
    with refuses(r"waves: drew float32 \(1, 1, 8, 16\)"):
        generator.run(0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pictures_that_are_no_numbers_are_refused(make_bundle: Any, value: float) -> None:
    generator = Generator.load(make_bundle())
    generator.session = Always(np.full((2, 1, 8, 8), value, np.float32))
    with refuses("waves: drew NaN"):
        generator.run([0, 1])
    generator.session = Always(np.zeros((2, 1, 8, 8), np.float64))
    with refuses("waves: drew float64"):
        generator.run([0, 1])
    generator.session = Always(np.zeros((9, 1, 8, 8), np.float32))
    with refuses(r"waves: drew float32 \(9, 1, 8, 8\)"):
        generator.run([0, 1])


def test_names_that_are_no_text_are_one_line(make_bundle: Any) -> None:
    model = onnx.load(make_bundle("intact") / "model.onnx")
    model.graph.output.append(helper.make_tensor_value_info("xyz", TensorProto.FLOAT, ["batch"]))
    model.graph.node.append(helper.make_node("Identity", ["truncation"], ["xyz"]))
    changed = model.SerializeToString().replace(b"\x03xyz", b"\x03x\xffz")
    with refuses("model.onnx: inputs or outputs can't be read"):
        Generator.load(with_file(make_bundle(), "model.onnx", changed))


class Always:
    """A session that gives the same whatever it is asked for."""

    def __init__(self, pictures: np.ndarray) -> None:
        self.pictures = pictures

    def run(self, outputs: Any, feeds: Any) -> list[np.ndarray]:
        return [self.pictures]
