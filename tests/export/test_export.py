"""What an export writes, and that it draws as PyTorch does."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from refusals import refuses

from attngan.generators import open_generator
from attngan_export import export
from attngan_export.export import export_generator
from attngan_export.formats.half_weights import round_to_half
from attngan_runtime import Generator
from attngan_runtime.bundle import parse_sidecar
from attngan_runtime.generators.golden import golden_inputs


def operators(folder):
    model = onnx.load(folder / "model.onnx")
    return Counter(f"{node.domain}:{node.op_type}" for node in model.graph.node)


def test_bundle_is_read_and_drawn_by_the_runtime(bundle, run_by_class):
    generator = Generator.load(bundle)
    assert generator.name == "by-class" and generator.classes == ("class 0", "class 1", "class 2")
    seeds, classes = [0, 7, 2**32 - 1, 99, 100], [0, 1, 2, 0, 1]
    for batch in (1, 2, 5):
        got = generator.run_float(seeds=seeds[:batch], classes=classes[:batch], truncation=0.8)
        wanted = open_generator(str(run_by_class)).network(
            torch.tensor(seeds[:batch]), torch.tensor(classes[:batch]), torch.full((batch,), 0.8)
        )
        np.testing.assert_allclose(got, wanted.numpy(), atol=2e-5)
    assert np.ptp(wanted.numpy()) > 0.2, "a picture of one colour would hide differences"


def test_z_bundle_takes_the_noise_itself(z_bundle, run_plain):
    network = open_generator(str(run_plain)).network
    round_to_half(network)
    z = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    got = Generator.load(z_bundle).run_float(z=z.numpy())
    np.testing.assert_allclose(got, network.from_z(z, None, torch.ones(3)).numpy(), atol=2e-5)


def test_targets_differ_in_attention_alone(bundle, z_bundle):
    assert operators(bundle)["com.microsoft:MultiHeadAttention"] == 1
    assert operators(bundle)[":Softmax"] == 0
    assert all(name.startswith(":") for name in operators(z_bundle))
    assert operators(z_bundle)[":Softmax"] == 1


@pytest.mark.parametrize("name", ["bundle", "z_bundle"])
def test_file_stands_alone_and_names_no_machine(name, request):
    path = request.getfixturevalue(name) / "model.onnx"
    model = onnx.load(path, load_external_data=False)
    assert model.ir_version == 10 and next(e.version for e in model.opset_import if not e.domain) == 18
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    shapes = {v.name: v.type.tensor_type.shape.dim[0].dim_param for v in (*model.graph.input, *model.graph.output)}
    assert set(shapes.values()) == {"batch"} and "image" in shapes
    assert {"name", "version", "license", "source"} <= {entry.key for entry in model.metadata_props}
    assert b".py" not in path.read_bytes(), "a stack trace of the exporter is left in the file"


def test_fp16_weights_are_half_the_size_and_cast_back(z_bundle):
    model = onnx.load(z_bundle / "model.onnx")
    kinds = Counter()
    for tensor in model.graph.initializer:
        kinds[tensor.data_type] += len(tensor.raw_data)
    assert kinds[onnx.TensorProto.FLOAT16] > 10 * kinds[onnx.TensorProto.FLOAT]
    assert json.loads((z_bundle / "model.onnx.json").read_text())["tolerance"]["fp16-weights"]


def test_weights_beyond_fp16_are_refused(run_plain):
    network = open_generator(str(run_plain)).network
    network.generator.basis.view(-1)[0] = 7e4
    with refuses(r"--precision fp16-weights: generator\.basis reaches"):
        round_to_half(network)


def test_same_weights_give_the_same_bytes_in_another_process(bundle, run_by_class, tmp_path):
    command = [sys.executable, "-m", "attngan_export.cli", str(run_by_class), "--out", str(tmp_path / "again")]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "differs from PyTorch by" in done.stdout
    assert (tmp_path / "again" / "model.onnx").read_bytes() == (bundle / "model.onnx").read_bytes()


def test_sidecar_says_what_was_measured(bundle):
    sidecar = parse_sidecar((bundle / "model.onnx.json").read_bytes())
    found = sidecar["tolerance"]["fp32"]["CPUExecutionProvider"]
    assert 0 <= found["measured"] <= found["asked"] == 1e-5
    assert [entry["name"] for entry in sidecar["inputs"]] == ["seed", "class", "truncation"]
    assert sidecar["golden"]["inputs"]["seed"][:2] == [0, 2**32 - 1]
    assert set(sidecar["files"]) == {"model.onnx", "model.torchscript.pt", "model.pt2"}
    assert golden_inputs(sidecar)["truncation"].dtype == np.float32


def test_an_older_bundle_is_replaced_and_nothing_is_left_beside_it(bundle, z_bundle, run_plain, tmp_path):
    out = tmp_path / "bundle"
    out.mkdir()
    for path in bundle.iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    export_generator(str(run_plain), out, noise="z")
    assert {path.name for path in out.iterdir()} == {"model.onnx", "model.onnx.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert Generator.load(out).z_dim == 16


def test_a_sidecar_that_breaks_the_schema_is_not_written(bundle, run_by_class, tmp_path, monkeypatch):
    onnx_content = (bundle / "model.onnx").read_bytes()
    monkeypatch.setattr(export, "onnx_bytes", lambda *args, **kwargs: onnx_content)
    run = shutil.copytree(run_by_class, tmp_path / "run")
    (run / "config.json").write_text((run / "config.json").read_text().replace("class 1", r"class\u0007"))
    with refuses(rf"--out {tmp_path}/out: {tmp_path}/out/model.onnx.json: inputs.class.classes.1"):
        export_generator(str(run), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_the_runtime_would_not_load_is_not_written(words_bundle, run_of_words, tmp_path, monkeypatch):
    onnx_content = (words_bundle / "model.onnx").read_bytes()
    monkeypatch.setattr(export, "onnx_bytes", lambda *args, **kwargs: onnx_content)
    monkeypatch.setattr(export, "tokenizer_bytes", lambda content: b"{}")
    with refuses(f"--out {tmp_path}/out: {tmp_path}/out/tokenizer.json"):
        export_generator(str(run_of_words), tmp_path / "out", attention=True)
    assert list(tmp_path.iterdir()) == []
