"""Generators from words: the graph draws and looks as PyTorch does, and what the bundle says of it is true."""

import json
import shutil

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from refusals import refuses

from attngan.generators import open_generator
from attngan.random import normals
from attngan_export import export
from attngan_export.export import export_generator, form_of
from attngan_export.formats.half_weights import round_to_half
from attngan_export.forms.text_to_image import TextToImageForm
from attngan_export.verify import verify
from attngan_runtime import Generator
from attngan_runtime.bundle import parse_sidecar, sha256_of, write_sidecar
from tests.export.conftest import write_words_run

FLOAT_MIN = np.finfo(np.float32).min
PROMPTS = ["red heart", "", "Firefighter, medium skin tone: a red one", "green unicorn", "dragon"]


def in_pytorch(run):
    """The run's own network and tokenizer."""
    generator = open_generator(str(run))
    return generator.network, generator.tokenizer


@pytest.mark.filterwarnings("ignore:prompt")
def test_pictures_and_maps_are_pytorchs(words_bundle, run_of_words):
    network, tokenizer = in_pytorch(run_of_words)
    generator = Generator.load(words_bundle)
    assert generator.styles == ("style 0", "style 1", "style 2")
    seeds, styles = [0, 7, 2**32 - 1, 99, 100], [0, 1, 2, 2, 1]
    for batch in (1, 2, 5):
        given = {"prompts": PROMPTS[:batch], "style": styles[:batch], "truncation": 0.8}
        tokens = tokenizer.encode(PROMPTS[:batch])
        ids, mask = torch.from_numpy(tokens.ids), torch.from_numpy(tokens.mask)
        noise = normals(torch.tensor(seeds[:batch]), 16)
        style, truncation = torch.tensor(styles[:batch]), torch.full((batch,), 0.8)
        wanted, looked = network.with_attention(ids, mask, noise, style, truncation)
        np.testing.assert_allclose(generator.run_float(seeds[:batch], **given), wanted.numpy(), atol=2e-5)
        found = generator.attention(seeds=seeds[:batch], **given)
        np.testing.assert_allclose(found.maps, looked.numpy(), atol=2e-5)
        assert found.maps.shape == (batch, 6, 16, 16)
    assert np.ptp(wanted.numpy()) > 0.2, "a picture of one colour would hide differences"
    assert np.ptp(found.maps[0, 0]) > 1e-3, "maps that are the same everywhere would hide differences"


def test_maps_are_shares_of_words(words_bundle):
    with pytest.warns(UserWarning, match="holds no words"):
        found = Generator.load(words_bundle).attention(PROMPTS[:2], [1, 2])
    np.testing.assert_allclose(found.maps[0].sum(0), 1, atol=1e-5)
    assert found.maps[0, :2].min() > 0 and not found.maps[0, 2:].any(), "padding is looked at"
    assert not found.maps[1].any() and found.words == (("red", "heart"), ())


@pytest.mark.filterwarnings("ignore:prompt")
def test_z_bundle_takes_the_noise_itself(words_z_bundle, run_of_words_alone):
    network, tokenizer = in_pytorch(run_of_words_alone)
    round_to_half(network)
    z, tokens = torch.randn(5, 16, generator=torch.Generator().manual_seed(0)), tokenizer.encode(PROMPTS)
    generator = Generator.load(words_z_bundle)
    found = generator.run_float(z=z.numpy(), prompts=PROMPTS)
    wanted = network.from_z(torch.from_numpy(tokens.ids), torch.from_numpy(tokens.mask), z, None, torch.ones(5))
    np.testing.assert_allclose(found, wanted.numpy(), atol=2e-5)
    assert generator.styles == ()
    with refuses("attention: gives none"):
        generator.attention("red", z=z[:1].numpy())


def test_what_a_word_says_shows(words_bundle):
    found = Generator.load(words_bundle).run_float(3, prompts=["red heart", "green heart"])
    assert np.abs(found[0] - found[1]).max() > 0.01


def test_portable_has_standard_operators_alone(words_z_bundle):
    model = onnx.load(words_z_bundle / "model.onnx")
    assert {node.domain for node in model.graph.node} == {""}
    assert [entry.name for entry in model.graph.output] == ["image"]
    assert [entry.name for entry in model.graph.input] == ["tokens", "mask", "z", "truncation"]


