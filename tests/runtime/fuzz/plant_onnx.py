"""Operators put into a model that never had them, with inputs of types they take, in shapes and values they may not.

ONNX Runtime says itself which operators it has on the CPU, and what each takes. Their inputs are constants, so that it
runs many of them while it opens the model already.
"""

from __future__ import annotations

import math
from functools import cache
from random import Random
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, ValueInfoProto, helper
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

_OPSET = 18
_KINDS = {
    "tensor(float)": TensorProto.FLOAT, "tensor(double)": TensorProto.DOUBLE, "tensor(float16)": TensorProto.FLOAT16,
    "tensor(int64)": TensorProto.INT64, "tensor(int32)": TensorProto.INT32, "tensor(int8)": TensorProto.INT8,
    "tensor(uint8)": TensorProto.UINT8, "tensor(bool)": TensorProto.BOOL, "tensor(string)": TensorProto.STRING,
}  # fmt: skip
_WHOLE = (0, 1, 2, 3, -1, -2, 5, 127, -128, 1000, 2**31 - 1, 2**31, -(2**31), 2**40, 2**63 - 1, -(2**63))
_REAL = (0.0, 1.0, -1.0, 0.5, -0.0, 1e-40, 65504.0, 3e38, math.inf, -math.inf, math.nan)
_WORDS = (
    "", "SAME_UPPER", "VALID", "NOTSET", "linear", "nearest", "cubic", "constant", "reflect", "edge", "none", "add",
    "mul", "DCR", "CRD", "round_prefer_floor", "asymmetric", "align_corners", "bilinear", "i,i->i", "ij,jk", "...",
    "Relu", "Tanh", "forward", "bidirectional", "a" * 300,
)  # fmt: skip


@cache
def _schemas() -> dict[tuple[str, str], Any]:
    """By domain and name the newest form of each operator that loading lets pass and that runs on the CPU."""
    kernels = {(k.domain, k.op_name) for k in runtime.get_all_opkernel_def() if k.provider == "CPUExecutionProvider"}
    found: dict[tuple[str, str], Any] = {}
    for schema in sorted(runtime.get_all_operator_schema(), key=lambda schema: schema.since_version):
        key = schema.domain, schema.name
        known = schema.domain == "" or key == ("com.microsoft", "MultiHeadAttention")
        if key in kernels and known and schema.since_version <= _OPSET:
            found[key] = schema
    return dict(sorted(found.items()))


def plant(rng: Random, model: ModelProto) -> None:
    """Adds one operator at the front of the graph, and its output to the graph's."""
    domain, name = rng.choice(list(_schemas()))
    schema, label = _schemas()[domain, name], f"planted{len(model.graph.node)}"
    chosen: dict[str, str] = {}
    inputs = []
    for number in range(_count(rng, schema.min_input, schema.max_input)):
        formal = schema.inputs[min(number, len(schema.inputs) - 1)]
        types = sorted(set(formal.types) & set(_KINDS))
        if number >= schema.min_input and (rng.random() < 0.3 or not types):
            inputs.append("")
            continue
        kind = chosen.setdefault(formal.typeStr, rng.choice(types))  # IndexError for what takes sequences alone
        inputs.append(f"{label}_{number}")
        model.graph.initializer.append(_tensor(rng, inputs[-1], _KINDS[kind]))
    outputs = [f"{label}_out{number}" for number in range(_count(rng, schema.min_output, schema.max_output))]
    node = helper.make_node(name, inputs, outputs, domain=domain)
    for attribute in sorted(schema.attributes):
        if schema.attributes[attribute].required or rng.random() < 0.4:
            value = _value(rng, schema.attributes[attribute].type.name)
            node.attribute.append(helper.make_attribute(attribute, value))
    model.graph.node.insert(0, node)
    model.graph.output.append(ValueInfoProto(name=outputs[0]))
    if domain and all(entry.domain != domain for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(domain, 1))


def _count(rng: Random, fewest: int, most: int) -> int:
    return rng.randint(max(fewest, 1), max(1, min(most, fewest + 3)))


def _tensor(rng: Random, name: str, kind: int) -> TensorProto:
    shape = [rng.choice((0, 1, 1, 2, 2, 3, 4, 5, 8, 33)) for _ in range(rng.choice((0, 1, 1, 2, 3, 4, 4, 5)))]
    count = math.prod(shape) if math.prod(shape) < 5000 else 0
    shape = shape if count or 0 in shape else [0]
    if kind == TensorProto.STRING:
        return helper.make_tensor(name, kind, shape, [rng.choice(("", "a", "é", "\0", "x" * 999)).encode()] * count)
    spread = rng.random() < 0.4
    pool = _REAL if kind in (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16) else _WHOLE
    values = [rng.choice(pool if spread else pool[:4]) for _ in range(count)]
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    with np.errstate(all="ignore"):
        content = np.array(values, np.float64 if pool is _REAL else np.int64).astype(dtype)
    return helper.make_tensor(name, kind, shape, content.tobytes(), raw=True)


def _value(rng: Random, kind: str) -> Any:
    """Of an attribute. KeyError for graphs and types, which are not made up."""
    whole = rng.choice(_WHOLE if rng.random() < 0.4 else _WHOLE[:6])
    return {
        "INT": whole, "FLOAT": rng.choice(_REAL), "STRING": rng.choice(_WORDS), "TENSOR": _tensor(rng, "", 1),
        "INTS": [rng.choice(_WHOLE[: rng.choice((4, 16))]) for _ in range(rng.choice((1, 2, 2, 4, 8)))],
        "FLOATS": [rng.choice(_REAL)] * rng.choice((1, 2)), "STRINGS": [rng.choice(_WORDS)] * rng.choice((1, 2)),
    }[kind]  # fmt: skip
