"""The same pictures score the same from a run and from its bundle, and what can't be compared is refused."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from refusals import refused

from attngan.checkpoint import save_tensors
from attngan.cli import main
from attngan.config import RunConfig
from attngan.data import load_pictures
from attngan.data.transforms import premultiply
from attngan.evaluation.image import evaluate_generator
from attngan.features import cache as feature_cache
from attngan.features.extractor import EFFICIENTNET
from attngan.generators import open_generator
from attngan.networks.image import ImageGenerator
from attngan.presets import preset
from attngan_export.export import export_generator
from attngan_runtime.saving import write_atomically


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
def test_a_run_and_its_bundle_score_the_same(channels, names, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(feature_cache, "LIMIT", 0)  # keeps these pictures out of the user's cache
    run = write_run(tmp_path / "run", channels, names)
    export_generator(str(run), tmp_path / "bundle")
    real = load_pictures(pictures, resolution=16, channels=channels)
    before, after = (
        evaluate_generator(open_generator(str(one)), real, pictures, 10, EFFICIENTNET).as_dict()
        for one in (run, tmp_path / "bundle")
    )
    # A pixel that rounds to the other level moves a feature by 1e-4 of its size, and no picture across a ball's edge.
    assert after.pop("features") == before.pop("features")
    assert after == pytest.approx(before, rel=1e-3)
    assert all(after[name] == before[name] for name in before if name.startswith("real_"))
    assert before["kid"] > before["real_kid"] and before["fid"] > before["real_fid"]


def test_other_classes_are_refused(pictures, tmp_path):
    run = write_run(tmp_path / "run", 3, ("a", "b", "c"))
    refused(call(run, "--data", pictures, "--samples", 10), "classes cat, dog, ")


@pytest.fixture
def own_features(tmp_path, monkeypatch):
    """A module of the user's in the current folder, which counts the pictures that it is given."""
    (tmp_path / "features_of_this_test.py").write_text(
        "import numpy as np\n"
        "seen = []\n"
        "def grey(images):\n"
        "    seen.append(len(images))\n"
        "    return images.mean(3).reshape(len(images), -1)[:, ::16] / 255.0\n"
        "grey.name, grey.version = 'sixteen pixels', '1'\n"
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield "features_of_this_test:grey"
    sys.modules.pop("features_of_this_test", None)


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in ("evaluate", *arguments)])


def test_own_features_from_the_command_line_and_cached_the_second_time(own_features, pictures, tmp_path):
    (tmp_path / "cache").mkdir()
    run = write_run(tmp_path / "run", 3, ("cat", "dog"))
    first = call(run, "--data", pictures, "--samples", 10, "--features", own_features)
    assert first.exit_code == 0, first.output
    assert "10 pictures on each side, features: sixteen pixels" in first.output
    seen = sys.modules["features_of_this_test"].seen
    assert seen == [10, 10, 10]
    again = call(run, "--data", pictures, "--samples", 10, "--features", own_features)
    assert again.output == first.output
    assert seen == [10, 10, 10, 10]  # the generated ones only


def test_says_that_a_run_was_trained_on_these_pictures(own_features, pictures, tmp_path):
    run = write_run(tmp_path / "run", 3, ("cat", "dog"))
    arguments = run, "--data", pictures, "--samples", 10, "--features", own_features
    for fingerprint, said in (("other", False), (load_pictures(pictures, resolution=16, channels=3).fingerprint, True)):
        (run / "data.json").write_text(json.dumps({"fingerprint": fingerprint}))
        lines = [line for line in call(*arguments).stderr.splitlines() if line.startswith("note: ")]
        assert len(lines) == said
    assert f"{run} was trained on these pictures" in lines[0] and "attngan memorisation" in lines[0]


def test_mistakes_get_one_line(pictures, tmp_path):
    run = write_run(tmp_path / "run", 3, ("cat", "dog"))
    for option, message in (
        (("--samples", 11), "--data: 20 pictures"),
        (("--samples", 9), "9 is not in the range x>=10"),
        (("--features", "no.such.module:f"), "--features no.such.module:f: importing no.such.module failed"),
    ):
        refused(call(run, "--data", pictures, *option), message)


def test_premultiply():
    straight = np.array([[255, 100, 0, 128], [9, 9, 9, 0], [1, 2, 3, 255]], np.uint8)
    assert premultiply(straight).tolist() == [[128, 50, 0, 128], [0, 0, 0, 0], [1, 2, 3, 255]]
