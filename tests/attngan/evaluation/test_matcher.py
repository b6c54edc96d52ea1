"""Matchers learn what captions say from real pictures, and never judge a concept that they have seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from refusals import refuses
from tiny_runs import mean_colours
from tiny_words import captioned

from attngan.data import CaptionedDataset, Captions
from attngan.data.transforms import on_white
from attngan.evaluation import matcher
from attngan.evaluation.matcher import Matchers, train_matchers
from attngan.features.cache import real_features
from attngan.features.extractor import Extractor
from attngan.metrics.retrieval import exchange_concepts, retrieval

MEANS = Extractor("mean colours", None, mean_colours)
EVERY = np.arange(48)


@pytest.fixture(scope="module")
def pictures() -> CaptionedDataset:
    return captioned()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matcher, "_STEPS", 5)


def train(pictures: CaptionedDataset, places: np.ndarray, extractor: Extractor) -> Matchers:
    return train_matchers(pictures, places, real_features(extractor, pictures, places), extractor)


def vectors(found: Matchers) -> list[np.ndarray]:
    return [torch.nn.utils.parameters_to_vector(one.parameters()).numpy() for one in found.matchers]


def numbered(pictures: CaptionedDataset) -> tuple[np.ndarray, np.ndarray]:
    """Concepts and captions; here a caption a concept."""
    _, concepts = np.unique(pictures.captions.concepts, return_inverse=True)
    return concepts, concepts


def two_words_each() -> CaptionedDataset:
    """200 pictures of 100 concepts; the pixels number a first and a second word, ten of each."""
    first, second = np.arange(200) // 2 % 10, np.arange(200) // 20
    texts = [(f"colour{one} shape{other}",) for one, other in zip(first, second, strict=True)]
    images = np.stack([first, second], 1).astype(np.uint8).reshape(200, 1, 2, 1)
    return CaptionedDataset(images, captions=Captions(texts, [()] * 200, [text for (text,) in texts]))


def looks_of_words(images: np.ndarray) -> np.ndarray:
    looks = np.random.default_rng(1).normal(size=(2, 10, 24))
    pixels = images.reshape(-1, 2)
    noise = np.random.default_rng(2).normal(size=(len(pixels), 24))
    return (looks[0, pixels[:, 0]] + looks[1, pixels[:, 1]] + 0.1 * noise).astype(np.float32)


def test_finds_captions_of_concepts_that_no_judge_has_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matcher, "_STEPS", 40)
    pictures, every = two_words_each(), np.arange(200)
    concepts, captions = numbered(pictures)
    found, features = train(pictures, every, Extractor("looks", None, looks_of_words)), looks_of_words(pictures.images)
    right = retrieval(*found.scores(features, every), concepts, captions)
    wrong = retrieval(*found.scores(features[exchange_concepts(concepts)], every), concepts, captions)
    assert right.r_precision and right.recall_1 and right.recall_5 and wrong.r_precision and wrong.recall_5
    assert right.r_precision.value > 0.6 and right.recall_1.value > 0.6 and right.recall_5.value > 0.9
    assert wrong.r_precision.value < 0.05 and wrong.recall_5.value < 0.1


def test_a_concept_has_no_part_in_its_own_judge(pictures: CaptionedDataset, quick: None) -> None:
    before = train(pictures, EVERY, MEANS)
    concept = pictures.captions.concepts[0]
    own = np.array([name == concept for name in pictures.captions.concepts])
    assert len(set(before.folds[own])) == 1 and set(before.folds) == set(range(5))
    images = pictures.images.copy()
    images[own] = 255 - images[own]
    after = train(replace(pictures, images=images), EVERY, MEANS)
    same = [np.array_equal(one, other) for one, other in zip(vectors(before), vectors(after), strict=True)]
    assert same == [fold == before.folds[0] for fold in range(5)]


def test_another_style_of_the_same_caption_is_no_mistake(
    pictures: CaptionedDataset, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    alike: list[torch.Tensor] = []
    loss = matcher.damsm_loss
    monkeypatch.setattr(matcher, "damsm_loss", lambda scores, same: (alike.append(same), loss(scores, same))[1])
    found = train(pictures, EVERY, MEANS)
    learnt = np.count_nonzero(found.folds != 0)
    assert (alike[0].sum(1) == 3).all() and alike[0].shape == (learnt, learnt)  # each caption in three styles


def test_only_known_pictures_are_learnt_from(pictures: CaptionedDataset, quick: None) -> None:
    images = pictures.images.copy()
    images[32:] = 255 - images[32:]
    before, after = (train(one, EVERY[:32], MEANS) for one in (pictures, replace(pictures, images=images)))
    assert all(np.array_equal(one, other) for one, other in zip(vectors(before), vectors(after), strict=True))


def test_each_pair_is_judged_by_the_caption_s_or_the_picture_s_own_matcher(
    pictures: CaptionedDataset, quick: None
) -> None:
    found, places = train(pictures, EVERY, MEANS), np.array([3, 0, 40, 17, 22])
    features = mean_colours(on_white(pictures.images[places]))
    by_caption, by_picture = found.scores(features, places)
    for row in range(5):
        for column in range(5):
            for scores, judge in ((by_caption, row), (by_picture, column)):
                one = found.matchers[found.folds[places[judge]]]
                caption = one.embed_caption(torch.from_numpy(found.captions[places[row]])[None])
                picture = one.embed_picture(torch.from_numpy(features[column])[None])
                expected = torch.cosine_similarity(caption, picture).item()
                assert scores[row, column] == pytest.approx(expected, abs=1e-4)


def test_the_same_to_the_bit_and_learnt_once(
    pictures: CaptionedDataset, quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    learnt: list[int] = []
    learn = matcher._learn
    monkeypatch.setattr(matcher, "_learn", lambda *given: (learnt.append(1), learn(*given)))
    cached = replace(MEANS, version="1")
    first = train(pictures, EVERY, cached)
    torch.manual_seed(99)
    again = train(pictures, EVERY, cached)
    assert len(learnt) == 5
    unkept = train(pictures, EVERY, MEANS)
    assert len(learnt) == 10
    for other in (again, unkept):
        assert all(np.array_equal(a, b) for a, b in zip(vectors(first), vectors(other), strict=True))
    monkeypatch.setattr(matcher, "VERSION", "other")
    train(pictures, EVERY, cached)
    assert len(learnt) == 15


def test_words_that_a_matcher_never_saw_say_nothing(pictures: CaptionedDataset, quick: None) -> None:
    texts = [("giraffe, top left", *rest) if place == 0 else (main, *rest)
             for place, (main, *rest) in enumerate(pictures.captions.texts)]  # fmt: skip
    changed = replace(pictures, captions=replace(pictures.captions, texts=texts))
    found = train(changed, EVERY, MEANS)
    word = found.captions[0, 0]
    for fold, one in enumerate(found.matchers):
        assert one.words.weight[word].any() == (fold != found.folds[0])


def test_features_without_any_spread_and_few_concepts(quick: None, pictures: CaptionedDataset) -> None:
    grey = Extractor("grey", None, lambda images: np.ones((len(images), 3), np.float32))
    scores, _ = train(pictures, EVERY, grey).scores(np.ones((48, 3), np.float32), EVERY)
    assert np.isfinite(scores).all()
    few = Captions([("a",)] * 48, [()] * 48, [str(place % 4) for place in range(48)])
    with refuses("--data: show 4 concepts"):
        train(replace(pictures, captions=few), EVERY, MEANS)
