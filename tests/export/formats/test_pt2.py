"""model.pt2: what is in it, that a wrong one is refused, and that one which could run code is not even loaded."""

import io
import json
import os
import pickle
import re
import shutil
import zipfile

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from refusals import refuses

from attngan_export import export
from attngan_export.cli import main
from attngan_export.export import compare_files, export_generator, form_of, load
from attngan_export.folder import PT2
from attngan_export.formats import FORMATS, pt2_check
from attngan_export.formats.pt2 import load_pt2, pt2_bytes
from attngan_export.verify import verify
from attngan_runtime.bundle import sha256_of, write_sidecar
from tests.export.conftest import few_greedy

GRAPH = "archive/models/model.json"
WEIGHTS, CONSTANTS = (f"archive/data/{kind}/model_{kind}_config.json" for kind in ("weights", "constants"))
EXAMPLE = "archive/data/sample_inputs/model.pt"


@pytest.fixture(scope="module")
def content(bundle):
    return (bundle / PT2).read_bytes()


def rewritten(content, **changes):
    """The file with other records, or more of them: name=(record, bytes → bytes)."""
    changes, out = dict(changes.values()), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in dict.fromkeys([*old.namelist(), *changes]):
            before = old.read(name) if name in old.namelist() else b""
            new.writestr(name, changes.get(name, lambda same: same)(before))
    return out.getvalue()


def with_a_weight_off(content, by=1e-3):
    """One number of the largest weight is moved."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        largest = max(archive.infolist(), key=lambda entry: "/weight_" in entry.filename and entry.file_size)

    def moved(before):
        values = np.frombuffer(before, np.float32).copy()
        values[values.size // 2] += by
        return values.tobytes()

    return rewritten(content, weight=(largest.filename, moved))


@pytest.mark.parametrize("name", ["bundle", "words_bundle", "text_bundle"])
def test_no_pickle_no_path_and_attention_of_torch(name, request):
    path = request.getfixturevalue(name) / PT2
    with zipfile.ZipFile(path) as archive:
        graph = archive.read(GRAPH).decode()
        assert archive.read(EXAMPLE) == b"" and b'"use_pickle": true' not in archive.read(WEIGHTS)
    assert "aten.scaled_dot_product_attention" in graph and "attngan" not in graph
    assert ("higher_order.while_loop" in graph) == (name == "text_bundle")
    assert b".py" not in path.read_bytes(), "a stack trace of the exporter is left in the file"


def test_what_does_not_fit_is_said_by_torch(content):
    module = load_pt2(content, PT2)
    seeds, labels, truncation = torch.tensor([7, 8]), torch.tensor([1, 2]), torch.ones(2)
    assert module(seeds, labels, truncation).shape == (2, 3, 16, 16)
    with pytest.raises(RuntimeError, match=r"args\[1\]\.shape\[0\] to be equal to 2, but got 1"):
        module(seeds, labels[:1], truncation)


def test_the_command_writes_the_same_bytes_again(z_bundle, run_plain, tmp_path, monkeypatch):
    onnx = (z_bundle / "model.onnx").read_bytes()
    monkeypatch.setattr(export, "onnx_bytes", lambda *args, **kwargs: onnx)
    options = ["--input", "z", "--precision", "fp16-weights", "--target", "portable", "--pt2"]
    result = CliRunner().invoke(main, [str(run_plain), "--out", str(tmp_path / "out"), *options])
    assert result.exit_code == 0 and "model.pt2 on torch" in result.stdout and "model.pt2 (0." in result.stdout
    assert (tmp_path / "out" / PT2).read_bytes() == (z_bundle / PT2).read_bytes()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"model.onnx", PT2, "model.onnx.json"}


def test_a_wrong_file_is_refused_and_nothing_written(bundle, content, run_by_class, tmp_path, monkeypatch):
    onnx, wrong = (bundle / "model.onnx").read_bytes(), with_a_weight_off(content)
    monkeypatch.setattr(export, "onnx_bytes", lambda *args, **kwargs: onnx)
    monkeypatch.setitem(FORMATS, PT2, FORMATS[PT2]._replace(write=lambda form: wrong))
    with refuses("model.pt2 on torch: differs .* of the range of image"):
        export_generator(str(run_by_class), tmp_path / "out", pt2=True)
    assert list(tmp_path.iterdir()) == []


def test_sentences_of_a_wrong_file_are_refused(text_bundle, text_run):
    form = form_of(load(str(text_run)), "seed", "fp32")
    files = {name: (text_bundle / name).read_bytes() for name in ("model.onnx", PT2)}
    with few_greedy(), refuses("model.pt2 on torch: differs from PyTorch"):
        compare_files(files | {PT2: with_a_weight_off(files[PT2], by=0.1)}, form)


@pytest.fixture
def forged(bundle, tmp_path):
    """A bundle with another model.pt2 whose hash is right."""

    def make(content):
        copy = shutil.copytree(bundle, tmp_path / "copy")
        (copy / PT2).write_bytes(content)
        sidecar = json.loads((copy / "model.onnx.json").read_text())
        sidecar["files"][PT2] = sha256_of(content)
        write_sidecar(copy, sidecar)
        return copy

    return make


def test_verify_finds_a_wrong_file_by_the_golden_sample(forged, content):
    def upside_down(before):
        return np.frombuffer(before, np.float32)[::-1].tobytes()

    wrong = rewritten(content, weight=("archive/data/weights/weight_0", upside_down))
    with refuses("model.pt2: golden sample differs"):
        verify(forged(wrong))


def edited(record, change):
    """A change of one record of JSON."""

    def apply(before):
        found = json.loads(before)
        change(found)
        return json.dumps(found).encode()

    return record, apply


class Leaves:
    """Unpickled, it leaves a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def saved(path):
    buffer = io.BytesIO()
    torch.save(Leaves(path), buffer)
    return buffer.getvalue()


