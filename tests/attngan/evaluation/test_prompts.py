"""`attngan evaluate` of generators that draw from words: which pictures are compared, and what each kind scores."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from refusals import refuses
from tiny_runs import mean_colours
from tiny_words import STYLES, captioned, words_config, write_captioned

from attngan.checkpoint import save_tensors
from attngan.cli import main
from attngan.data import CaptionedDataset, load_captioned
from attngan.evaluation import matcher, text_to_image, variety
from attngan.evaluation.drawing import Draw
from attngan.evaluation.prompts import Prompts
from attngan.evaluation.text_to_image import _find_held_out, evaluate_prompts
from attngan.features.extractor import Extractor
from attngan.generators import open_generator
from attngan.generators.text_to_image import LoadedTextToImageGenerator
from attngan.metrics.kid import kid
from attngan.metrics.retrieval import exchange_concepts, hits_among_99
from attngan.networks import build_generator
from attngan_export.export import export_generator
from attngan_runtime.tokenizers.prompts import Tokenizer

MEANS = Extractor("mean colours", None, mean_colours)
HELD_OUT = 12


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matcher, "_STEPS", 10)


class Fake(LoadedTextToImageGenerator):
    """Draws as it is told; of a run that held pictures out, or of a bundle."""

    resolution, channels, choice_names = 16, 4, list(STYLES)

    def __init__(
        self, pictures: CaptionedDataset, draw: Draw, name: str = "mine", holdout: int = HELD_OUT, is_run: bool = True
    ) -> None:
        config, tokenizer = words_config(pictures, holdout=holdout)
        self.source = SimpleNamespace(written=name, config=config, folder=Path("nowhere"))
        self.tokenizer, self.draw, self.is_run = Tokenizer.from_json(tokenizer, "x"), draw, is_run

    def sample(self, seeds, conditions=None, truncation=1.0, **strength):
        raise AssertionError("figures are of pictures as a dataset has them")

    def sample_as_data(self, seeds, conditions=None):
        return self.draw(seeds, conditions)

    def trained_on(self, dataset):
        return self.is_run


@pytest.fixture
def pictures() -> CaptionedDataset:
    return captioned()


def held_out(pictures: CaptionedDataset) -> np.ndarray:
    return pictures.split(HELD_OUT, 0)[1]


def test_who_draws_what_is_said_is_told_from_who_does_not(pictures: CaptionedDataset) -> None:
    asked: list[tuple[np.ndarray, np.ndarray]] = []

    def obeys(seeds: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        assert labels is not None
        asked.append((seeds, labels))
        rows = [np.flatnonzero((conditions == row).all(1))[0] for row in labels]
        return pictures.images[rows]

    obedient = Fake(pictures, obeys)
    conditions = obedient.conditions_of(pictures)
    deaf = Fake(pictures, lambda seeds, _: pictures.images[seeds % 48], "deaf")
    report = evaluate_prompts([obedient, deaf], pictures, 1000, [MEANS])
    assert report.prompts == {"held-out": HELD_OUT, "compositions": HELD_OUT, "seen": HELD_OUT}
    assert report.concepts["held-out"] == 4
    first_seeds, first = asked[0]
    assert first_seeds.tolist() == list(range(HELD_OUT))
    np.testing.assert_array_equal(first, conditions[held_out(pictures)])  # main captions and styles of these
    for prompts in ("held-out", "seen"):
        mine, real, other = (report.scores[prompts][name] for name in ("mine", "real pictures", "deaf"))
        assert replace(mine, kid=None, unknown=0, nearer=None) == replace(real, kid=None)  # they are the real pictures
        assert mine.kid and other.kid and mine.kid.value < other.kid.value
        for group in ("colour", "direction"):
            obeyed = report.obedience[prompts][group]
            assert obeyed["mine"].there == obeyed["real pictures"].there
            assert obeyed["deaf"].there and obeyed["deaf"].there.value == 0 and obeyed["deaf"].ratio is None
        agreement = report.obedience[prompts]["colour"]["mine"].agreement
        assert agreement and agreement.value == pytest.approx(1)
    assert "skin tone" not in report.obedience["seen"]  # there are no such pairs


def test_shuffled_captions_are_those_of_other_pictures(
    pictures: CaptionedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = MEANS(pictures.images)
    _, concepts = np.unique(pictures.captions.concepts, return_inverse=True)

    knowing = Knowing(pictures, concepts)
    monkeypatch.setattr("attngan.evaluation.prompts.train_matchers", lambda *_: knowing)
    drawing = Fake(pictures, lambda seeds, _: pictures.images[held_out(pictures)][seeds % HELD_OUT])
    mine = evaluate_prompts([drawing], pictures, 1000, [MEANS]).scores["held-out"]["mine"]
    assert mine.r_precision and mine.r_precision.value == 1 and mine.recall_1 and mine.recall_1.value == 1
    unseen = held_out(pictures)
    known = concepts[unseen]
    orders = [exchange_concepts(known, seed) for seed in range(10)]
    wrong = [hits_among_99(knowing.scores(features[unseen][order], unseen)[1], known, known) for order in orders]
    assert mine.shuffled and mine.shuffled.value == pytest.approx(np.mean(wrong)) and mine.shuffled.value < 0.2


def test_pairs_with_a_held_out_concept_are_held_out(
    pictures: CaptionedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Prompts] = []
    monkeypatch.setattr(text_to_image, "measure_prompts", lambda _, __, groups, *___: given.extend(groups))
    evaluate_prompts([Fake(pictures, lambda seeds, _: seeds)], pictures, 9, [MEANS])
    (new, seen), unseen = given, held_out(pictures)
    assert set(new.places) < set(unseen) and len(new.places) == 9 == len(seen.places)  # three whole concepts
    assert not set(seen.places) & set(unseen)
    np.testing.assert_array_equal(new.others, seen.places)
    np.testing.assert_array_equal(seen.others, new.places)
    assert np.isin(new.pairs["colour"], unseen).any(1).all() and len(new.pairs["colour"])
    assert not np.isin(seen.pairs["colour"], unseen).any() and len(seen.pairs["colour"])
    assert len(new.pairs["colour"]) + len(seen.pairs["colour"]) == 72  # 4 places, 3 styles, 6 pairs of colours


def test_real_pictures_are_compared_with_others_and_few_are_enough_to_learn_from(
    pictures: CaptionedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_to_image, "_KNOWN", 30)
    learnt: list[np.ndarray] = []
    train = matcher.train_matchers
    monkeypatch.setattr(
        "attngan.evaluation.prompts.train_matchers",
        lambda _, places, *rest: (learnt.append(places), train(_, places, *rest))[1],
    )
    report = evaluate_prompts([Fake(pictures, lambda seeds, _: pictures.images[seeds])], pictures, 1000, [MEANS])
    (places,) = learnt
    features, unseen = MEANS(pictures.images), held_out(pictures)
    assert len(places) == 30 and set(unseen) < set(places) and (np.diff(places) > 0).all()
    found = report.scores["held-out"]["mine"].kid
    assert found and (found.value, found.error) == kid(features[unseen], features[:HELD_OUT])


def test_without_a_run_all_prompts_are_alike(pictures: CaptionedDataset) -> None:
    bundle = Fake(pictures, lambda seeds, _: pictures.images[seeds % 48], is_run=False)
    report = evaluate_prompts([bundle], pictures, 1000, [MEANS])
    assert report.prompts == {"given": 24} and list(report.scores) == ["given"]
    assert report.scores["given"]["real pictures"].kid


class Knowing:
    """In place of matchers: the nearer a picture is to the real one, the better it matches."""

    def __init__(self, pictures: CaptionedDataset, captions: np.ndarray) -> None:
        self.features, self.captions = MEANS(pictures.images), captions[:, None]

    def scores(self, found: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        near = -np.abs(self.features[places][:, None] - found).sum(2)
        return near, near


def test_held_out_prompts_of_known_words_and_of_new_ones(
    pictures: CaptionedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of eight held-out concepts in three styles the last four are called by a word of their own, and drawn wrongly."""
    unseen = pictures.split(24, 0)[1]
    names = sorted({pictures.captions.concepts[place] for place in unseen})
    named = [
        (f"{texts[0]} zebra", *texts[1:]) if concept in names[4:] else texts
        for texts, concept in zip(pictures.captions.texts, pictures.captions.concepts, strict=True)
    ]
    pictures = replace(pictures, captions=replace(pictures.captions, texts=named))
    new = np.array(["zebra" in pictures.captions.texts[place][0] for place in unseen])
    _, concepts = np.unique(pictures.captions.concepts, return_inverse=True)
    monkeypatch.setattr("attngan.evaluation.prompts.train_matchers", lambda *_: Knowing(pictures, concepts))
    drawn = pictures.images[unseen].copy()
    drawn[new] = drawn[np.flatnonzero(new)[exchange_concepts(concepts[unseen[new]])]]
    report = evaluate_prompts([Fake(pictures, lambda seeds, _: drawn[seeds % 24], holdout=24)], pictures, 1000, [MEANS])
    assert report.prompts == {"held-out": 24, "compositions": 12, "new words": 12, "seen": 24}
    assert report.concepts == {"held-out": 8, "compositions": 4, "new words": 4, "seen": 8}
    whole, right, wrong = (report.scores[name]["mine"] for name in ("held-out", "compositions", "new words"))
    assert whole.unknown == 12 and whole.r_precision and right.r_precision and wrong.r_precision
    assert (whole.r_precision.value, right.r_precision.value, wrong.r_precision.value) == (0.5, 1, 0)
    features, compared = MEANS(pictures.images), MEANS(drawn)
    for found, rows in ((right, ~new), (wrong, new)):
        assert found.kid and (found.kid.value, found.kid.error) == kid(features[unseen[rows]], compared[rows])
        assert found.recall_1 is found.shuffled is None
    # Each among the captions of all held-out prompts, so that the three can be compared.
    chance = report.scores["compositions"]["chance"].r_precision
    assert chance and chance.value == pytest.approx(1 / 8, abs=0.02) and report.scores["new words"]["real pictures"].kid
    assert "compositions: held-out prompts" in str(report)


