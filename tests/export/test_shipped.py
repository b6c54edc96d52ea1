"""Every shipped generator: its bundle is what a fresh export gives, its weights are small, its card is there."""

import warnings

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from attngan.checkpoint import PRETRAINED
from attngan.data.transforms import premultiply
from attngan.generators import open_generator
from attngan.generators.text_to_image import prompt_conditions
from attngan_export.export import export_generator
from attngan_runtime import Generator
from attngan_runtime.bundle import Bundle, shipped_names
from tests.export.conftest import write_words_run

LIMITS = {"fashion-32": 2_000_000, "emoji-64": 6_000_000, "captions": 4_000_000}  # bytes of fp16 weights
NAMES = sorted(path.parent.name for path in PRETRAINED.glob("*/config.json"))


def test_both_forms_of_every_generator_ship():
    assert NAMES == sorted(LIMITS) == sorted(shipped_names())


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == "captions")) for name in NAMES]
)
def test_bundle_equals_a_fresh_export(name, tmp_path):
    shipped = Bundle.load(name)
    export_generator(name, tmp_path / name, precision="fp16-weights", attention="attention" in shipped.sidecar)
    fresh = Bundle.load(str(tmp_path / name))
    assert shipped.tokenizer == fresh.tokenizer
    ours, theirs = (onnx.load_from_string(bundle.model).graph.initializer for bundle in (shipped, fresh))
    assert {tensor.name for tensor in ours} == {tensor.name for tensor in theirs}
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in theirs}
    assert all(np.array_equal(numpy_helper.to_array(tensor), values[tensor.name]) for tensor in ours)
    unsigned = ("sha256", "files", "created_with", "tolerance", "golden")  # these depend on versions and rounding
    for key in shipped.sidecar.keys() - set(unsigned):
        assert shipped.sidecar[key] == fresh.sidecar[key], key


@pytest.mark.parametrize("name", ["captions", "captions-likelihood"])
def test_both_generators_of_captions_write_about_key_words(name):
    writer = open_generator(name)
    asked = ["motorcycle, street", "kitchen, sink", "man, bench, dog"] * 16
    sentences = writer.sample(range(48), writer.read_keywords(asked).ids)
    words = [set(writer.tokenizer.split(sentence)) for sentence in sentences]
    found = [word in said for said, text in zip(words, asked, strict=True) for word in text.split(", ")]
    assert writer.name == name and np.mean(found) > 0.6 and len(set(sentences)) > 40


def test_the_bundle_of_captions_writes_what_the_weights_write():
    """Greedy, token for token, from two hundred sets of key words; a near tie may part them."""
    bundle, writer = Generator.load("captions"), open_generator("captions")
    rng = np.random.default_rng(0)
    asked = [", ".join(rng.choice(writer.tokenizer.words[20:], rng.integers(0, 6))) for _ in range(200)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokens = bundle.write(range(200), keywords=asked, top_k=1).tokens
    wanted = writer.tokens(list(range(200)), writer.read_keywords(asked).ids, top_k=1)
    assert (tokens != wanted).any(1).sum() <= 1


@pytest.mark.parametrize("name", [name for name in NAMES if name != "captions"])
def test_bundle_draws_what_the_weights_draw(name):
    assert_drawn_alike(Generator.load(name), open_generator(name))


def assert_drawn_alike(bundle, generator):
    """64 pictures of a Generator and a LoadedGenerator, before alpha: it divides colours, and magnifies rounding."""
    seeds = np.arange(64)
    if bundle.tokenizer:
        prompts = [("red heart", "", "green dragon, red heart", "unheard-of")[seed % 4] for seed in seeds]
        labels = prompt_conditions(generator.tokenizer.encode(prompts), 1 if bundle.styles else None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pictures = bundle.run(seeds=seeds, prompts=prompts, style=1 if bundle.styles else None)
    else:
        labels = seeds % len(bundle.classes) if bundle.classes else None
        pictures = bundle.run(seeds=seeds, classes=labels)
    drawn = generator.sample(seeds, labels)
    if bundle.channels == 4:
        pictures, drawn = premultiply(pictures), premultiply(drawn)
    assert np.abs(pictures.astype(int) - drawn).max() <= 1  # rounding to 8 bits can fall either way


def test_a_generator_from_words_is_compared_with_its_prompts(words_bundle, run_of_words, tmp_path):
    assert_drawn_alike(Generator.load(words_bundle), open_generator(str(run_of_words)))
    with pytest.raises(AssertionError):
        assert_drawn_alike(
            Generator.load(words_bundle), open_generator(str(write_words_run(tmp_path / "x", 3, seed=1)))
        )


@pytest.mark.parametrize("name", NAMES)
def test_size_licence_and_card(name):
    assert (PRETRAINED / name / "generator.safetensors").stat().st_size <= LIMITS[name]
    assert Bundle.load(name).sidecar["license"]
    card = (PRETRAINED / name / "README.md").read_text()
    assert "KID" in card and "attngan train" in card
