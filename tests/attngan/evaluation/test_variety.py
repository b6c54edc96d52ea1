"""Which captions variety is measured on, and that less of it shows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from attngan.data import CaptionedDataset, Captions
from attngan.evaluation import variety
from attngan.evaluation.variety import VarietyPrompts, choose_variety_prompts

TAGS = 20


def described(count: int = 12 * TAGS) -> CaptionedDataset:
    """12 pictures of each of 20 tags, of 6 concepts in two styles, each of which has two tags more."""
    place = np.arange(count)
    tags = [(f"tag {one}", "every", f"own {concept}") for one, concept in zip(place % TAGS, place // 2, strict=True)]
    concepts = [f"concept {one} {other}" for one, other in zip(place % TAGS, place // TAGS // 2, strict=True)]
    captions = Captions([(f"caption {one}", "another") for one in place], tags, concepts)
    return CaptionedDataset(
        np.zeros((count, 2, 2, 1), np.uint8), captions=captions, styles=place // TAGS % 2, style_names=["a", "b"]
    )


def choose(pictures: CaptionedDataset, among: np.ndarray | None = None) -> VarietyPrompts:
    found = choose_variety_prompts(pictures, np.arange(len(pictures)) if among is None else among)
    assert found
    return found


def test_tags_that_several_pictures_fit_and_whole_captions() -> None:
    pictures = described()
    found = choose(pictures)
    texts, count = [texts[0] for texts in found.asked.captions.texts], 8 * found.tags
    assert found.tags >= TAGS - 1 and len(texts) == count + 200 and len(set(found.places.tolist())) == count
    for tag in range(found.tags):
        places = found.places[8 * tag : 8 * tag + 8]
        (asked,) = set(texts[8 * tag : 8 * tag + 8])
        assert all(asked in pictures.captions.tags[place] for place in places)
        assert len({pictures.captions.concepts[place] for place in places}) >= 4
    assert found.asked.styles is not None and pictures.styles is not None
    np.testing.assert_array_equal(found.asked.styles[:count], pictures.styles[found.places])
    whole = Counter(zip(texts[count:], found.asked.styles[count:].tolist(), strict=True))
    assert len(whole) == 50 and set(whole.values()) == {4} and texts[count::4] == texts[count + 3 :: 4]
    assert all(text == f"caption {int(text[8:])}" and style == pictures.styles[int(text[8:])] for text, style in whole)
    assert choose(pictures).asked.captions.texts == found.asked.captions.texts


def test_only_some_places_count_and_too_few_tags_say_nothing() -> None:
    pictures, some = described(), np.arange(0, 240, 2)  # tags of an even number, 12 pictures each
    found = choose(pictures, some)
    assert set(found.places.tolist()) <= set(some.tolist())
    assert choose_variety_prompts(pictures, np.arange(60)) is None  # three pictures of each tag
    untagged = replace(pictures.captions, tags=[()] * len(pictures))
    assert choose_variety_prompts(replace(pictures, captions=untagged), np.arange(240)) is None


def drawn(found: VarietyPrompts, spread: float, seed: int = 0) -> np.ndarray:
    """Features of pictures that lie about a mean of each tag, or of each caption."""
    random, count = np.random.default_rng(seed), 8 * found.tags
    means = np.repeat(random.standard_normal((found.tags, 16)), 8, 0)
    tags = means + spread * random.standard_normal((count, 16))
    return np.concatenate([tags, 3 + np.zeros((200, 16))]).astype(np.float32)


def test_less_variety_shows() -> None:
    found = choose(described())
    real = drawn(found, 1.0)[: 8 * found.tags]
    same, less, none = (found.measure(drawn(found, spread, 1), real) for spread in (1.0, 0.5, 0.0))
    assert same.ratio and less.ratio and none.ratio and same.of_caption and less.of_tag and same.of_tag
    assert abs(same.ratio.value - 1) < 4 * same.ratio.error < 0.2
    assert abs(less.ratio.value - 0.5) < 4 * less.ratio.error
    assert none.ratio.value == pytest.approx(0, abs=1e-5)
    assert same.of_caption.value == 0 and same.of_caption.n == 50 and less.of_tag.value < same.of_tag.value
    of_real = found.measure_real(real)
    assert of_real.of_tag and same.of_tag.value / of_real.of_tag.value == pytest.approx(same.ratio.value)
    assert of_real.ratio is of_real.of_caption is None


def test_the_error_is_the_spread_over_repetitions() -> None:
    found = choose(described())
    ratios = []
    for seed in range(60):
        real = drawn(found, 1.0, 2 * seed)[: 8 * found.tags]
        ratios.append(found.measure(drawn(found, 0.7, 2 * seed + 1), real).ratio)
    values = [one.value for one in ratios if one]
    assert np.mean(values) == pytest.approx(0.7, abs=0.01)
    assert 0.7 < np.mean([one.error for one in ratios if one]) / np.std(values, ddof=1) < 1.4


def test_a_picture_stands_beside_one_tag_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variety, "FEWEST_TAGS", 1)
    pictures = described()
    both = replace(pictures.captions, tags=[("one", "other")] * 12 + [()] * 228)
    found = choose(replace(pictures, captions=both))
    assert found.tags == 1  # the other one has four pictures left
    alike = replace(both, concepts=[f"concept {place // 4}" for place in range(240)])  # three are called so
    assert choose_variety_prompts(replace(pictures, captions=alike), np.arange(240)) is None
