"""Every shipped generator: its bundle is what a fresh export gives, its weights are small, its card is there."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from attngan.checkpoint import PRETRAINED, load_generator
from attngan_export.export import export_generator
from attngan_runtime import Generator
from attngan_runtime.bundle import Bundle, shipped_names

LIMITS = {"fashion-32": 2_000_000, "emoji-64": 6_000_000}  # bytes of fp16 weights
NAMES = sorted(path.parent.name for path in PRETRAINED.glob("*/config.json"))


def test_both_forms_of_every_generator_ship():
    assert NAMES == sorted(LIMITS) == sorted(shipped_names())


@pytest.mark.parametrize("name", NAMES)
def test_bundle_equals_a_fresh_export(name, tmp_path):
    export_generator(name, tmp_path / name, precision="fp16-weights")
    shipped, fresh = Bundle.load(name), Bundle.load(str(tmp_path / name))
    ours, theirs = (onnx.load_from_string(bundle.model).graph.initializer for bundle in (shipped, fresh))
    assert {tensor.name for tensor in ours} == {tensor.name for tensor in theirs}
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in theirs}
    assert all(np.array_equal(numpy_helper.to_array(tensor), values[tensor.name]) for tensor in ours)
    unsigned = ("sha256", "files", "created_with", "tolerance", "golden")  # these depend on versions and rounding
    for key in shipped.sidecar.keys() - set(unsigned):
        assert shipped.sidecar[key] == fresh.sidecar[key], key


@pytest.mark.parametrize("name", NAMES)
def test_bundle_draws_what_the_weights_draw(name):
    seeds = np.arange(64)
    bundle, generator = Generator.load(name), load_generator(name)
    classes = seeds % len(bundle.classes) if bundle.classes else None
    drawn = generator.draw(seeds.tolist(), None if classes is None else classes.tolist())
    difference = np.abs(bundle.run(seeds=seeds, classes=classes).astype(int) - drawn)
    assert difference.max() <= 1  # rounding to 8 bits can fall either way


@pytest.mark.parametrize("name", NAMES)
def test_size_licence_and_card(name):
    assert (PRETRAINED / name / "generator.safetensors").stat().st_size <= LIMITS[name]
    assert Bundle.load(name).sidecar["license"]
    card = (PRETRAINED / name / "README.md").read_text()
    assert "KID" in card and "attngan train" in card
