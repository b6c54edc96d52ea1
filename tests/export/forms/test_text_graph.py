"""The graph of a generator of sentences: its loop ends with the last sentence, rows are alone, every input counts."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper
from refusals import refuses

from attngan.networks.decoding import DeployedTextGenerator
from attngan_export import parity
from attngan_export.cli import main
from attngan_export.export import form_of, load
from attngan_export.formats.onnx_graph import _graphs
from attngan_export.forms import text as text_form
from attngan_export.verify import verify
from attngan_runtime.bundle import sha256_of, write_sidecar
from attngan_runtime.generators.golden import golden_inputs
from attngan_runtime.generators.onnx_session import CPU
from tests.export.conftest import few_greedy, write_text_run

LENGTH = 12


def form_and_feeds(run, batch, draw=0):
    form = form_of(load(str(run)), "seed", "fp32")
    return form, {name: value.numpy() for name, value in form.sample(batch, draw).items()}


def written(model, feeds):
    """(tokens, log-probabilities, words for which the loop ran)."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    loop = next(node for node in model.graph.node if node.op_type == "Loop")
    loop.output[0] = loop.output[0] or "count"
    model.graph.output.append(helper.make_tensor_value_info(loop.output[0], TensorProto.INT64, []))
    tokens, scores, count = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)
    return tokens, scores, int(count)


def with_end(model, bias):
    """The same model with another bias of the end of a sentence, which is token 2."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    found = [
        tensor for graph in _graphs(model.graph) for tensor in graph.initializer
        if list(tensor.dims) == [39] and tensor.data_type == TensorProto.FLOAT
    ]  # fmt: skip
    assert len(found) == 1
    values = numpy_helper.to_array(found[0]).copy()
    values[2] = bias
    found[0].CopyFrom(numpy_helper.from_array(values, found[0].name))
    return model


def test_the_loop_ends_with_the_longest_sentence(text_bundle, text_run):
    model, (_, feeds) = onnx.load(text_bundle / "model.onnx"), form_and_feeds(text_run, 8)
    feeds["top_k"][:] = 0
    tokens, scores, count = written(with_end(model, 1e4), feeds)
    assert count == 2 and (tokens[:, 1] == 2).all(), "one word and its end"
    assert not tokens[:, 2:].any() and not scores[:, 2:].any()
    tokens, _, count = written(with_end(model, -1e4), feeds)
    assert count == LENGTH and (tokens > 2).all()
    lengths = {}
    for seed in range(40):
        alone = {name: value[:1] for name, value in feeds.items()} | {"seed": np.array([seed])}
        tokens, _, count = written(with_end(model, 3.0), alone)
        lengths[seed] = int((tokens > 0).sum())
        assert count == lengths[seed]
        if len(set(lengths.values())) > 2:
            break
    together = {name: np.repeat(value[:1], len(lengths), 0) for name, value in feeds.items()}
    tokens, _, count = written(with_end(model, 3.0), together | {"seed": np.array(list(lengths))})
    assert (tokens > 0).sum(1).tolist() == list(lengths.values()) and count == max(lengths.values())


def test_pytorch_stops_there_too(tmp_path, monkeypatch):
    form, _ = form_and_feeds(write_text_run(tmp_path / "run", end=1e4), 1)
    calls, step = [], DeployedTextGenerator.next_word
    monkeypatch.setattr(DeployedTextGenerator, "next_word", lambda *given: calls.append(1) or step(*given))
    form.module(*form.sample(8).values())
    assert len(calls) == 2


@pytest.mark.parametrize("bundle_name", ["text_bundle", "text_half_bundle"])
def test_rows_are_independent(bundle_name, request, text_run):
    session = onnxruntime.InferenceSession(request.getfixturevalue(bundle_name) / "model.onnx")
    _, feeds = form_and_feeds(text_run, 12)
    tokens, scores = session.run(None, feeds)
    assert len(np.unique(tokens, axis=0)) > 6
    for rows in ([0], [5, 1], [11, 3, 3], list(range(11, -1, -1))):
        found = session.run(None, {name: value[rows] for name, value in feeds.items()})
        np.testing.assert_array_equal(found[0], tokens[rows])
        np.testing.assert_allclose(found[1], scores[rows], atol=1e-5)


def test_order_of_key_words_is_of_no_account(text_bundle, text_run):
    session = onnxruntime.InferenceSession(text_bundle / "model.onnx")
    _, feeds = form_and_feeds(text_run, 8)
    turned = feeds | {name: feeds[name][:, ::-1].copy() for name in ("keywords", "mask")}
    hidden = feeds | {"keywords": np.where(feeds["mask"] > 0, feeds["keywords"], 7)}
    assert (hidden["keywords"] != feeds["keywords"]).any(), "no padding to hide something under"
    for other in (turned, hidden):
        found, wanted = session.run(None, other), session.run(None, feeds)
        np.testing.assert_array_equal(found[0], wanted[0])
        np.testing.assert_allclose(found[1], wanted[1], atol=1e-5)


@pytest.fixture(scope="module")
def wanted(text_run):
    """The cases without most of the greedy ones."""
    with few_greedy():
        return parity.cases(form_and_feeds(text_run, 1)[0])


def without(model, name, value):
    """The bytes of the same model with an input that has no effect: every row counts as having `value`."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    kind = np.float32 if name in ("temperature", "top_p") else np.int64
    for graph in _graphs(model.graph):
        for node in graph.node:
            node.input[:] = [f"{name}_fixed" if given == name else given for given in node.input]
    for key, number in (("zero", 0), ("value", value)):
        model.graph.initializer.append(numpy_helper.from_array(np.array(number, kind), f"{name}_{key}"))
    model.graph.node.insert(0, helper.make_node("Mul", [name, f"{name}_zero"], [f"{name}_nothing"]))
    model.graph.node.insert(1, helper.make_node("Add", [f"{name}_nothing", f"{name}_value"], [f"{name}_fixed"]))
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("name", "value"),
    [("keywords", 3), ("mask", 1), ("seed", 5), ("temperature", 1), ("top_k", 0), ("top_p", 1)],
)
def test_a_graph_that_leaves_out_an_input_is_refused(text_bundle, text_run, wanted, name, value):
    model, (_, feeds) = onnx.load(text_bundle / "model.onnx"), form_and_feeds(text_run, 8)
    changed = without(model, name, value)
    feeds[name] = np.full_like(feeds[name], value)
    found, same = (onnxruntime.InferenceSession(m).run(None, feeds) for m in (changed, model.SerializeToString()))
    assert np.array_equal(found[0], same[0]), "changed in another way, too"
    with refuses(r"model.onnx on CPUExecutionProvider: differs .*refused"):
        parity.compare_onnx("model.onnx", changed, wanted)


