"""The same pictures score the same from a run and from its bundle, and what can't be compared is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from attngan.checkpoint import save_tensors, write_atomically
from attngan.config import RunConfig, preset
from attngan.data.convert import premultiply
from attngan.errors import AttnGANError
from attngan.evaluate import evaluate_generator
from attngan.networks.image import ImageGenerator
from attngan_export.export import export_generator


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("real")
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (root / name).mkdir()
        for index in range(10):
            Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)).save(root / name / f"{index}.png")
    return root


def write_run(folder, channels, names):
    folder.mkdir()
    network, training = preset("tiny")
    config = RunConfig("tiny", replace(network, channels=channels, classes=len(names)), training, names)
    torch.manual_seed(0)
    generator = ImageGenerator(config.network)
    save_tensors(folder / "generator.safetensors", generator.state_dict())
    write_atomically(folder / "config.json", config.to_json().encode())
    return folder


@pytest.mark.parametrize(("channels", "names"), [(3, ("cat", "dog")), (4, ()), (1, ())])
def test_a_run_and_its_bundle_score_the_same(channels, names, pictures, tmp_path):
    run = write_run(tmp_path / "run", channels, names)
    export_generator(str(run), tmp_path / "bundle")
    before = evaluate_generator(str(run), pictures, 10)
    after = evaluate_generator(str(tmp_path / "bundle"), pictures, 10)
    assert after.kid == pytest.approx(before.kid, rel=1e-3)
    assert after.real_kid == before.real_kid
    assert before.kid > before.real_kid


def test_other_classes_are_refused(pictures, tmp_path):
    run = write_run(tmp_path / "run", 3, ("a", "b", "c"))
    with pytest.raises(AttnGANError, match=r"classes cat, dog, .* has a, b, c"):
        evaluate_generator(str(run), pictures, 10)


def test_premultiply():
    straight = np.array([[255, 100, 0, 128], [9, 9, 9, 0], [1, 2, 3, 255]], np.uint8)
    assert premultiply(straight).tolist() == [[128, 50, 0, 128], [0, 0, 0, 0], [1, 2, 3, 255]]
