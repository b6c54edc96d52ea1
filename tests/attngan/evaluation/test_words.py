"""`attngan evaluate` of generators that draw from words: which pictures are compared, and what each kind scores."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from attngan.evaluation.evaluate_pictures import _evaluate_words, evaluate_generator
from attngan.generators.pictures import Draw, OpenGenerator, open_generator
from click.testing import CliRunner
from refusals import refuses
from tiny_runs import mean_colours
from tiny_words import STYLES, captioned, words_config, write_captioned

from attngan.checkpoint import save_tensors
from attngan.cli import main
from attngan.data import ImageDataset, load_captioned
from attngan.data.split import split
from attngan.evaluation import evaluate_pictures as evaluation
from attngan.evaluation import matcher
from attngan.features.extractor import Extractor
from attngan.metrics.kid import kid
from attngan.metrics.retrieval import found_among_99, shuffled
from attngan.networks import build_generator
from attngan_export.export import export_generator
from attngan_runtime.tokenizers.prompts import Tokenizer

MEANS = Extractor("mean colours", None, mean_colours)
HELD_OUT = 12


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matcher, "_STEPS", 10)


def generator(pictures: ImageDataset, draw: Draw) -> OpenGenerator:
    config, tokenizer = words_config(pictures, holdout=HELD_OUT)
    return OpenGenerator("mine", draw, list(STYLES), 16, 4, Tokenizer.from_json(tokenizer, "x"), (Path("run"), config))


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> ImageDataset:
    monkeypatch.setattr(OpenGenerator, "trained_on", lambda *_: True)
    return captioned()


def test_who_draws_what_is_said_is_told_from_who_does_not(pictures: ImageDataset) -> None:
    asked: list[tuple[np.ndarray, np.ndarray]] = []

    def obeys(seeds: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        assert labels is not None
        asked.append((seeds, labels))
        rows = [np.flatnonzero((conditions == row).all(1))[0] for row in labels]
        return pictures.images[rows]

    obedient = generator(pictures, obeys)
    conditions = obedient.labelled(pictures).labels
    deaf = replace(obedient, name="deaf", draw=lambda seeds, _: pictures.images[seeds % 48])
    report = _evaluate_words([obedient, deaf], pictures, 1000, MEANS)
    _, held_out = split(pictures, HELD_OUT, 0)
    assert report.prompts == {"held-out": HELD_OUT, "seen": HELD_OUT} and report.concepts["held-out"] == 4
    first_seeds, first = asked[0]
    assert first_seeds.tolist() == list(range(HELD_OUT))
    np.testing.assert_array_equal(first, conditions[held_out])  # main captions and styles of the held-out pictures
    for prompts in ("held-out", "seen"):
        mine, real, other = (report.scores[prompts][name] for name in ("mine", "real pictures", "deaf"))
        assert replace(mine, kid=None, unknown=0) == replace(real, kid=None)  # they are the real pictures
        assert mine.kid and other.kid and mine.kid.value < other.kid.value
        for group in ("colour", "direction"):
            obeyed = report.obedience[prompts][group]
            assert obeyed["mine"].there == obeyed["real pictures"].there
            assert obeyed["deaf"].there and obeyed["deaf"].there.value == 0 and obeyed["deaf"].ratio is None
        agreement = report.obedience[prompts]["colour"]["mine"].agreement
        assert agreement and agreement.value == pytest.approx(1)
    assert "skin tone" not in report.obedience["seen"]  # there are no such pairs


def test_shuffled_captions_are_those_of_other_pictures(pictures: ImageDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pictures.captions is not None
    features = MEANS(pictures.images)
    _, concepts = np.unique(pictures.captions.concepts, return_inverse=True)

    class Knowing:
        captions = concepts[:, None]

        def scores(self, found: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            near = -np.abs(features[places][:, None] - found).sum(2)
            return near, near

    monkeypatch.setattr("attngan.evaluation.words.judges", lambda *_: Knowing())
    drawing = generator(pictures, lambda seeds, _: pictures.images[split(pictures, HELD_OUT, 0)[1]][seeds % HELD_OUT])
    mine = _evaluate_words([drawing], pictures, 1000, MEANS).scores["held-out"]["mine"]
    assert mine.r_precision and mine.r_precision.value == 1 and mine.recall_1 and mine.recall_1.value == 1
    _, unseen = split(pictures, HELD_OUT, 0)
    known = concepts[unseen]
    orders = [shuffled(known, seed) for seed in range(10)]
    wrong = [found_among_99(Knowing().scores(features[unseen][order], unseen)[1], known, known) for order in orders]
    assert mine.shuffled and mine.shuffled.value == pytest.approx(np.mean(wrong)) and mine.shuffled.value < 0.2


def test_pairs_with_a_held_out_concept_are_held_out(pictures: ImageDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[evaluation.Split] = []
    monkeypatch.setattr(evaluation, "evaluate_words", lambda _, __, splits, *___: given.extend(splits))
    _evaluate_words([generator(pictures, lambda seeds, _: seeds)], pictures, 9, MEANS)
    held_out, seen = given
    _, unseen = split(pictures, HELD_OUT, 0)
    assert set(held_out.places) < set(unseen) and len(held_out.places) == 9 == len(seen.places)  # three whole concepts
    assert not set(seen.places) & set(unseen)
    np.testing.assert_array_equal(held_out.others, seen.places)
    np.testing.assert_array_equal(seen.others, held_out.places)
    assert np.isin(held_out.pairs["colour"], unseen).any(1).all() and len(held_out.pairs["colour"])
    assert not np.isin(seen.pairs["colour"], unseen).any() and len(seen.pairs["colour"])
    assert len(held_out.pairs["colour"]) + len(seen.pairs["colour"]) == 72  # 4 places, 3 styles, 6 pairs of colours


def test_real_pictures_are_compared_with_others_and_few_are_enough_to_learn_from(
    pictures: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "_KNOWN", 30)
    learnt: list[np.ndarray] = []
    judges = matcher.judges
    monkeypatch.setattr(
        "attngan.evaluation.words.judges",
        lambda _, places, *rest: (learnt.append(places), judges(_, places, *rest))[1],
    )
    report = _evaluate_words([generator(pictures, lambda seeds, _: pictures.images[seeds])], pictures, 1000, MEANS)
    (places,) = learnt
    features = mean_colours_on_white(pictures)
    _, unseen = split(pictures, HELD_OUT, 0)
    assert len(places) == 30 and set(unseen) < set(places) and (np.diff(places) > 0).all()
    found = report.scores["held-out"]["mine"].kid
    assert found and (found.value, found.error) == kid(features[unseen], features[:HELD_OUT])


def mean_colours_on_white(pictures: ImageDataset) -> np.ndarray:
    return MEANS(pictures.images)


def test_without_a_run_all_prompts_are_alike(pictures: ImageDataset) -> None:
    bundle = replace(generator(pictures, lambda seeds, _: pictures.images[seeds % 48]), run=None)
    report = _evaluate_words([bundle], pictures, 1000, MEANS)
    assert report.prompts == {"given": 24} and list(report.scores) == ["given"]
    assert report.scores["given"]["real pictures"].kid


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_captioned(tmp_path_factory.mktemp("captioned"))


def write_run(folder: Path, data: Path, seed: int = 0, **changes: object) -> Path:
    """Untrained, and as if it had been trained on the pictures."""
    pictures = load_captioned(data, resolution=16, channels=4)
    config, tokenizer = words_config(pictures, holdout=HELD_OUT, **changes)
    torch.manual_seed(seed)
    folder.mkdir()
    save_tensors(folder / "generator.safetensors", build_generator(config.network).state_dict())
    (folder / "config.json").write_text(config.to_json())
    (folder / "tokenizer.json").write_bytes(tokenizer)
    (folder / "data.json").write_text(json.dumps({"fingerprint": pictures.fingerprint}))
    return folder


@pytest.fixture
def own_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "features_of_words.py").write_text("from tiny_runs import mean_colours as means\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return "features_of_words:means"


def call(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["evaluate", *map(str, arguments)])
    return f"{result.exit_code} {result.output}"


def test_from_the_command_line_two_beside_one_another_and_recorded(
    own_features: str, data: Path, tmp_path: Path
) -> None:
    one, other = write_run(tmp_path / "one", data), write_run(tmp_path / "other", data, 1)
    out = tmp_path / "figures.json"
    said = call(one, "--data", data, "--features", own_features, "--beside", other, "--out", out)
    assert said.startswith("0 held-out: 12 prompts, 4 concepts")
    assert said.splitlines()[0].split()[-5:] == ["one", "other", "real", "pictures", "chance"]
    figures = json.loads(out.read_text())
    columns = figures["scores"]["held-out"]
    assert list(columns) == ["one", "other", "real pictures", "chance"]
    assert columns["one"]["kid"]["value"] != columns["other"]["kid"]["value"]
    assert columns["one"]["kid"]["n"] == HELD_OUT
    alone = evaluate_generator(str(one), data, features=own_features).as_dict()
    assert alone["scores"]["held-out"]["one"] == columns["one"]  # whatever stands beside
    assert figures["obedience"]["seen"]["colour"]["one"]["agreement"]
    with refuses("--data: 9 held-out prompts"):  # three whole concepts are what 10 have room for
        evaluate_generator(str(one), data, 10, own_features)


def test_a_run_and_its_bundle_draw_the_same_for_the_figures(data: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", data)
    export_generator(str(run), tmp_path / "bundle")
    pictures = load_captioned(data, resolution=16, channels=4)
    before, after = open_generator(str(run)), open_generator(str(tmp_path / "bundle"))
    assert after.class_names == before.class_names == list(STYLES)
    conditions = before.labelled(pictures).labels
    assert conditions is not None
    np.testing.assert_array_equal(after.labelled(pictures).labels, conditions)
    seeds = np.arange(48)
    difference = before.draw(seeds, conditions).astype(int) - after.draw(seeds, conditions)
    assert np.abs(difference).max() <= 1
    assert after.run is None  # so that all prompts are alike


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ("pictures", "pictures draws without words"),
        ("smaller", r"other pictures than run .* \(8, 4"),
        ("unlike", "did not hold out"),
    ],
)
def test_what_can_not_stand_beside_gets_one_line(
    beside: str, message: str, pictures: ImageDataset, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = replace(generator(pictures, lambda seeds, _: seeds), name="run")
    assert run.run is not None
    config = run.run[1]
    unlike = replace(config, training=replace(config.training, holdout=3))
    opened = {
        "run": run,
        "pictures": replace(run, name=beside, tokenizer=None),
        "smaller": replace(run, name=beside, resolution=8),
        "unlike": replace(run, name=beside, run=(Path("unlike"), unlike)),
    }
    monkeypatch.setattr(evaluation, "open_generator", opened.__getitem__)
    with refuses(f"--beside {beside}: {message}"):
        evaluate_generator("run", data, beside=beside)


def test_other_mistakes_get_one_line(pictures: ImageDataset, data: Path, tmp_path: Path) -> None:
    with refuses("--data: 9 held-out prompts"):
        _evaluate_words([generator(pictures, lambda seeds, _: seeds)], pictures, 9, MEANS)
    other = replace(generator(pictures, lambda seeds, _: seeds), class_names=["a", "b"])
    with refuses("--data x: styles flat, soft, thin, mine has a, b"):
        other.check_classes(pictures, "--data x")
    for out, message in ((tmp_path / "no" / "f.json", "no is no folder"), (tmp_path, "is a folder")):
        said = call("run", "--data", data, "--out", out)
        assert said.startswith("2 ") and message in said and len(said.strip().splitlines()) == 1
