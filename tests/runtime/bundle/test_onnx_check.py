"""What is refused of an ONNX file before ONNX Runtime sees it, and that nothing else is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from refusals import refuses

from attngan_runtime import AttnGANError, Bundle, Generator
from attngan_runtime.bundle import onnx_check, shipped_names
from attngan_runtime.bundle.onnx_check import check_model
from tests.runtime.sentences_bundle import model_bytes as sentences_model
from tests.runtime.sidecars import with_file
from tests.runtime.words_bundle import model_bytes as words_model


@cache
def intact() -> bytes:
    return sentences_model()


def not_let_pass(model: bytes, words: str) -> None:
    with refuses(f"m: {words}.*; export the generator again$") as raised:
        check_model(model, "m")
    assert len(str(raised.value)) < 200


def test_models_that_an_export_writes_are_let_pass() -> None:
    for model in (intact(), words_model(True, True), *(Bundle.load(name).model for name in shipped_names())):
        check_model(model, "m")


def test_it_takes_milliseconds() -> None:
    for name in shipped_names():
        model, taken = Bundle.load(name).model, []
        for _ in range(5):
            start = time.perf_counter()
            check_model(model, name)
            taken.append(time.perf_counter() - start)
        assert min(taken) < 0.02, (name, taken)  # 2 to 3 ms on a machine at rest


def external(tensor: TensorProto, location: str = "model.onnx.data") -> TensorProto:
    """Its data in another file."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def tensor(shape: list[int] | None = None) -> TensorProto:
    return numpy_helper.from_array(np.zeros(shape or [4], np.float32), "weight\n\x1b")


def in_initializer(model: ModelProto, found: TensorProto) -> None:
    model.graph.initializer.append(found)


def in_attribute(model: ModelProto, found: TensorProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["w"], value=found))


def in_list(model: ModelProto, found: TensorProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("many", [tensor(), found]))


def in_loop(model: ModelProto, found: TensorProto) -> None:
    body = next(node for node in model.graph.node if node.op_type == "Loop").attribute[0].g
    body.initializer.append(found)


def in_branch_of_a_loop(model: ModelProto, found: TensorProto) -> None:
    body = next(node for node in model.graph.node if node.op_type == "Loop").attribute[0].g
    branch = helper.make_graph([helper.make_node("Constant", [], ["w"], value=found)], "branch", [], [])
    body.node.append(helper.make_node("If", ["yes_before"], ["x"], then_branch=branch))


def in_list_of_graphs(model: ModelProto, found: TensorProto) -> None:
    graphs = [helper.make_graph([], "empty", [], []), helper.make_graph([], "g", [], [], [found])]
    model.graph.node[0].attribute.append(helper.make_attribute("graphs", graphs))


PLACES = [in_initializer, in_attribute, in_list, in_loop, in_branch_of_a_loop, in_list_of_graphs]
Place = Callable[[ModelProto, TensorProto], None]


@pytest.mark.parametrize("place", PLACES)
def test_tensors_in_other_files_are_refused_wherever_they_are(place: Place) -> None:
    model = onnx.load_from_string(intact())
    place(model, tensor())
    check_model(model.SerializeToString(), "m")
    changed = onnx.load_from_string(intact())
    place(changed, external(tensor(), "/etc/passwd"))
    not_let_pass(changed.SerializeToString(), r"tensor 'weight\\n\\x1b' lies in another file")


def test_one_sign_of_another_file_is_enough() -> None:
    located, listed = tensor(), tensor()
    located.data_location = TensorProto.EXTERNAL
    listed.external_data.add(key="location", value="*/_ORT_MEM_ADDR_/*")
    for found in (located, listed):
        model = onnx.load_from_string(intact())
        in_initializer(model, found)
        not_let_pass(model.SerializeToString(), "lies in another file")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("shape", [[10**6], [1000, 1000], [2**40], [2**62, 2**62], [-1], [0, 2**62], [1] * 33])
def test_dimensions_that_promise_more_than_is_there_are_refused(place: Place, shape: list[int]) -> None:
    found = tensor()
    found.dims[:] = shape
    model = onnx.load_from_string(intact())
    place(model, found)
    not_let_pass(model.SerializeToString(), "is larger than the data in it")


