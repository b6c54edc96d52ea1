"""Generators of sentences: the graph writes word for word what PyTorch does, and refuses what does not."""

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from google.protobuf.message import Message
from onnx import numpy_helper
from refusals import refuses

from attngan.generators import open_generator
from attngan_export import export, parity
from attngan_export.export import export_generator, form_of, load
from attngan_export.formats.onnx_graph import _graphs
from attngan_export.verify import verify
from attngan_runtime import Generator
from attngan_runtime.bundle import parse_sidecar, write_sidecar
from attngan_runtime.tokenizers.sentences import END
from tests.export.conftest import few_greedy, with_outputs, write_text_run

KEYWORDS = ["dogb", "", "catc, seab", "ballk birdf treeg", "seak"]
SAMPLING = [(1.0, 1, 1.0), (1.0, 0, 1.0), (0.7, 5, 0.9), (3.0, 0, 0.5)]  # temperature, top_k, top_p
BUNDLES = pytest.mark.parametrize(
    ("bundle_name", "run_name"), [("text_bundle", "text_run"), ("text_half_bundle", "text_run_by_mean")]
)


@pytest.fixture(autouse=True)
def _few_greedy():
    with few_greedy():
        yield


@pytest.fixture
def pair(bundle_name, run_name, request):
    """A bundle, and its run in PyTorch with weights as the bundle has them."""
    folder = request.getfixturevalue(bundle_name)
    writer = open_generator(str(request.getfixturevalue(run_name)))
    form_of(writer, "seed", parse_sidecar((folder / "model.onnx.json").read_bytes())["precision"])
    return folder, writer


