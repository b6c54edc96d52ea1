"""A generator as one ONNX file: opset 18, IR 10, dynamic batch, no external data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import onnx
import torch

import attngan
from attngan.quiet import quiet_exporter
from attngan_export.formats.half_weights import store_as_half
from attngan_export.formats.lowering import MICROSOFT, Target, translations
from attngan_export.forms.base import Form

OPSET, IR = 18, 10


def onnx_bytes(form: Form, target: Target, metadata: Mapping[str, str], *, half: bool = False) -> bytes:
    """The file's content; the same weights and versions give the same bytes.

    metadata: becomes the model's metadata_props. half: stores weights that fp16 holds exactly in fp16.
    """
    model = _program(form, target).model_proto
    _check_model(model, target)
    _clean(model, metadata)
    if half:
        store_as_half(model)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _program(form: Form, target: Target) -> Any:
    batch = torch.export.Dim("batch")
    with quiet_exporter():
        return torch.onnx.export(
            form.graph,
            form.example,
            dynamo=True,
            opset_version=OPSET,
            external_data=False,
            dynamic_shapes=tuple({0: batch} for _ in form.names),
            input_names=list(form.names),
            output_names=list(form.outputs),
            custom_translation_table=translations(target),
            verbose=False,
        )


def _check_model(model: onnx.ModelProto, target: Target) -> None:
    """What every later reader of the file relies on; a failure is our own bug."""
    domains = {entry.domain: entry.version for entry in model.opset_import}
    assert domains.pop("") == OPSET and model.ir_version == IR, (domains, model.ir_version)
    assert set(domains) <= ({MICROSOFT} if target == "ort" else set()), domains
    assert not model.functions
    for value in (*model.graph.input, *model.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch", value


def _clean(model: onnx.ModelProto, metadata: Mapping[str, str]) -> None:
    """Our metadata in place of the exporter's, which holds stack traces with paths of the machine."""
    model.producer_name, model.producer_version = "attngan", attngan.__version__
    model.graph.name, model.doc_string = metadata["name"], ""
    del model.metadata_props[:]
    for key, text in metadata.items():
        model.metadata_props.add(key=key, value=text)
    for graph in _graphs(model.graph):
        parts = (graph.node, graph.value_info, graph.input, graph.output, graph.initializer)
        for part in (graph, *(entry for group in parts for entry in group)):
            part.ClearField("metadata_props")
            part.ClearField("doc_string")


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph, and those of the loops inside it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g)