def constant(model, old, new):
    """The bytes of the same model with another number in place of every scalar `old`."""
    model, found = onnx.ModelProto.FromString(model.SerializeToString()), 0
    for graph in _graphs(model.graph):
        for tensor in graph.initializer:
            values = numpy_helper.to_array(tensor)
            if values.size == 1 and values.dtype == np.asarray(old).dtype and values.ravel()[0] == old:
                tensor.CopyFrom(numpy_helper.from_array(np.full_like(values, new), tensor.name))
                found += 1
    assert found
    return model.SerializeToString()


def test_wrong_arithmetic_of_seeds_and_of_masks_is_refused(text_bundle, wanted):
    model = onnx.load(text_bundle / "model.onnx")
    noise, lowest = np.float32(2**-24), np.finfo(np.float32).min
    for old, new in ((noise, noise * np.float32(1.001)), (lowest, np.float32(0))):
        with refuses("model.onnx: differs from PyTorch"):
            parity.compare_onnx("model.onnx", constant(model, old, new), wanted)


def test_the_file_itself_is_within_a_tenth_of_what_is_allowed(text_bundle, wanted):
    (found,) = parity.compare_onnx("model.onnx", (text_bundle / "model.onnx").read_bytes(), wanted)
    assert found.runner == CPU and found.allowed == pytest.approx(1e-4) and found.measured < 1e-5