@pytest.mark.parametrize("shape", [[], [0], [0, 512], [3, 0, 5]])
def test_small_and_empty_tensors_are_let_pass(shape: list[int]) -> None:
    model = onnx.load_from_string(intact())
    in_initializer(model, numpy_helper.from_array(np.zeros(shape, np.float32), "w"))
    in_initializer(model, helper.make_tensor("four bits", TensorProto.INT4, [64], [1] * 64))
    check_model(model.SerializeToString(), "m")


def test_two_tensors_that_protobuf_would_merge_are_refused() -> None:
    attribute = AttributeProto(name="value", type=AttributeProto.TENSOR, t=tensor([4]))
    twice = attribute.SerializeToString() * 2
    assert list(AttributeProto.FromString(twice).t.dims) == [4, 4]
    node = NodeProto(op_type="Constant", output=["w"]).SerializeToString() + field(5, twice)
    not_let_pass(field(7, field(1, node)), "is no ONNX model")


@pytest.mark.parametrize("domain", ["ai.onnx.ml", "com.microsoft.nchwc", "ai.onnx.training", "me", "x" * 500, "\n"])
def test_operators_of_other_domains_are_refused(domain: str) -> None:
    model = onnx.load_from_string(intact())
    model.graph.node.append(helper.make_node("Anything", ["seed"], ["x"], domain=domain))
    not_let_pass(model.SerializeToString(), "asks for operators of ")
    model = onnx.load_from_string(intact())
    model.opset_import.append(helper.make_opsetid(domain, 1))
    not_let_pass(model.SerializeToString(), "asks for operators of ")


def test_the_two_domains_are_let_pass() -> None:
    model = onnx.load_from_string(intact())
    model.graph.node.append(helper.make_node("MultiHeadAttention", ["temperature"], ["x"], domain="com.microsoft"))
    model.graph.node.append(helper.make_node("Neg", ["temperature"], ["y"], domain="ai.onnx"))
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    check_model(model.SerializeToString(), "m")
    for operator in ("EPContext", "Gelu", "multiheadattention", "MultiHeadAttention ", ""):
        node = helper.make_node(operator, ["seed"], ["z"], domain="com.microsoft")
        changed = onnx.load_from_string(model.SerializeToString())
        changed.graph.node.append(node)
        not_let_pass(changed.SerializeToString(), f"asks for com.microsoft's '{operator}'")
    # The last of two counts for protobuf; neither may be what is not allowed.
    mixed = field(4, b"EPContext") + field(4, b"MultiHeadAttention") + field(7, b"com.microsoft") + field(7, b"")
    not_let_pass(field(7, field(1, mixed)), "asks for com.microsoft's 'EPContext'")


def test_what_an_export_never_writes_is_refused() -> None:
    sparse = helper.make_sparse_tensor(tensor([1]), helper.make_tensor("i", TensorProto.INT64, [1], [0]), [2**40])
    function = helper.make_function("me", "f", ["x"], ["y"], [helper.make_node("Neg", ["x"], ["y"])], [])
    for change, words in [
        (lambda model: model.graph.sparse_initializer.append(sparse), "sparse tensors"),
        (lambda model: model.graph.node[0].attribute.append(helper.make_attribute("s", sparse)), "sparse tensors"),
        (lambda model: model.graph.node[0].attribute.append(helper.make_attribute("s", [sparse])), "sparse tensors"),
        (lambda model: model.functions.append(function), "functions"),
        (lambda model: model.training_info.add(), "training information"),
    ]:
        model = onnx.load_from_string(intact())
        change(model)
        not_let_pass(model.SerializeToString(), f"holds {words}")


def nested(depth: int) -> bytes:
    graph = helper.make_graph([], "innermost", [], [])
    for _ in range(depth - 1):
        graph = helper.make_graph([helper.make_node("If", ["x"], ["y"], then_branch=graph)], "g", [], [])
    return bytes(helper.make_model(graph).SerializeToString())


def test_graphs_within_graphs_have_a_bottom() -> None:
    check_model(nested(8), "m")
    for depth in (9, 20):
        not_let_pass(nested(depth), "more than 8 deep")


