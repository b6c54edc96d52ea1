"""Changes to ONNX files: to their bytes, and to what these mean."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tests.runtime.fuzz import mutate_bytes
from tests.runtime.fuzz.plant_onnx import plant

_SIZES = (0, 1, 2, 3, 7, 255, 4096, 65536, 10**6, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, -1, -2, -(2**63))
_FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-38, 3e38, math.inf, -math.inf, math.nan, 1e9)
_NAMES = ("", "image", "seed", "tokens", "x" * 5000, "a\nb", "../x", "日本", "\x1b[2J", "-1", "image ", "%s%n")
_TYPES = (0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 21, 22, 23, 24, 99)
_OPERATORS = sorted({schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == ""})
_MICROSOFT = (
    "MultiHeadAttention", "Attention", "FusedConv", "FusedMatMul", "FusedGemm", "QLinearAdd", "Gelu", "BiasGelu",
    "NGramRepeatBlock",
    "SkipLayerNormalization", "EmbedLayerNormalization", "GroupQueryAttention", "BeamSearch", "GreedySearch",
    "Tokenizer",
    "MatMulNBits", "Unique", "ExpandDims", "CropAndResize", "MurmurHash3", "WordConvEmbedding", "TransposeMatMul",
    "DynamicQuantizeMatMul", "GridSample", "Inverse", "Trilu", "SampleOp", "CDist", "Pad", "MaxpoolWithMask",
    "Sampling",
    "RotaryEmbedding", "SparseAttention", "QMoE", "WhisperBeamSearch", "EPContext", "NhwcMaxPool",
    "BifurcationDetector",
)  # fmt: skip


_ATTRIBUTES = (
    "axis", "axes", "keepdims", "to", "perm", "num_outputs", "strides", "dilations", "fmod", "allowzero", "group",
    "kernel_shape", "pads", "auto_pad", "scan_input_axes", "num_scan_inputs", "equation",
)  # fmt: skip


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)


def _nodes(model: ModelProto) -> list[NodeProto]:
    return [node for graph in _graphs(model.graph) for node in graph.node]


def _tensors(model: ModelProto) -> list[TensorProto]:
    return [held for graph in _graphs(model.graph) for held in graph.initializer]


def _names(model: ModelProto) -> list[str]:
    names = {name for node in _nodes(model) for name in (*node.input, *node.output)}
    return sorted(names | {held.name for held in _tensors(model)})


def dimensions(rng: Random, model: ModelProto) -> None:
    held = rng.choice(_tensors(model))
    changed = list(held.dims) or [1]
    changed[rng.randrange(len(changed))] = rng.choice(_SIZES)
    held.dims[:] = rng.choice(
        (changed, changed, [*held.dims, rng.choice(_SIZES)], held.dims[1:], [rng.choice(_SIZES)] * 9)
    )


def element_type(rng: Random, model: ModelProto) -> None:
    rng.choice(_tensors(model)).data_type = rng.choice(_TYPES)


def data(rng: Random, model: ModelProto) -> None:
    held = rng.choice(_tensors(model))
    held.raw_data = mutate_bytes.mutated(rng, held.raw_data)[1]


def numbers(rng: Random, model: ModelProto) -> None:
    """Shapes, axes, indices and the times a loop goes round are constants too."""
    whole = [held for held in _tensors(model) if held.data_type == TensorProto.INT64 and len(held.raw_data) >= 8]
    held = rng.choice(whole)
    at = rng.randrange(len(held.raw_data) // 8) * 8
    held.raw_data = held.raw_data[:at] + rng.choice(_SIZES).to_bytes(8, "little", signed=True) + held.raw_data[at + 8 :]


def another_place(rng: Random, model: ModelProto) -> None:
    held = rng.choice(_tensors(model))
    held.data_location = TensorProto.EXTERNAL
    for key, value in (("location", rng.choice(("w", "../w", "/etc/passwd", "*/_ORT_MEM_ADDR_/*"))), ("offset", "0")):
        held.external_data.add(key=key, value=value)


def operator(rng: Random, model: ModelProto) -> None:
    node = rng.choice(_nodes(model))
    if rng.random() < 0.3:
        node.op_type, node.domain = rng.choice(_MICROSOFT), "com.microsoft"
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    else:
        node.op_type = rng.choice(_OPERATORS)
    while rng.random() < 0.4:
        node.input.append(rng.choice(_names(model)))


def domain(rng: Random, model: ModelProto) -> None:
    rng.choice(_nodes(model)).domain = rng.choice(
        ("ai.onnx", "ai.onnx.ml", "com.microsoft", "me", "com.microsoft.nchwc")
    )


def wire(rng: Random, model: ModelProto) -> None:
    """Cycles, what is not there, and one thing twice."""
    node = rng.choice(_nodes(model))
    ends = rng.choice((node.input, node.output))
    if ends:
        ends[rng.randrange(len(ends))] = rng.choice((*_names(model), *_names(model), *_NAMES))
    if rng.random() < 0.2:
        ends.append(rng.choice(_names(model)))


def order(rng: Random, model: ModelProto) -> None:
    graph = rng.choice(list(_graphs(model.graph)))
    at = rng.randrange(len(graph.node))
    node = NodeProto.FromString(graph.node[at].SerializeToString())
    if rng.random() < 0.7:
        del graph.node[at]
    if rng.random() < 0.7:
        graph.node.insert(rng.randint(0, len(graph.node)), node)


def attribute(rng: Random, model: ModelProto) -> None:
    held = [found for node in _nodes(model) for found in node.attribute]
    found = rng.choice(held)
    kind = rng.random()
    if kind < 0.4:
        found.i, found.f = rng.choice(_SIZES), rng.choice(_FLOATS)
        found.ints.extend(rng.choice(_SIZES) for _ in range(rng.randint(0, 3)))
    elif kind < 0.6:
        found.type = rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 13, 99)) % 15
    elif kind < 0.8:
        found.name = rng.choice(
            ("axis", "axes", "to", "perm", "keepdims", "mode", "body", "num_heads", "k", "value", "")
        )
    else:
        node = rng.choice(_nodes(model))
        node.attribute.append(AttributeProto.FromString(found.SerializeToString()))


def new_attribute(rng: Random, model: ModelProto) -> None:
    name = rng.choice(_ATTRIBUTES)
    value: Any = rng.choice(
        (rng.choice(_SIZES), rng.choice(_FLOATS), [rng.choice(_SIZES) for _ in range(4)], "SAME", b"\xff")
    )
    rng.choice(_nodes(model)).attribute.append(helper.make_attribute(name, value))


def swell(rng: Random, model: ModelProto) -> None:
    """Something huge between two nodes, or only beside them."""
    graph, name = model.graph, f"huge{rng.randrange(10**6)}"
    size = [rng.choice(_SIZES[5:]) for _ in range(rng.choice((1, 1, 2, 4)))]
    graph.initializer.append(helper.make_tensor(f"{name}_size", TensorProto.INT64, [len(size)], size))
    at = rng.randrange(len(graph.node))
    source = rng.choice((*graph.node[at].input, "truncation"))
    new = rng.choice((
        helper.make_node("ConstantOfShape", [f"{name}_size"], [name]),
        helper.make_node("Expand", [source, f"{name}_size"], [name]),
        helper.make_node("Tile", [source, f"{name}_size"], [name]),
        helper.make_node("Reshape", [source, f"{name}_size"], [name]),
        helper.make_node("RandomNormal", [], [name], shape=size),
        helper.make_node("Pad", [source, f"{name}_size"], [name]),
        helper.make_node("OneHot", [source, f"{name}_size", source], [name]),
        helper.make_node("TopK", [source, f"{name}_size"], [name, f"{name}_places"]),
    ))  # fmt: skip
    graph.node.insert(at, new)
    if graph.node[at + 1].input and rng.random() < 0.7:
        graph.node[at + 1].input[rng.randrange(len(graph.node[at + 1].input))] = name


def bomb(rng: Random, model: ModelProto) -> None:
    """A graph in which nothing is wrong, but for what it takes: memory for all these zeros, or time to add them."""
    (taken,) = (given.name for given in model.graph.input if given.name in ("truncation", "temperature"))
    rows = rng.choice((10, 10**4, 10**6, 10**8, 2**31, 2**40))
    size = helper.make_tensor("bomb_size", TensorProto.INT64, [2], [rows, rng.choice((1, 1000))])
    again = helper.make_tensor("bomb_again", TensorProto.INT64, [], [rng.choice((1, 10**6, 2**62))])
    value, floats, truth = helper.make_tensor_value_info, TensorProto.FLOAT, TensorProto.BOOL
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["on_next"]), helper.make_node("Neg", ["sum"], ["sum_next"])], "body",
        [value("turn", TensorProto.INT64, []), value("on", truth, []), value("sum", floats, None)],
        [value("on_next", truth, []), value("sum_next", floats, None)],
    )  # fmt: skip
    model.graph.initializer.extend([size, again])
    for node in model.graph.node:
        node.input[:] = [f"{taken}_bombed" if name == taken else name for name in node.input]
    total = rng.choice(("bomb_least", "bomb_all"))
    nodes = [
        helper.make_node("ReduceMin", [taken], ["bomb_least"], keepdims=0),
        helper.make_node("Expand", ["bomb_least", "bomb_size"], ["bomb_full"]),
        helper.make_node("ReduceMin", ["bomb_full"], ["bomb_all"], keepdims=0),
        helper.make_node("Loop", ["bomb_again", "", total], ["bomb_end"], body=body),
        helper.make_node("Abs", ["bomb_end"], ["bomb_same"]),
        helper.make_node("Min", [taken, "bomb_same"], [f"{taken}_bombed"]),
    ]
    for node in reversed(nodes):
        model.graph.node.insert(0, node)


def ends(rng: Random, model: ModelProto) -> None:
    graph = rng.choice(list(_graphs(model.graph)))
    given = rng.choice([*graph.input, *graph.output])
    kind = rng.random()
    if kind < 0.2:
        given.name = rng.choice((*_NAMES, *_names(model)))
    elif kind < 0.5:
        given.type.tensor_type.elem_type = rng.choice(_TYPES)
    elif kind < 0.9:
        shape = given.type.tensor_type.shape
        for entry in shape.dim:
            if rng.random() < 0.5:
                entry.dim_value = rng.choice(_SIZES)
        if rng.random() < 0.4:
            shape.dim.add(dim_value=rng.choice(_SIZES))
    elif rng.random() < 0.5:
        graph.input.remove(given) if given in graph.input else graph.output.remove(given)
    else:
        rng.choice((graph.input, graph.output)).append(given)


def header(rng: Random, model: ModelProto) -> None:
    kind = rng.random()
    if kind < 0.4:
        model.opset_import[0].version = rng.choice(
            (-1, 0, 1, 6, 7, 9, 10, 11, 12, 13, 16, 17, 19, 21, 22, 23, 24, 99, 2**62)
        )
    elif kind < 0.6:
        model.ir_version = rng.choice((-1, 0, 1, 2, 3, 4, 7, 11, 12, 13, 99, 2**62))
    elif kind < 0.8:
        model.opset_import.append(
            helper.make_opsetid(rng.choice(("", "ai.onnx", "com.microsoft", "me")), rng.choice(_SIZES))
        )
    else:
        del model.opset_import[:]


def deepen(rng: Random, model: ModelProto) -> None:
    """Branches within branches."""
    name = rng.choice(_names(model))
    graph = helper.make_graph(
        [helper.make_node("Identity", [name], ["deep"])], "g", [], [onnx.ValueInfoProto(name="deep")]
    )
    for depth in range(rng.choice((1, 2, 6, 7, 8, 30))):
        branches = {"then_branch": graph} | ({"else_branch": graph} if depth < 3 else {})  # they double at each step
        given = helper.make_node("If", [rng.choice(_names(model))], [f"deep{depth}"], **branches)
        graph = helper.make_graph([given], "g", [], [onnx.ValueInfoProto(name=f"deep{depth}")])
    model.graph.node.insert(rng.randint(0, len(model.graph.node)), graph.node[0])


def hold_too_much(rng: Random, model: ModelProto) -> None:
    kind, held = rng.random(), rng.choice(_tensors(model))
    if kind < 0.3:
        where = numpy_helper.from_array(
            numpy_helper.to_array(helper.make_tensor("i", TensorProto.INT64, [1], [0])), "i"
        )
        model.graph.sparse_initializer.append(helper.make_sparse_tensor(held, where, [rng.choice(_SIZES)]))
    elif kind < 0.6:
        node = helper.make_node("Identity", ["x"], ["y"])
        model.functions.append(helper.make_function("", rng.choice(("Add", "f")), ["x"], ["y"], [node], []))
    else:
        model.graph.initializer.extend([held] * rng.choice((1, 2, 500)))


CHANGES: tuple[Callable[[Random, ModelProto], None], ...] = (
    dimensions, element_type, data, numbers, numbers, another_place, operator, operator, domain, wire, wire, order,
    bomb, attribute, attribute, new_attribute, swell, swell, ends, ends, header, deepen, hold_too_much,
)  # fmt: skip


def _planted(rng: Random, content: bytes) -> tuple[str, bytes]:
    while True:
        model = onnx.load_from_string(content)
        with contextlib.suppress(IndexError, KeyError):  # of an operator whose inputs aren't made up
            plant(rng, model)
            node = model.graph.node[0]
            return f"plant {node.domain}.{node.op_type}".replace(" .", " "), model.SerializeToString(deterministic=True)


def mutated(rng: Random, content: bytes) -> tuple[str, bytes]:
    """(names of the changes, the model with them): some to bytes, whatever these mean, some new operators alone."""
    kind = rng.random()
    if kind < 0.25:
        return mutate_bytes.mutated(rng, content)
    if kind < 0.6:
        return _planted(rng, content)
    model, names = onnx.load_from_string(content), []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        change = rng.choice(CHANGES)
        try:
            change(rng, model)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue  # this model has nothing of the kind, or protobuf doesn't take it
        names.append(change.__name__)
    changed = model.SerializeToString(deterministic=True)
    if rng.random() < 0.1 or changed == content:
        name, changed = mutate_bytes.mutated(rng, changed)
        names.append(name)
    return "+".join(names), changed