def test_trials_hold_edges_every_count_of_key_words_and_a_thousand_greedy_inputs(text_run):
    form, _ = form_and_feeds(text_run, 1)
    assert text_form.GREEDY == 1000
    greedy = [form.sample(*trial) for trial in form.trials if trial[1] >= text_form.DRAWS]
    assert sum(len(inputs["seed"]) for inputs in greedy) == 1000
    assert all((inputs["top_k"] == 1).all() and (inputs["temperature"] == 1).all() for inputs in greedy)
    assert len({tuple(row) for inputs in greedy for row in inputs["keywords"].tolist()}) > 500
    drawn = [form.sample(*trial) for trial in form.trials if trial[1] < text_form.DRAWS]
    assert [len(inputs["seed"]) for inputs in drawn] == [1, 1, 1, 2, 2, 2, 8, 8, 8]
    every = {name: torch.cat([inputs[name] for inputs in drawn]) for name in form.names}
    assert {0, 2**32 - 1} <= set(every["seed"].tolist())
    assert set(every["mask"].sum(1).tolist()) == {0, 1, 2, 3} and (every["keywords"] > 2).equal(every["mask"] > 0)
    assert len(every["temperature"].unique()) == 3 and len(every["top_p"].unique()) == 3
    assert set(every["top_k"].tolist()) == {0, 1, 5, 39}, "top_k is within a vocabulary of 39"


def test_golden_sample_has_no_near_ties(text_bundle, text_run, monkeypatch):
    sidecar = json.loads((text_bundle / "model.onnx.json").read_text())
    form, _ = form_and_feeds(text_run, 1)
    inputs = {name: torch.from_numpy(value) for name, value in golden_inputs(sidecar).items()}
    outputs = tuple(torch.tensor(sidecar["golden"][name]) for name in form.outputs)
    assert len(outputs[0]) == 4 and not form.ties(inputs, outputs).any()
    answers = iter([torch.ones(4, LENGTH, dtype=torch.bool), torch.zeros(4, LENGTH, dtype=torch.bool)])
    monkeypatch.setattr(text_form.TextForm, "ties", lambda *given: next(answers))
    assert form.golden("text")["inputs"]["seed"] == form.sample(4, 1)["seed"].tolist()


def test_ties_are_looked_for_where_a_token_differs_alone(wanted, text_bundle, monkeypatch):
    def refuse(*given):
        raise AssertionError("ties of a file that writes the same")

    monkeypatch.setattr(text_form.TextForm, "ties", refuse)
    parity.compare_onnx("model.onnx", (text_bundle / "model.onnx").read_bytes(), wanted)


@pytest.mark.parametrize("name", ["model.onnx", "model.pt2", "tokenizer.json", "model.onnx.json"])
def test_a_flipped_byte_is_found(text_bundle, tmp_path, name):
    copy = shutil.copytree(text_bundle, tmp_path / "copy")
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with refuses(name):
        verify(copy)


def test_a_tokenizer_of_another_generator_is_found(text_bundle, tmp_path):
    copy = shutil.copytree(text_bundle, tmp_path / "copy")
    other = write_text_run(tmp_path / "other", words="dog cat")
    shutil.copy(other / "tokenizer.json", copy)
    sidecar = json.loads((copy / "model.onnx.json").read_text())
    sidecar["files"]["tokenizer.json"] = sha256_of(copy / "tokenizer.json")
    write_sidecar(copy, sidecar)
    with refuses("tokenizer.json: has 5 words, 12 a sentence"):
        verify(copy)


def test_same_weights_give_the_same_bytes_in_another_process(text_half_bundle, text_run_by_mean):
    script = (
        "import sys; from attngan_export.sidecar import metadata; from attngan_export.export import form_of, load\n"
        "from attngan_export.formats.onnx_graph import onnx_bytes; from attngan_runtime.bundle import sha256_of\n"
        "run = load(sys.argv[1]); form = form_of(run, 'seed', 'fp16-weights')\n"
        "print(sha256_of(onnx_bytes(form, 'portable', metadata(run), half=True)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(text_run_by_mean)], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert done.stdout.strip() == sha256_of(text_half_bundle / "model.onnx")


@pytest.mark.parametrize("options", [["--input", "z"], ["--attention"]])
def test_options_of_pictures_are_refused_by_the_command(text_run, tmp_path, options):
    result = CliRunner().invoke(main, [str(text_run), "--out", str(tmp_path / "out"), *options])
    assert result.exit_code == 2 and result.stderr.startswith(f"error: {' '.join(options)}: text ")
    assert result.stderr.count("\n") == 1 and not (tmp_path / "out").exists()
