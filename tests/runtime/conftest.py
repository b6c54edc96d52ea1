"""Small bundles, made in a millisecond, whose pictures are known in closed form."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from attngan_runtime.bundle import write_sidecar
from tests.runtime.sentences_bundle import write_sentences_bundle
from tests.runtime.sidecars import input_entry, sidecar_of
from tests.runtime.words_bundle import write_words_bundle

CLASSES = ["T-shirt/top", "Sneaker", "Bag"]
Z_DIM = 4


def expected(seeds: Any, classes: Any, truncation: Any, shape: tuple[int, int, int]) -> np.ndarray:
    """What the model below draws: sin(seed mod 1000 + class + position / 7) · truncation, cut to [−1, 1]."""
    phase = np.asarray(seeds) % 1000 + np.asarray(classes)
    position = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / np.float32(7)
    waves = np.sin(phase.astype(np.float32)[:, None, None, None] + position)
    return np.clip(waves * np.asarray(truncation, np.float32)[:, None, None, None], -1, 1)


def model_bytes(shape: tuple[int, int, int], has_classes: bool, takes_z: bool) -> bytes:
    """An ONNX file with the inputs of an image bundle."""
    position = np.arange(np.prod(shape), dtype=np.float32).reshape(1, *shape) / np.float32(7)
    constants = {"position": position, "low": np.float32(-1), "high": np.float32(1), "rest": np.array([1, 2, 3])}
    constants |= {"last": np.array([1])} if takes_z else {"thousand": np.int64(1000)}
    if takes_z:
        inputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", Z_DIM])]
        nodes = [helper.make_node("ReduceSum", ["z", "last"], ["phase"], keepdims=0)]
    else:
        inputs = [helper.make_tensor_value_info("seed", TensorProto.INT64, ["batch"])]
        nodes = [helper.make_node("Mod", ["seed", "thousand"], ["short"]),
                 helper.make_node("Cast", ["short"], ["phase"], to=TensorProto.FLOAT)]  # fmt: skip
    if has_classes:
        inputs.append(helper.make_tensor_value_info("class", TensorProto.INT64, ["batch"]))
        nodes += [helper.make_node("Cast", ["class"], ["class_float"], to=TensorProto.FLOAT),
                  helper.make_node("Add", ["phase", "class_float"], ["start"])]  # fmt: skip
    else:
        nodes.append(helper.make_node("Identity", ["phase"], ["start"]))
    inputs.append(helper.make_tensor_value_info("truncation", TensorProto.FLOAT, ["batch"]))
    nodes += [
        helper.make_node("Unsqueeze", ["start", "rest"], ["start4"]),
        helper.make_node("Add", ["start4", "position"], ["angle"]),
        helper.make_node("Sin", ["angle"], ["waves"]),
        helper.make_node("Unsqueeze", ["truncation", "rest"], ["truncation4"]),
        helper.make_node("Mul", ["waves", "truncation4"], ["scaled"]),
        helper.make_node("Clip", ["scaled", "low", "high"], ["image"]),
    ]
    output = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", *shape])
    graph = helper.make_graph(nodes, "waves", inputs, [output],
                              [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()])  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def make_sidecar(model: bytes, shape: tuple[int, int, int], classes: list[str], takes_z: bool) -> dict[str, Any]:
    """A valid sidecar of `model`, its golden values drawn by ONNX Runtime."""
    inputs = [input_entry("z", z_dim=Z_DIM) if takes_z else input_entry("seed")]
    golden: dict[str, Any] = {"z": [[0.1, 0.2, 0.3, 0.4], [-1, 0, 1, 2]]} if takes_z else {"seed": [0, 4294967295]}
    if classes:
        inputs.append(input_entry("class", classes=classes))
        golden["class"] = [0, len(classes) - 1]
    golden["truncation"] = [1.0, 0.5]
    kinds = {"seed": np.int64, "class": np.int64, "z": np.float32, "truncation": np.float32}
    feeds = {name: np.array(values, kinds[name]) for name, values in golden.items()}
    (pictures,) = onnxruntime.InferenceSession(model).run(["image"], feeds)
    return sidecar_of("waves", "image", {"model.onnx": model}, inputs, shape, golden, pictures)


@cache
def _model_and_sidecar(
    shape: tuple[int, int, int], classes: tuple[str, ...], takes_z: bool
) -> tuple[bytes, dict[str, Any]]:
    model = model_bytes(shape, bool(classes), takes_z)
    return model, make_sidecar(model, shape, list(classes), takes_z)


BundleMaker = Callable[..., Path]


@pytest.fixture
def make_bundle(tmp_path: Path) -> BundleMaker:
    """Writes a bundle into a folder below tmp_path and returns it."""

    def make(
        name: str = "waves",
        shape: tuple[int, int, int] = (1, 8, 8),
        classes: list[str] | None = None,
        takes_z: bool = False,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        classes = CLASSES if classes is None else classes
        model, sidecar = _model_and_sidecar(shape, tuple(classes), takes_z)
        (folder / "model.onnx").write_bytes(model)
        write_sidecar(folder, sidecar)
        return folder

    return make


@pytest.fixture
def waves() -> Callable[..., np.ndarray]:
    """The closed form of what a bundle from seeds draws."""
    return expected


@pytest.fixture
def words_bundle(tmp_path: Path) -> Path:
    """A bundle that draws from words, in two styles and with maps, as tests/runtime/words_bundle.py says."""
    return write_words_bundle(tmp_path / "words")


@pytest.fixture
def sentences_bundle(tmp_path: Path) -> Path:
    """A bundle that writes, as tests/runtime/sentences_bundle.py says."""
    return write_sentences_bundle(tmp_path / "writer")