def evil(path):
    """By kind: changes for which torch would run code that makes the folder `path`, or look names up or open files for
    whoever made them; and what is said of the file."""
    code = f"__import__('os').mkdir({path!r})"
    pickled = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    tree = '[1, {"type": "os.mkdir", "context": "null", "children_spec": []}]'
    symbol, weight = b"Symbol('s", "archive/data/weights/weight_0"
    truthy = {**pickled, "path_name": "tensor_0", "use_pickle": "False"}

    def first_pickled(said):
        return edited(WEIGHTS, lambda config: next(iter(config["config"].values())).update(use_pickle=said))

    def node(**changes):
        return edited(GRAPH, lambda graph: graph["graph_module"]["graph"]["nodes"][0].update(changes))

    def target(name):
        return {"a": node(target=name)}, f'target "{re.escape(name)}"'

    def signature(**changes):
        return edited(GRAPH, lambda graph: graph["graph_module"]["module_call_graph"][0]["signature"].update(changes))

    return {
        "weight": ({"a": first_pickled(True), "b": (weight, lambda old: saved(path))}, "use_pickle true"),
        "weight, as text": (
            {"a": first_pickled("False"), "b": (weight, lambda old: saved(path))},
            'use_pickle "False"',
        ),
        "example": ({"a": (EXAMPLE, lambda old: saved(path))}, "pickled example"),
        "older weights": ({"a": ("archive/data/weights/model.pt", lambda old: saved(path))}, "weights/model"),
        "constant": (
            {
                "a": edited(CONSTANTS, lambda config: config["config"].update(x=pickled)),
                "b": ("archive/data/constants/opaque_obj_0", lambda old: pickle.dumps(Leaves(path))),
            },
            "opaque_obj_0",
        ),
        "constant, as text": (
            {
                "a": edited(CONSTANTS, lambda config: config["config"].update(x=truthy)),
                "b": ("archive/data/constants/tensor_0", lambda old: saved(path)),
            },
            'use_pickle "False"',
        ),
        "library": ({"a": ("archive/data/aotinductor/model/a.so", lambda old: b"")}, "aotinductor"),
        "older format": ({"a": ("version", lambda old: b"8.20")}, "damaged|version"),
        "expression": ({"a": (GRAPH, lambda old: old.replace(symbol, code.encode() + b" or " + symbol))}, "expr_str"),
        "guard": ({"a": edited(GRAPH, lambda graph: graph["guards_code"].append(code))}, "guards_code"),
        "operator": target("torch.os.mkdir"),
        "operator that reads": target("torch.ops.aten.from_file.default"),
        "operator that writes": target("torch.ops.aten.save.default"),
        "no operator": target("torch.ops.aten.name.format"),
        "operator given": (
            {"a": node(inputs=[{"name": "a", "arg": {"as_operator": "torch.os.mkdir"}, "kind": 1}])},
            "as_operator",
        ),
        "metadata": ({"a": node(metadata={"source_fn_stack": "a,torch.os.mkdir"})}, "metadata"),
        "argument": ({"a": signature(forward_arg_names=[f"a={code}"])}, "forward_arg_names"),
        "argument, no list": ({"a": signature(forward_arg_names=f"a={code}")}, "forward_arg_names"),
        "number for text": ({"a": edited(GRAPH, lambda graph: graph.update(torch_version=2))}, "torch_version 2"),
        "tree": ({"a": signature(in_spec=tree)}, "in_spec"),
    }


@pytest.mark.parametrize("kind", list(evil("")))
def test_what_torch_would_execute_is_not_loaded(kind, content, tmp_path):
    changes, said = evil(str(tmp_path / "executed"))[kind]
    with refuses(f"f: ({said}).*so it was not loaded"):
        load_pt2(rewritten(content, **changes), "f")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [0, None, "true", [False], {}])
def test_each_value_is_of_the_type_that_torch_names(value, content):
    for field in ("use_pickle", "is_param", "dtype", "requires_grad", "sizes"):

        def change(config, field=field):
            for entry in config["config"].values():
                (entry if field in entry else entry["tensor_meta"])[field] = value

        if (field, value) != ("dtype", 0):
            with refuses(f"f: holds {field} "):
                load_pt2(rewritten(content, weights=edited(WEIGHTS, change)), "f")


def test_a_torch_that_writes_more_is_not_taken_for_a_stranger(run_plain, monkeypatch):
    monkeypatch.setitem(pt2_check._ALLOWED, "target", r"torch\.ops\.aten\.arange\.default")
    with refuses(r"--pt2: this torch \(2\..*\) writes .* target "):
        pt2_bytes(form_of(load(str(run_plain)), "z", "fp32"))


def test_verify_does_not_load_it_either(forged, content, tmp_path):
    changes, _ = evil(str(tmp_path / "executed"))["weight"]
    with refuses("model.pt2: use_pickle .*not loaded"):
        verify(forged(rewritten(content, **changes)))
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02c"])
def test_what_is_no_pt2_is_said_to_be_damaged(content):
    with refuses("f: is damaged"):
        load_pt2(content, "f")


def test_a_file_that_is_cut_short_is_damaged(content):
    with refuses("f: is damaged"):
        load_pt2(content[: len(content) // 2], "f")