def test_sidecar_says_what_is_asked_and_given(words_bundle, run_of_words):
    sidecar = parse_sidecar((words_bundle / "model.onnx.json").read_bytes())
    assert [entry["name"] for entry in sidecar["inputs"]] == ["tokens", "mask", "seed", "style", "truncation"]
    assert set(sidecar["files"]) == {"model.onnx", "model.torchscript.pt", "model.pt2", "tokenizer.json"}
    assert sidecar["attention"]["shape"] == ["batch", 6, 16, 16] and sidecar["task"] == "text-to-image"
    assert (words_bundle / "tokenizer.json").read_bytes() == (run_of_words / "tokenizer.json").read_bytes()
    golden = sidecar["golden"]["inputs"]
    kinds = list(zip(golden["tokens"], golden["mask"], strict=True))
    assert any(1 in tokens and 0 in mask for tokens, mask in kinds), "no prompt with an unknown word and padding"
    assert [0] * 6 in golden["mask"] and [1] * 6 in golden["mask"]


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_samples_cover_every_kind_of_prompt(run_of_words, batch):
    form = TextToImageForm(open_generator(str(run_of_words)).network)
    drawn = [form.sample(batch, draw) for draw in range(3)]
    assert all(tuple(sample) == form.names for sample in drawn)
    tokens, mask = (torch.cat([sample[name] for sample in drawn]) for name in ("tokens", "mask"))
    assert {0, 2, 6} <= set(mask.sum(1).tolist()) and torch.equal(mask > 0, tokens > 0)
    assert (tokens == 1).any() and tokens.max() < 10 and len(tokens.unique()) > 4
    assert len(torch.cat([sample["style"] for sample in drawn]).unique()) > 1


def test_a_graph_that_fails_on_empty_prompts_alone_is_refused(
    words_z_bundle, run_of_words_alone, tmp_path, monkeypatch
):
    """With −inf in place of the lowest number, as a plain mask has it, only rows without any key change, to NaN."""
    model = onnx.load(words_z_bundle / "model.onnx")
    lowest = [tensor for tensor in model.graph.initializer if np.array_equal(numpy_helper.to_array(tensor), FLOAT_MIN)]
    assert lowest
    for tensor in lowest:
        tensor.CopyFrom(numpy_helper.from_array(np.array(-np.inf, np.float32), tensor.name))
    monkeypatch.setattr(export, "onnx_bytes", lambda *args, **kwargs: model.SerializeToString())
    with refuses("model.onnx: differs .* by nan .* prompts of 0 words; z drawn"):
        export_generator(str(run_of_words_alone), tmp_path / "out", noise="z", precision="fp16-weights")
    assert list(tmp_path.iterdir()) == []


def test_a_whole_bundle_passes_every_check(words_bundle, words_z_bundle, run_of_words, run_of_words_alone):
    rows = verify(words_bundle, str(run_of_words))
    assert ("tokenizer.json", "words", "ok, 10 words, 6 a prompt") in rows
    assert len(rows) == 12 and all(row[2].startswith("ok") for row in rows)
    assert all(row[2].startswith("ok") for row in verify(words_z_bundle, str(run_of_words_alone)))


def test_other_runs_are_told_from_its_own(words_bundle, bundle, run_of_words, run_by_class, tmp_path):
    other_words = "blue heart green dragon firefighter medium skin tone"
    runs = {
        "words": write_words_run(tmp_path / "words", 3, words=other_words),
        "styles": write_words_run(tmp_path / "styles", 2),
        "attention": write_words_run(tmp_path / "attention", 3, attention=()),
        "image": run_by_class,
    }
    for run in runs.values():
        with refuses("--against: other things"):
            verify(words_bundle, str(run))
    with refuses("--against: other things"):
        verify(bundle, str(run_of_words))
    weights = write_words_run(tmp_path / "weights", 3, seed=1)
    with refuses("model.onnx: differs from PyTorch"):
        verify(words_bundle, str(weights))


def test_a_tokenizer_of_another_generator_is_found(words_bundle, tmp_path):
    copy = shutil.copytree(words_bundle, tmp_path / "copy")
    other = write_words_run(tmp_path / "other", 1, words="red heart")
    shutil.copy(other / "tokenizer.json", copy)
    with refuses("tokenizer.json: its SHA-256 is"):
        verify(copy)
    sidecar = json.loads((copy / "model.onnx.json").read_text())
    sidecar["files"]["tokenizer.json"] = sha256_of(copy / "tokenizer.json")
    write_sidecar(copy, sidecar)
    with refuses("tokenizer.json: has 4 words, 6 a prompt"):
        verify(copy)


def test_maps_are_refused_where_no_words_are_attended_to(run_by_class, tmp_path):
    ablated = write_words_run(tmp_path / "ablated", 3, attention=())
    for run in (run_by_class, ablated):
        with refuses(f"--attention: {run.name} attends"):
            export_generator(str(run), tmp_path / "out", attention=True)
    assert not (tmp_path / "out").exists()
    form = form_of(open_generator(str(ablated)), "seed", "fp32")
    assert tuple(form.outputs) == ("image",)
