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
from tiny_runs import mean_colours

from attngan.checkpoint import save_tensors
from attngan.cli import main
from attngan.config import RunConfig
from attngan.data import load_pictures
from attngan.data.transforms import premultiply
from attngan.evaluation.image import evaluate_generator
from attngan.features import cache as feature_cache
from attngan.features import extractor
from attngan.features.extractor import EFFICIENTNET, Extractor
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


def write_run(folder, channels, names, holdout=0):
    folder.mkdir()
    network, training = preset("tiny")
    config = RunConfig(
        "tiny", replace(network, channels=channels, classes=len(names)), replace(training, holdout=holdout), names
    )
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
        evaluate_generator(open_generator(str(one)), real, pictures, 10, [EFFICIENTNET]).as_dict()
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


def draw_noise(seeds, classes):
    return np.random.default_rng(9).integers(0, 256, (1000, 16, 16, 3), np.uint8)[np.asarray(seeds)]


@pytest.mark.parametrize("copies", [True, False])
def test_tells_whether_a_run_copies_what_it_was_shown(copies, pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(feature_cache, "LIMIT", 0)
    real = load_pictures(pictures, resolution=16, channels=3)
    run = write_run(tmp_path / "run", 3, ("cat", "dog"), holdout=6)
    generator = open_generator(str(run))
    judges = [Extractor("pixels", "1", lambda images: images.reshape(len(images), -1) / np.float32(255))]
    assert evaluate_generator(generator, real, pictures, 10, judges).copies is None  # of another run
    (run / "data.json").write_text(json.dumps({"fingerprint": real.fingerprint}))
    generator = open_generator(str(run))
    shown = real.images[real.split(6, 0)[0]]
    generator.sample_as_data = lambda seeds, _: shown[seeds % 14] if copies else draw_noise(seeds, _)
    report = evaluate_generator(generator, real, pictures, 10, judges)
    share = report.copies.by_features.closer_than_median
    assert (share.value == 1) if copies else abs(share.value - 0.5) < 0.45
    assert (report.copies.samples, report.copies.training, report.copies.held_out) == (200, 14, 6)
    assert "Nearer to a training picture than the median held-out one is: " in str(report)
    assert report.as_dict()["memorisation"]["closer_than_median"] == share.value


def test_figures_stand_where_copies_can_not_be_told(pictures, tmp_path, monkeypatch, capsys):
    """Held-out pictures that are training pictures too."""
    monkeypatch.setattr(feature_cache, "LIMIT", 0)
    real = load_pictures(pictures, resolution=16, channels=3)
    same = replace(real, images=np.repeat(real.images[:1], len(real), 0))
    run = write_run(tmp_path / "run", 3, ("cat", "dog"), holdout=6)
    (run / "data.json").write_text(json.dumps({"fingerprint": same.fingerprint}))
    judges = [Extractor("pixels", "1", lambda images: images.reshape(len(images), -1) / np.float32(255))]
    report = evaluate_generator(open_generator(str(run)), same, pictures, 10, judges)
    assert report.copies is None and report.judgements
    assert "no figure on copies: --held-out: 6 of 6 pictures are training pictures" in capsys.readouterr().err


@pytest.mark.parametrize("saw", [True, False])
def test_a_run_is_not_judged_by_what_it_saw(saw, own_features, pictures, tmp_path, monkeypatch):
    seen = []
    for name in ("EFFICIENTNET", "OPEN_NSFW"):
        judge = getattr(extractor, name)
        see = lambda images, name=name: (seen.append(name), mean_colours(images))[1]  # noqa: E731
        monkeypatch.setattr(f"attngan.evaluation.judges.{name}", replace(judge, function=see, version=None))
    monkeypatch.setattr(RunConfig, "saw_efficientnet", saw)
    run, out = write_run(tmp_path / "run", 3, ("cat", "dog")), tmp_path / "figures.json"
    result = call(run, "--data", pictures, "--samples", 10, "--out", out)
    assert result.exit_code == 0, result.output
    figures, why = json.loads(out.read_text()), "EfficientNet-Lite0 does not judge here"
    assert (set(seen) == {"OPEN_NSFW"}) == saw == (why in result.output) == ("kid" not in figures)
    assert {"open_nsfw_kid", "open_nsfw_real_fid", "open_nsfw_precision", "open_nsfw_recall"} < figures.keys()
    seen.clear()
    result = call(run, "--data", pictures, "--samples", 10, "--features", own_features, "--out", out)
    assert result.exit_code == 0 and not seen and why not in result.output
    figures = json.loads(out.read_text())
    assert figures["features"] == "sixteen pixels" and "kid" in figures and "open_nsfw_kid" not in figures


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