@BUNDLES
@pytest.mark.parametrize(("temperature", "top_k", "top_p"), SAMPLING)
@pytest.mark.filterwarnings("ignore:key words")
def test_sentences_are_pytorchs(pair, bundle_name, temperature, top_k, top_p):
    folder, writer = pair
    generator, sampling = Generator.load(folder), {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    asked, seeds = KEYWORDS * 4, [0, 2**32 - 1, *range(7, 25)]
    for batch in (1, 2, 20):
        words = writer.read_keywords(asked[:batch])
        found = generator.write(keywords=asked[:batch], seeds=seeds[:batch], **sampling)
        wanted = writer.tokens(seeds[:batch], words.ids, **sampling)
        np.testing.assert_array_equal(found.tokens, wanted)
        assert found.sentences == [writer.tokenizer.sentence(row) for row in wanted]
        np.testing.assert_allclose(found.log_probability, _readable(writer, wanted, words.ids), atol=1e-4)
    lengths, ends_early = (wanted > 0).sum(1), bundle_name == "text_half_bundle"
    if top_k == 1:
        assert lengths.max() < 12 if ends_early else lengths.min() == 12
    else:
        assert lengths.min() < 12 and len(np.unique(wanted)) > 9, "sentences all alike would hide faults"


def _readable(writer, tokens, keywords):
    """Log-probabilities in one pass, not word after word: without [UNK], and without an end as the first token."""
    with torch.no_grad():
        scores = writer.network.generator.likelihood(torch.from_numpy(tokens), torch.from_numpy(keywords))
    scores[:, :, 1] = -torch.inf
    scores[:, 0, END] = -torch.inf
    found = scores.log_softmax(-1).gather(2, torch.from_numpy(tokens)[:, :, None])[:, :, 0].numpy()
    return np.where(tokens > 0, found, 0)


def test_key_words_and_seeds_show(text_bundle):
    generator = Generator.load(text_bundle)
    about = generator.write(keywords=["dogb", "seak", "birdf treeg"], seeds=[1, 1, 1], top_k=1).log_probability
    assert len(np.unique(about[:, 0])) == 3, "key words change nothing"
    assert len(set(generator.run(seeds=range(8)))) > 4, "seeds change nothing"


@pytest.mark.parametrize("name", ["text_bundle", "text_half_bundle"])
def test_loop_is_in_the_file_which_names_no_machine(name, request):
    path = request.getfixturevalue(name) / "model.onnx"
    model = onnx.load(path)
    outer, inner = _graphs(model.graph)
    assert [node.op_type for node in outer.node].count("Loop") == 1 and len(inner.node) > 50
    assert [entry.name for entry in model.graph.output] == ["tokens", "log_probability"]
    assert {entry.key for entry in model.metadata_props} == {"name", "task", "version", "license", "source"}
    notes = [text for part in _parts(model) for text in _notes(part) if part is not model]
    assert notes == [] and not model.doc_string
    for trace in (b".py", b"site-packages", b"Traceback", b'File "', b"/home/", os.fsencode(Path(__file__).parents[2])):
        assert trace not in path.read_bytes()


def _parts(message):
    """Every message inside, itself among them."""
    yield message
    for field, value in message.ListFields():
        values = value if field.is_repeated else [value]
        yield from (part for entry in values if isinstance(entry, Message) for part in _parts(entry))


def _notes(part):
    return [str(value) for field, value in part.ListFields() if field.name in ("doc_string", "metadata_props")]


def test_portable_has_standard_operators_alone_in_the_loop_too(text_half_bundle):
    model = onnx.load(text_half_bundle / "model.onnx")
    assert {node.domain for graph in _graphs(model.graph) for node in graph.node} == {""}
    assert [entry.domain for entry in model.opset_import] == [""] and not model.functions


def test_fp16_weights_are_stored_as_such(text_half_bundle):
    kinds = Counter()
    for graph in _graphs(onnx.load(text_half_bundle / "model.onnx").graph):
        for tensor in graph.initializer:
            kinds[tensor.data_type] += len(tensor.raw_data)
    assert kinds[onnx.TensorProto.FLOAT16] > 5 * kinds[onnx.TensorProto.FLOAT]  # biases and norms are most of the rest


def test_a_wrong_graph_is_refused_and_nothing_written(text_bundle, text_run, tmp_path, monkeypatch):
    model = onnx.load(text_bundle / "model.onnx")
    tables = [entry for graph in _graphs(model.graph) for entry in graph.initializer if 39 in entry.dims]
    assert tables
    for tensor in tables:
        values = numpy_helper.to_array(tensor)
        swapped = np.flip(values, values.shape.index(39))
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(swapped), tensor.name))
    monkeypatch.setattr(export, "onnx_bytes", lambda *args, **kwargs: model.SerializeToString())
    with refuses(r"CPUExecutionProvider: differs .* key words.*refused"):
        export_generator(str(text_run), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


TOKENS, SCORES = np.array([[5, 6, 2, 0], [7, 8, 9, 2]]), -np.ones((2, 4), np.float32)
OUTPUTS = (parity.Expected("tokens", TOKENS, 1.0), parity.Expected("log_probability", SCORES, 1.0))


def compare(ties, row, place):
    """What is said of a file that goes on otherwise from one place of one sentence."""
    tokens, scores = TOKENS.copy(), SCORES.copy()
    tokens[row, place:], scores[row, place:] = 11, -3.0
    case = parity.Case({"seed": np.array([1, 2])}, OUTPUTS, lambda: np.array(ties, bool))
    return parity.compare("f", "r", with_outputs(tokens, scores), [case], 1e-4)


def test_parity_excuses_near_ties_alone_and_counts_them():
    ties = [[0, 0, 0, 0], [0, 1, 0, 0]]
    found = compare(ties, 1, 1)
    assert found.ties == 1 and found.measured == 0 and "parted at a near tie: 1 sentence" in str(found)
    for row, place in ((0, 1), (1, 0), (1, 2)):
        with refuses("f: range of tokens"):
            compare(ties, row, place)


def test_a_score_that_is_off_is_refused_at_a_tie_too():
    case = parity.Case({"seed": np.array([1, 2])}, OUTPUTS, lambda: np.ones((2, 4), bool))
    with refuses("f: range of log_probability"):
        parity.compare("f", "r", with_outputs(TOKENS, SCORES + np.float32(0.01)), [case], 1e-4)


def test_words_as_probable_as_each_other_are_near_ties(text_run):
    writer = load(str(text_run))
    form = form_of(writer, "seed", "fp32")
    inputs = form.sample(8, 3)
    assert not form.ties(inputs, form.module(*inputs.values())).any()
    generator = writer.network.generator
    generator.embedding.weight[4:] = generator.embedding.weight[3].clone()
    generator.bias[3:] = 0.0
    tokens, scores = form.module(*inputs.values())
    assert torch.equal(form.ties(inputs, (tokens, scores))[:, 0], torch.ones(8, dtype=torch.bool))
    with refuses("text: as probable as others"):
        form.golden(writer.name)


def test_a_whole_bundle_passes_every_check(text_bundle, text_half_bundle, text_run, text_run_by_mean):
    rows = verify(text_bundle, str(text_run))
    assert ("tokenizer.json", "words", "ok, 39 words, 12 a sentence") in rows
    assert len(rows) == 12 and all(row[2].startswith("ok") for row in rows)
    assert all(row[2].startswith("ok") for row in verify(text_half_bundle, str(text_run_by_mean)))


@pytest.mark.parametrize(
    ("output", "change", "message"),
    [("tokens", 1, "golden sample has other tokens"), ("log_probability", -0.01, "golden sample differs by 0.01")],
)
def test_a_changed_golden_sample_is_found(text_bundle, tmp_path, output, change, message):
    copy = shutil.copytree(text_bundle, tmp_path / "copy")
    sidecar = json.loads((copy / "model.onnx.json").read_text())
    row = sidecar["golden"][output][-1]
    row[0] += change if row[0] != 38 else -change
    write_sidecar(copy, sidecar)
    with refuses(f": {message}"):
        verify(copy)


def test_other_runs_are_told_from_its_own(text_bundle, text_run_by_mean, run_plain, tmp_path):
    with refuses("model.onnx: differs from PyTorch"):
        verify(text_bundle, str(text_run_by_mean))
    other_words = write_text_run(tmp_path / "words", words=" ".join(f"w{number}x" for number in range(36)))
    for run in (run_plain, other_words, write_text_run(tmp_path / "more", keywords=4)):
        with refuses("--against: other things"):
            verify(text_bundle, str(run))


def test_z_and_attention_are_refused_in_one_line(text_run, tmp_path):
    for options, message in (
        ({"noise": "z"}, "--input z: text writes"),
        ({"attention": True}, "--attention: text att"),
    ):
        with refuses(message):
            export_generator(str(text_run), tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []
