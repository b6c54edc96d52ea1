"""Copies are told from new pictures, errors are what they claim, and the picture shows what was measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from refusals import refused, refuses

from attngan.checkpoint import save_tensors
from attngan.cli import main
from attngan.config import RunConfig
from attngan.data import ImageDataset
from attngan.evaluation import judges, memorisation, nearest
from attngan.evaluation.memorisation import Memorisation, draw_conditions, measure, measure_into, save_neighbours
from attngan.evaluation.nearest import nearest_by_pixels, thumbnails
from attngan.features.extractor import Extractor
from attngan.generators import open_generator
from attngan.metrics.closeness import Share, share_closer, share_nearest_to_training
from attngan.networks.image import ImageGenerator
from attngan.presets import preset
from attngan_runtime.saving import write_atomically

PIXELS = Extractor("pixels", None, lambda images: images.reshape(len(images), -1).astype(np.float32) / 255)


def noise(seed: int, count: int, side: int = 8, channels: int = 1) -> ImageDataset:
    return ImageDataset(np.random.default_rng(seed).integers(0, 256, (count, side, side, channels), np.uint8))


TRAINING, HELD_OUT, NEW = noise(0, 120), noise(1, 60), noise(2, 400)


def draw_new(seeds: np.ndarray, _labels: np.ndarray | None) -> np.ndarray:
    return NEW.images[seeds]


def draw_copies(seeds: np.ndarray, _labels: np.ndarray | None) -> np.ndarray:
    """Training pictures, a little off."""
    return np.clip(TRAINING.images[seeds % 120].astype(int) + 3, 0, 255).astype(np.uint8)


def shares(found: Memorisation) -> list[Share]:
    both = (found.by_features, found.by_pixels)
    every = [
        share for kind in both for share in (kind.closer_than_median, kind.closer_than_tail, kind.nearest_is_training)
    ]
    return [share for share in every if share]


def test_new_pictures_score_as_held_out_ones() -> None:
    found = measure(draw_new, TRAINING, HELD_OUT, samples=400, extractor=PIXELS)
    assert len(shares(found)) == 6
    for share in shares(found):
        assert share.error > 0
        assert abs(share.value - share.without_copies) < 3 * share.error
    assert found.by_pixels.nearest_is_training is not None
    assert found.by_pixels.nearest_is_training.without_copies == pytest.approx(120 / 180)
    assert (found.samples, found.held_out, found.training, found.features) == (400, 60, 120, "pixels")


def test_copies_show() -> None:
    found = measure(draw_copies, TRAINING, HELD_OUT, samples=100, extractor=PIXELS)
    assert [share.value for share in shares(found)] == [1.0] * 6
    for kind, nearest_of_kind in zip((found.by_features, found.by_pixels), found.nearest, strict=True):
        np.testing.assert_array_equal(nearest_of_kind.places[:, 0], np.arange(100))
        assert kind.distance < 0.2 * kind.held_out_distance


def test_copies_that_are_unlike_real_pictures_show_in_the_third_share() -> None:
    def faint(seeds: np.ndarray, _labels: np.ndarray | None) -> np.ndarray:
        return np.rint(127 + 0.4 * (TRAINING.images[seeds % 120] - 127.0)).astype(np.uint8)

    def marked(images: np.ndarray) -> np.ndarray:
        """Pixels, and a value that sets pictures of little contrast apart from all real ones."""
        pixels = images.reshape(len(images), -1).astype(np.float32) / 255
        return np.concatenate([pixels, 9 * (pixels.std(1, keepdims=True) < 0.2)], 1)

    found = measure(faint, TRAINING, HELD_OUT, samples=100, extractor=replace(PIXELS, function=marked)).by_features
    share = found.nearest_is_training
    assert found.closer_than_median.value == 0
    assert share is not None and share.value > share.without_copies + 3 * share.error


def test_distances_and_places_are_those_of_brute_force() -> None:
    found = measure(draw_new, TRAINING, HELD_OUT, samples=30, extractor=PIXELS)
    for seed in range(30):
        squares = (NEW.images[seed] - TRAINING.images.astype(float)) ** 2
        away = (np.sqrt((squares / 255**2).sum((1, 2, 3))), np.sqrt(squares.mean((1, 2, 3))))
        for nearest_of_kind, expected in zip(found.nearest, away, strict=True):
            np.testing.assert_allclose(nearest_of_kind.distances[seed], np.sort(expected)[:3], rtol=1e-6)
            assert nearest_of_kind.places[seed].tolist() == np.argsort(expected)[:3].tolist()
    for kind, nearest_of_kind in zip((found.by_features, found.by_pixels), found.nearest, strict=True):
        assert kind.distance == pytest.approx(np.median(nearest_of_kind.distances[:, 0]))


def test_beyond_the_limit_candidates_are_compared_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    # Features that order pictures as their thumbnails do: then nothing is missed, and both ways agree.
    thumbs = Extractor("thumbnails", None, lambda images: thumbnails(images))
    exact = measure(draw_new, TRAINING, HELD_OUT, samples=40, extractor=thumbs)
    monkeypatch.setattr(nearest, "ALL", 100)
    monkeypatch.setattr(memorisation, "ALL", 100)
    monkeypatch.setattr(nearest, "_BLOCK", 50)
    found = measure(draw_new, TRAINING, HELD_OUT, samples=40, extractor=thumbs)
    assert found.by_features == replace(exact.by_features, nearest_is_training=None)
    assert found.by_pixels.as_dict() == pytest.approx(exact.by_pixels.as_dict())
    np.testing.assert_array_equal(found.nearest[0].places, exact.nearest[0].places)
    np.testing.assert_allclose(found.nearest[0].distances, exact.nearest[0].distances, rtol=1e-9)
    assert "for each the 10 nearest by pixels" in str(found)


def test_beyond_the_limit_only_candidates_are_extracted(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = 0

    def count(images: np.ndarray) -> np.ndarray:
        nonlocal seen
        seen += len(images)
        return images.reshape(len(images), -1).astype(np.float32)

    monkeypatch.setattr(nearest, "ALL", 100)
    monkeypatch.setattr(memorisation, "CANDIDATES", 1)
    measure(draw_copies, TRAINING, HELD_OUT, samples=20, extractor=replace(PIXELS, function=count))
    assert 20 + 20 + 20 <= seen <= 20 + 20 + 40


@settings(max_examples=20)
@given(count=st.integers(1, 12), training=st.integers(1, 40), block=st.integers(1, 50), seed=st.integers(0, 9))
def test_nearest_by_pixels_is_brute_force(count: int, training: int, block: int, seed: int) -> None:
    queries, pictures = noise(seed, 5, 4), noise(seed + 50, training, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "_BLOCK", block)
        found = nearest_by_pixels(thumbnails(queries.images), pictures, count)
    assert found.places.shape == (5, min(count, training))
    for query, places, distances in zip(queries.images, found.places, found.distances, strict=True):
        away = np.sqrt(((query.astype(float) - pictures.images) ** 2).mean((1, 2, 3)))
        np.testing.assert_allclose(away[places], np.sort(away)[:count], rtol=1e-6)
        np.testing.assert_allclose(distances, away[places], rtol=1e-5)


def test_thumbnails() -> None:
    images = noise(0, 2, 32, 3).images
    expected = [images[1, 2 * row : 2 * row + 2, 4:6, 2].mean() for row in range(16)]
    found = 16 * np.sqrt(3) * thumbnails(images).reshape(2, 16, 16, 3)
    np.testing.assert_allclose(found[1, :, 2, 2], expected, rtol=1e-6)
    white, black = thumbnails(np.zeros((1, 4, 4, 4), np.uint8)), thumbnails(np.zeros((1, 4, 4, 3), np.uint8))
    assert np.linalg.norm(white - black) == pytest.approx(255)  # transparent is white; distances are in levels


@pytest.mark.parametrize("quantile", [0.5, 0.05])
def test_errors_of_closer_are_the_spread_over_repetitions(quantile: float) -> None:
    found = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        found.append(share_closer(random.gamma(9, size=120), random.gamma(9, size=60), quantile))
    spread = np.std([share.value for share in found], ddof=1)
    assert 0.7 < np.mean([share.error for share in found]) / spread < 1.4
    assert np.mean([share.value for share in found]) == pytest.approx(quantile, abs=0.03)


def test_error_of_nearest_is_the_spread_over_repetitions() -> None:
    found = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        generated, held_out, training = (random.standard_normal((count, 4)) for count in (80, 25, 50))
        away = np.sqrt(((generated[:, None] - training) ** 2).sum(2))
        found.append(share_nearest_to_training(generated, held_out, away.argmin(1), away.min(1), 50))
    spread = np.std([share.value for share in found], ddof=1)
    assert 0.7 < np.mean([share.error for share in found]) / spread < 1.4
    assert np.mean([share.value for share in found]) == pytest.approx(2 / 3, abs=4 * spread / np.sqrt(60))


def test_nearest_to_training_written_out() -> None:
    generated, held_out = np.array([[0.0], [5.0], [9.0]]), np.array([[1.0], [10.0]])
    found = share_nearest_to_training(generated, held_out, np.array([0, 0, 1]), np.array([0.5, 6.0, 2.0]), 2)
    assert found.value == pytest.approx(1 / 3) and found.without_copies == 0.5
    # Of the six ways to call two of the four pictures training pictures, three give 1/3 and three 2/3.
    assert found.error == pytest.approx(1 / 6, rel=0.05)


def test_classes_are_drawn_with_the_training_shares() -> None:
    labels = np.repeat([0, 1], [90, 30])
    asked: list[Any] = []

    def draw(seeds: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        asked.append(labels)
        return NEW.images[seeds]

    measure(draw, TRAINING, HELD_OUT, labels, samples=200, extractor=PIXELS)
    assert np.concatenate(asked).mean() == pytest.approx(0.25, abs=0.1)
    assert np.concatenate(asked).tolist() == draw_conditions(labels, 200).tolist()  # the picture shows the same ones
    assert draw_conditions(None, 5) is None


def test_few_held_out_pictures_say_what_they_can_not() -> None:
    found = measure(draw_new, TRAINING, HELD_OUT.take(np.arange(19)), samples=30, extractor=PIXELS)
    assert found.by_pixels.closer_than_tail is None and found.by_pixels.held_out_tail is None
    assert found.as_dict()["closer_than_tail"] is found.as_dict()["closer_than_tail_error"] is None
    (line,) = [line for line in found.lines() if "closest 5 %" in line]
    assert line.split()[-2:] == ["-", "-"]
    found = measure(draw_new, TRAINING, HELD_OUT.take(np.arange(20)), samples=30, extractor=PIXELS)
    assert found.by_pixels.closer_than_tail and found.by_pixels.held_out_tail


def test_held_out_pictures_that_are_training_pictures_do_not_count() -> None:
    some = ImageDataset(np.concatenate([TRAINING.images[:10], HELD_OUT.images]))
    found = measure(draw_new, TRAINING, some, samples=100, extractor=PIXELS)
    assert found.held_out_copies == found.as_dict()["held_out_copies"] == 10
    assert replace(found, held_out_copies=0) == measure(draw_new, TRAINING, HELD_OUT, samples=100, extractor=PIXELS)
    assert found.by_pixels.held_out_tail
    assert "10 more held-out pictures are training pictures too" in str(found)


def test_where_nothing_can_be_closer_no_share_is_told() -> None:
    """Rows that change places: the same picture by thumbnails of 16², another by pixels."""
    training, held_out = noise(0, 120, 32), noise(1, 60, 32)
    swapped = training.images.reshape(120, 16, 2, 32, 1)[:, :, ::-1].reshape(120, 32, 32, 1)

    def draw(seeds: np.ndarray, _labels: np.ndarray | None) -> np.ndarray:
        return noise(2, 60, 32).images[seeds]

    held_out.images[:6] = swapped[:6]
    found = measure(draw, training, held_out, samples=60, extractor=PIXELS)
    assert found.held_out_copies == 0 and found.by_features.closer_than_tail
    assert found.by_pixels.closer_than_tail is None and found.by_pixels.held_out_tail is None
    assert "that row says nothing" in str(found)
    held_out.images[:6] = np.clip(training.images[:6] + np.float32(1.4), 0, 255).astype(np.uint8)  # saved anew
    found = measure(draw, training, held_out, samples=60, extractor=PIXELS)
    assert found.by_pixels.held_out_tail is found.by_features.held_out_tail is None
    held_out.images[:40] = swapped[:40]
    with refuses("--held-out: half of its pictures look"):
        measure(draw, training, held_out, samples=60, extractor=PIXELS)


def test_figures_are_deterministic_printed_and_ready_for_json() -> None:
    found = measure(draw_new, TRAINING, HELD_OUT, samples=100, extractor=PIXELS)
    assert found == measure(draw_new, TRAINING, HELD_OUT, samples=100, extractor=PIXELS)
    figures = json.loads(json.dumps(found.as_dict()))
    share = found.by_features.closer_than_median
    assert figures["closer_than_median"] == share.value and figures["closer_than_median_error"] == share.error
    assert figures["pixels_closer_than_median"] == found.by_pixels.closer_than_median.value
    assert figures["pixels_nearest_is_training_without_copies"] == pytest.approx(2 / 3)
    assert "nearest" not in figures
    assert f"{100 * share.value:.1f} % ± {100 * share.error:.1f} %" in found.lines()[1]
    assert found.lines()[1].endswith(" 50.0 %")


@pytest.mark.parametrize(
    ("held_out", "message"),
    [
        (noise(1, 3), "--held-out: 3 pictures; 4 or more are needed, 20 for the closest 5 %"),
        (noise(1, 30, 16), r"--held-out: pictures of \(16, 16, 1\), the training pictures are \(8, 8, 1\)"),
        (TRAINING.take(np.arange(30)), "--held-out: 20 of 20 pictures are training pictures"),
    ],
)
def test_held_out_pictures_that_can_not_serve(held_out: ImageDataset, message: str) -> None:
    with refuses(message):
        measure(draw_new, TRAINING, held_out, samples=20, extractor=PIXELS)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_picture_shows_each_generated_picture_beside_its_nearest(channels: int, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, channels), np.uint8)
    if channels == 4:
        images[..., 3] = 255
    training, held_out = ImageDataset(images[:20]), ImageDataset(images[20:])
    draw = lambda seeds, _labels: images[seeds % 20]  # noqa: E731
    found = measure(draw, training, held_out, samples=20, extractor=PIXELS)
    save_neighbours(tmp_path / "neighbours.png", found, draw, training)
    with Image.open(tmp_path / "neighbours.png") as opened:
        sheet = np.asarray(opened.convert("RGB"))
    first = images[0, ..., :3] if channels > 1 else np.repeat(images[0], 3, -1)
    large = first.repeat(3, 0).repeat(3, 1)
    windows = np.lib.stride_tricks.sliding_window_view(sheet[40:200], large.shape)[:, :, 0]
    likely = np.argwhere((windows[:, :, 0] == large[0]).all((2, 3)))  # by the first row of pixels, the rest below
    where = [place for place in likely if (windows[*place] == large).all()]
    assert len(where) == 6  # in each part seed 0 is drawn, and found as its own copy
    assert [path.name for path in tmp_path.iterdir()] == ["neighbours.png"]


def write_run(folder: Path, holdout: int = 0, fingerprint: str | None = None) -> Path:
    folder.mkdir()
    network, training = preset("tiny")
    config = RunConfig("tiny", network, replace(training, holdout=holdout))
    torch.manual_seed(0)
    save_tensors(folder / "generator.safetensors", ImageGenerator(config.network).state_dict())
    write_atomically(folder / "config.json", config.to_json().encode())
    if fingerprint:
        write_atomically(folder / "data.json", json.dumps({"fingerprint": fingerprint}).encode())
    return folder


@pytest.fixture
def pixel_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "EFFICIENTNET", PIXELS)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders of pictures: those to train on, and others."""
    for name, seed in (("seen", 0), ("unseen", 1)):
        (tmp_path / name).mkdir()
        for index, picture in enumerate(noise(seed, 40, 16, 3).images):
            Image.fromarray(picture).save(tmp_path / name / f"{index:02}.png")
    return tmp_path / "seen", tmp_path / "unseen"


def call(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["memorisation", *map(str, arguments), "--samples", "20"])


@pytest.mark.usefixtures("pixel_features")
def test_measuring_writes_into_the_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    training, held_out = noise(0, 40, 16, 3), noise(1, 20, 16, 3)
    generator = open_generator(str(run))
    found = measure_into(generator, training, held_out, run, samples=20)
    assert isinstance(found, Memorisation)
    assert json.loads((run / "memorisation.json").read_text()) == found.as_dict()
    with Image.open(run / "neighbours.png") as picture:
        assert picture.width > 1200


def test_a_run_that_saw_efficientnet_is_measured_by_what_it_did_not_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judges, "OPEN_NSFW", PIXELS)
    monkeypatch.setattr(RunConfig, "saw_efficientnet", True)
    run = write_run(tmp_path / "run")
    measure_into(open_generator(str(run)), noise(0, 40, 16, 3), noise(1, 20, 16, 3), run, samples=20)
    assert json.loads((run / "memorisation.json").read_text())["features"] == "pixels"


@pytest.mark.usefixtures("pixel_features")
def test_a_runs_own_held_out_pictures(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    seen, unseen = folders
    pictures = noise(0, 40, 16, 3)
    run = write_run(tmp_path / "run", 10, pictures.fingerprint)
    result = call(run, "--data", seen)
    assert result.exit_code == 0, result.output
    figures = json.loads((run / "memorisation.json").read_text())
    assert (figures["training"], figures["held_out"]) == (30, 10)
    expected = measure(
        lambda seeds, _labels: open_generator(str(run)).sample(seeds),
        *(pictures.take(places) for places in pictures.split(10, 0)),
        samples=20,
        extractor=PIXELS,
    )
    assert figures == expected.as_dict() and expected.lines()[1] in result.output
    assert str(run / "neighbours.png") in result.output
    result = call(run, "--data", seen, "--held-out", unseen)  # other unseen ones; the run's own are not trained on
    figures = json.loads((run / "memorisation.json").read_text())
    assert (figures["training"], figures["held_out"]) == (30, 20)


@pytest.mark.usefixtures("pixel_features")
def test_out_is_a_folder_of_its_own(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    seen, unseen = folders
    run = write_run(tmp_path / "run")
    result = call(run, "--data", seen, "--held-out", unseen, "--out", tmp_path / "new")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["memorisation.json", "neighbours.png"]
    assert not (run / "memorisation.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{run}", "--data", "{seen}"), "--held-out: not given"),
        (("{held}", "--data", "{unseen}"), "--data {unseen}: not the pictures"),
        (("fashion-32", "--data", "{seen}", "--held-out", "{unseen}"), "--out: not given"),
        (("{run}", "--data", "{seen}", "--held-out", "{unseen}", "--out", "{file}"), "--out {file}: is a file"),
        (
            ("{run}", "--data", "{seen}", "--held-out", "{unseen}", "--out", "{file}/a/b"),
            "--out {file}/a/b: {file} is a file",
        ),
        (("{run}", "--data", "{seen}", "--held-out", "{tmp}/none"), "none: no such file or folder"),
    ],
)
def test_mistakes_get_one_line(
    arguments: tuple[str, ...], message: str, tmp_path: Path, folders: tuple[Path, Path]
) -> None:
    (tmp_path / "file").write_text("")
    names = {"seen": folders[0], "unseen": folders[1], "tmp": tmp_path, "file": tmp_path / "file"}
    names["run"] = write_run(tmp_path / "run")
    names["held"] = write_run(tmp_path / "held", 10, noise(0, 40, 16, 3).fingerprint)
    refused(call(*(argument.format(**names) for argument in arguments)), message.format(**names))
    assert not list(tmp_path.rglob("memorisation.json"))