def test_files_of_a_million_fields_are_refused_in_good_time(monkeypatch: pytest.MonkeyPatch) -> None:
    start = time.perf_counter()
    not_let_pass(field(7, b"\x0a\x00" * 2**21), "has more than 1,048,576 fields")
    assert time.perf_counter() - start < 10
    monkeypatch.setattr(onnx_check, "_MOST_FIELDS", 100)
    not_let_pass(field(7, b"\x05\x00\x00\x00\x00" * 101), "fields|no ONNX")
    not_let_pass(field(7, field(1, b"\x1d\x00\x00\x00\x00" * 60) * 2), "has more than 100 fields")
    check_model(field(7, field(1, b"") * 99), "m")
    not_let_pass(field(7, field(1, b"") * 100), "has more than 100 fields")


def field(number: int, content: bytes) -> bytes:
    """A field of bytes in protobuf's wire format."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    return bytes([*((number >> shift) & 127 | 128 for shift in range(0, max(0, number.bit_length() - 1) // 7 * 7, 7)),
                  number >> max(0, number.bit_length() - 1) // 7 * 7])  # fmt: skip


EMPTY_GRAPH = field(7, b"")


@pytest.mark.parametrize(
    "model",
    [
        b"", b"no protobuf at all", b"\x08", b"\x08\x80", b"\x08" + b"\x80" * 9 + b"\x80\x01", b"\x3a", b"\x3a\x05\x00",
        b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", EMPTY_GRAPH + b"\x09\x00", EMPTY_GRAPH + b"\x0d\x00",
        EMPTY_GRAPH + b"\x0b\x0c", EMPTY_GRAPH + b"\x0e", EMPTY_GRAPH + b"\x0f", EMPTY_GRAPH + b"\x00\x00",
        EMPTY_GRAPH + b"\x02\x00", EMPTY_GRAPH + b"\xff\xff\xff\xff\x7f\x00", EMPTY_GRAPH * 2,
        field(7, b"\x0a\x7f") + bytes(200), field(7, field(5, b"\x0a\x01\x80")) + bytes(9),
        field(7, field(5, b"\x08")) + bytes(9), field(7, field(5, b"\x0a\x02\x01")) + bytes(9),
    ],
)  # fmt: skip
def test_what_is_no_protobuf_is_refused(model: bytes) -> None:
    not_let_pass(model, "is no ONNX model")


def test_a_file_in_onnx_runtimes_own_format_is_refused() -> None:
    """ONNX Runtime would take bytes with this mark for one of its own, though they are well-formed protobuf too."""
    model = b"\x12\x06xxORTM" + intact()
    assert ModelProto.FromString(model).graph.node
    not_let_pass(model, "is in ONNX Runtime's own format")


def test_fields_that_onnx_has_not_yet_are_skipped() -> None:
    check_model(intact() + field(500, b"news") + b"\xa0\x3f\x05" + b"\xa5\x3f1234" + b"\xa1\x3f12345678", "m")


@settings(max_examples=300, deadline=None)
@given(place=st.floats(0, 0.9999), mask=st.integers(1, 255), cut=st.floats(0, 1))
def test_nothing_but_an_attngan_error_is_raised_and_what_passes_is_what_protobuf_reads(
    place: float, mask: int, cut: float
) -> None:
    changed = bytearray(intact()[: int(cut * len(intact())) or None] if mask % 3 == 0 else intact())
    changed[int(place * len(changed))] ^= mask
    with contextlib.suppress(AttnGANError):
        check_model(bytes(changed), "m")
        with contextlib.suppress(DecodeError):  # in a part that isn't walked, such as a type
            read = ModelProto.FromString(bytes(changed))
            assert all(node.domain in ("", "ai.onnx", "com.microsoft") for node in read.graph.node)
            assert not any(found.external_data for found in read.graph.initializer)


def test_such_a_model_is_refused_before_onnx_runtime_sees_it(
    make_bundle: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = make_bundle()
    model = onnx.load(folder / "model.onnx")
    secret = np.arange(64, dtype=np.float32).reshape(1, 1, 8, 8)
    (tmp_path / "secret").write_bytes(secret.tobytes())
    position = next(found for found in model.graph.initializer if found.name == "position")
    external(position, "secret")
    monkeypatch.chdir(tmp_path)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    session.run(None, {"seed": np.zeros(1, np.int64), "class": np.zeros(1, np.int64),
                       "truncation": np.ones(1, np.float32)})  # fmt: skip
    with_file(folder, "model.onnx", model.SerializeToString())
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: pytest.fail("ONNX Runtime saw it"))
    for load in (Bundle.load, Generator.load):
        with refuses("model.onnx: 'position' lies in another file"):
            load(folder)