def test_few_prompts_of_a_part_have_no_figures(pictures: CaptionedDataset) -> None:
    every = Fake(pictures, lambda seeds, _: pictures.images[seeds])
    assert "new words" not in evaluate_prompts([every], pictures, 1000, [MEANS]).scores


@pytest.mark.parametrize(("copies", "share"), [(True, 0.875), (False, 0.5)])
def test_nearness_to_training_pictures(copies: bool, share: float, pictures: CaptionedDataset) -> None:
    unseen = held_out(pictures)
    shown = np.setdiff1d(np.arange(48), unseen)
    drawn = pictures.images[shown[:12] if copies else unseen]
    scores = evaluate_prompts([Fake(pictures, lambda seeds, _: drawn[seeds % 12])], pictures, 1000, [MEANS]).scores
    nearer, chance = (scores["held-out"][name].nearer for name in ("mine", "chance"))
    assert nearer and chance and (nearer.value, chance.value) == (share, 0.5)
    assert scores["held-out"]["real pictures"].nearer is scores["seen"]["chance"].nearer is None
    # A training picture is no neighbour of itself, so that one that is drawn again is nearer. White ones are all alike.
    seen = scores["seen"]["mine"].nearer
    assert seen and (seen.value >= 0.875) == copies


def test_variety_is_that_of_the_pictures_that_fit_a_tag(
    pictures: CaptionedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FEWEST_TAGS", "_CONCEPTS"):
        monkeypatch.setattr(variety, name, 2)
    monkeypatch.setattr(variety, "_FIT", 4)
    asked: list[np.ndarray] = []

    def deaf(seeds: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
        assert rows is not None
        asked.append(rows)
        return pictures.images[np.zeros(len(seeds), np.int64)]

    one, other = Fake(pictures, deaf), Fake(pictures, lambda seeds, _: pictures.images[seeds % 48], "other")
    report = evaluate_prompts([one, other], pictures, 1000, [MEANS])
    same, varied, real = (report.variety[name] for name in ("mine", "other", "real pictures"))
    assert same.ratio and varied.ratio and real.of_tag and same.of_caption and varied.of_caption
    assert same.ratio.value == same.of_caption.value == 0 < varied.of_caption.value and varied.ratio.value > 0.3
    rows = np.concatenate([part for part in asked if len(part) == 64][-3:])
    assert set((rows[:, 1:] > 0).sum(1)) <= {1, 4}  # a tag alone, and whole captions
    assert json.loads(json.dumps(report.as_dict()))["variety"]["mine"]["ratio"]["value"] == 0
    assert "over that of real pictures" in str(report)


def test_without_tags_nothing_is_said_of_variety(pictures: CaptionedDataset) -> None:
    report = evaluate_prompts([Fake(pictures, lambda seeds, _: pictures.images[seeds])], pictures, 1000, [MEANS])
    assert report.variety == {} and "variety" not in str(report).lower()


def test_matchers_see_through_the_last_judge_and_kid_is_in_both(
    pictures: CaptionedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    train = matcher.train_matchers
    monkeypatch.setattr(
        "attngan.evaluation.prompts.train_matchers",
        lambda *rest: (seen.append(rest[3].name), train(*rest))[1],
    )
    squares = Extractor("squares", None, lambda images: mean_colours(images) ** 2, "open_nsfw_")
    drawing = Fake(pictures, lambda seeds, _: pictures.images[seeds])
    report = evaluate_prompts([drawing], pictures, 1000, [MEANS, squares])
    found, unseen = report.scores["held-out"]["mine"], held_out(pictures)
    assert seen == ["squares"]
    for figure, judge in ((found.kid, MEANS), (found.open_nsfw_kid, squares)):
        features = judge(pictures.images)
        assert figure and (figure.value, figure.error) == kid(features[unseen], features[:HELD_OUT])
    alone = evaluate_prompts([drawing], pictures, 1000, [squares])
    mine = alone.scores["held-out"]["mine"]
    assert mine == replace(found, kid=None)
    assert "does not judge here" in str(alone) and "does not judge" not in str(report)
    assert report.as_dict()["features"] == "mean colours; squares"


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
    assert figures["obedience"]["seen"]["colour"]["one"]["agreement"]
    assert call(one, "--data", data, "--features", own_features, "--out", out).startswith("0 ")
    alone = json.loads(out.read_text())
    assert alone["scores"]["held-out"]["one"] == columns["one"]  # whatever stands beside
    few = call(one, "--data", data, "--features", own_features, "--samples", 10)
    assert few.startswith("2 ") and "9 held-out prompts" in few  # three whole concepts are what 10 have room for


def test_what_joined_a_runs_pictures_is_unseen(monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path) -> None:
    generator = open_generator(str(write_run(tmp_path / "run", data)))
    monkeypatch.setattr(generator, "split_places", lambda _: (np.arange(30), np.arange(30, 39)))
    unseen = _find_held_out(generator, load_captioned(data, resolution=16, channels=4))
    assert unseen is not None and unseen.tolist() == [False] * 30 + [True] * 18


def test_a_run_and_its_bundle_draw_the_same_for_the_figures(data: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", data)
    export_generator(str(run), tmp_path / "bundle")
    pictures = load_captioned(data, resolution=16, channels=4)
    before, after = open_generator(str(run)), open_generator(str(tmp_path / "bundle"))
    assert after.choice_names == before.choice_names == list(STYLES)
    conditions = before.conditions_of(pictures)
    np.testing.assert_array_equal(after.conditions_of(pictures), conditions)
    seeds = np.arange(48)
    difference = before.sample_as_data(seeds, conditions).astype(int) - after.sample_as_data(seeds, conditions)
    assert np.abs(difference).max() <= 1
    assert before.trained_on(pictures) and not after.trained_on(pictures)  # so that all prompts are alike


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ("smaller", "draws other pictures than run"),
        ("unlike", "did not hold out the pictures that run did"),
    ],
)
def test_what_can_not_stand_beside_gets_one_line(beside: str, message: str, pictures: CaptionedDataset) -> None:
    run, other = (Fake(pictures, lambda seeds, _: seeds, name) for name in ("run", "smaller"))
    other.resolution = 8
    others = {"smaller": other, "unlike": Fake(pictures, lambda seeds, _: seeds, "unlike", holdout=3)}
    with refuses(f"--beside {beside}: {message}"):
        evaluate_prompts([run, others[beside]], pictures, None, [MEANS])


def test_other_mistakes_get_one_line(pictures: CaptionedDataset, data: Path, tmp_path: Path) -> None:
    with refuses("--data: 9 held-out prompts"):
        evaluate_prompts([Fake(pictures, lambda seeds, _: seeds)], pictures, 9, [MEANS])
    other = Fake(pictures, lambda seeds, _: seeds)
    other.choice_names = ["a", "b"]
    with refuses("--data x: styles flat, soft, thin, mine has a, b"):
        other.check_choices(pictures, "--data x")
    said = call(write_run(tmp_path / "run", data), "--beside", "fashion-32", "--data", data)
    assert said == "2 error: --beside fashion-32: draws without words; leave the option out\n"
    said = call("run", "--data", data, "--out", tmp_path)
    assert said.startswith("2 ") and "is a folder; name a file" in said and len(said.strip().splitlines()) == 1
