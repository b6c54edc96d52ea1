"""Figures of pictures drawn from words: retrieval against brute force, errors by concept, obedience."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attngan.metrics.estimate import Estimate, jackknife, mean
from attngan.metrics.obedience import changed_places, find_usable, mean_change, obedience
from attngan.metrics.retrieval import exchange_concepts, retrieval, retrieval_by_chance

numbers = st.integers(0, 4)


def test_error_of_independent_pictures_is_that_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=50)
    found = mean(values, np.arange(50))
    assert found is not None
    assert (found.value, found.error) == pytest.approx((values.mean(), values.std(ddof=1) / np.sqrt(50)))
    assert found.n == 50


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=9), st.integers(2, 4))
def test_copies_within_a_concept_make_no_error_smaller(values: list[float], copies: int) -> None:
    one = mean(np.array(values), np.arange(len(values)))
    several = mean(np.repeat(values, copies), np.repeat(np.arange(len(values)), copies))
    assert one is not None and several is not None
    assert (several.value, several.error) == pytest.approx((one.value, one.error), abs=1e-9)


def test_no_figure_from_one_concept_or_of_nothing_over_nothing() -> None:
    assert mean(np.array([1.0, 2.0]), np.array([7, 7])) is None
    assert mean(np.empty(0), np.empty(0, np.int64)) is None
    assert jackknife(np.zeros((4, 2)), np.arange(4), lambda sums: sums[..., 0] / sums[..., 1]) is None


def share_won(own: float, others: np.ndarray, k: int) -> float:
    """By drawing lots between equal scores, all orders alike."""
    better, equal = int((others > own).sum()), int((others == own).sum())
    return float(np.mean([better + before < k for before in range(equal + 1)]))


@given(st.data())
def test_retrieval_is_what_brute_force_says(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 7))
    concepts, captions = (np.array(data.draw(st.lists(numbers, min_size=count, max_size=count))) for _ in range(2))
    if len(set(concepts)) < 2:
        return
    square = st.lists(numbers, min_size=count**2, max_size=count**2)
    by_caption, by_picture = (np.array(data.draw(square), float).reshape(count, count) for _ in range(2))
    found = retrieval(by_caption, by_picture, concepts, captions)
    wrong = [
        [j for j in range(count) if concepts[i] != concepts[j] and captions[i] != captions[j]] for i in range(count)
    ]
    for k, figure in ((1, found.recall_1), (5, found.recall_5), (10, found.recall_10)):
        expected = np.mean([share_won(by_caption[i, i], by_caption[i, wrong[i]], k) for i in range(count)])
        assert figure is not None and figure.value == pytest.approx(expected)
    if all(len(set(captions[some])) == len(some) for some in wrong):  # otherwise lots decide between equal captions
        expected = np.mean([share_won(by_picture[j, j], by_picture[wrong[j], j], 1) for j in range(count)])
        assert found.r_precision is not None and found.r_precision.value == pytest.approx(expected)


def test_one_caption_in_a_hundred() -> None:
    many = np.arange(300)
    chance = retrieval_by_chance(many, many)
    assert chance.r_precision is not None and chance.r_precision.value == pytest.approx(0.01)
    assert chance.recall_10 is not None and chance.recall_10.value == pytest.approx(10 / 300)
    twice = retrieval_by_chance(many, many // 2)  # equal captions stand among the hundred once
    assert twice.r_precision is not None and twice.r_precision.value == pytest.approx(0.01)
    few = retrieval_by_chance(many[:50], many[:50] // 2)
    assert few.r_precision is not None and few.r_precision.value == pytest.approx(1 / 25)
    known = retrieval(np.eye(300), np.eye(300), many, many)
    assert known.r_precision == Estimate(1.0, 0.0, 300) and known.recall_1 == Estimate(1.0, 0.0, 300)


def test_pictures_of_the_same_concept_are_no_mistake() -> None:
    concepts = np.array([0, 0, 1, 2])
    scores = np.array([[1.0, 9, 0, 0], [9, 1, 0, 0], [0, 0, 1, 0], [0, 0, 9, 1]])  # 0 and 1 exchanged; 3 finds 2
    found = retrieval(scores, scores, concepts, np.arange(4))
    assert found.recall_1 is not None and found.recall_1.value == 0.75
    told_apart = retrieval(scores, scores, np.arange(4), np.arange(4))
    assert told_apart.recall_1 is not None and told_apart.recall_1.value == 0.25


@given(st.lists(st.integers(0, 6), min_size=2, max_size=40))
def test_shuffling_gives_everyone_another_concept(values: list[int]) -> None:
    concepts = np.array(values)
    places = exchange_concepts(concepts)
    assert sorted(places) == list(range(len(concepts)))
    if np.bincount(concepts).max() <= len(concepts) // 2:
        assert (concepts[places] != concepts).all()


def squares(colours: np.ndarray, background: int = 0) -> np.ndarray:
    """uint8 [P, 16, 16, 4]: the middle 4×4 places in these colours [P, 4]."""
    pictures = np.full((len(colours), 16, 16, 4), background, np.uint8)
    pictures[:, 6:10, 6:10] = colours[:, None, None]
    return pictures


FIRST, SECOND = np.random.default_rng(3).integers(0, 256, (2, 20, 4), np.uint8)
CONCEPTS = np.arange(20) // 2
PLACES = changed_places(squares(FIRST * 0), squares(FIRST * 0 + 255))


def test_places_that_change_have_a_margin() -> None:
    expected = np.zeros((16, 16), bool)
    expected[5:11, 5:11] = True  # one pixel at 16²
    assert (expected == PLACES).all()
    assert not changed_places(squares(FIRST * 0), squares(FIRST * 0 + 32)).any()  # too little to count
    assert changed_places(squares(FIRST * 0 + [0, 0, 100, 0]), squares(FIRST * 0)).any()  # one channel is enough
    shares = np.stack([np.zeros((16, 16), bool), expected, np.ones((16, 16), bool)])
    assert find_usable(shares).tolist() == [False, True, False]


def test_a_change_there_alone_a_change_everywhere_and_none() -> None:
    real = mean_change(squares(FIRST), squares(SECOND), PLACES)
    there = obedience(squares(FIRST), squares(SECOND), PLACES, real, CONCEPTS)
    assert there.there is not None and there.elsewhere == Estimate(0.0, 0.0, 20) and there.ratio is None
    share, change = 16 / 36, np.abs(FIRST.astype(float) - SECOND).mean()  # places of the square among those with margin
    assert there.there.value == pytest.approx(change * share) and there.there.error > 0
    assert there.agreement is not None and there.agreement.value == pytest.approx(1)
    everywhere = obedience(squares(FIRST * 0), squares(FIRST * 0 + 40, 40), PLACES, real, CONCEPTS)
    assert everywhere.ratio is not None and everywhere.ratio.value == pytest.approx(1)
    nothing = obedience(squares(FIRST), squares(FIRST), PLACES, real, CONCEPTS)
    assert nothing.there == Estimate(0.0, 0.0, 20) and nothing.ratio is None and nothing.agreement is None


def test_agreement_is_that_of_colours_whichever_picture_comes_first() -> None:
    first, second = squares(FIRST), squares(SECOND)
    real = mean_change(first, second, PLACES)
    backwards = obedience(second, first, PLACES, real, CONCEPTS).agreement
    assert backwards is not None and backwards.value == pytest.approx(-1)
    exchanged = obedience(second, first, PLACES, -real, CONCEPTS).agreement
    assert exchanged is not None and exchanged.value == pytest.approx(1)
    unrelated = obedience(first, second, PLACES, np.random.default_rng(0).normal(size=real.shape), CONCEPTS).agreement
    assert unrelated is not None and abs(unrelated.value) < 4 * unrelated.error < 1


def test_places_of_other_pairs_tell_what_the_middle_alone_would_give() -> None:
    halves = np.zeros((20, 16, 16), bool)
    halves[::2, :8], halves[1::2, 8:] = True, True
    change = np.where(halves, 90, 10).astype(np.uint8)[..., None].repeat(4, 3)
    found = obedience(np.zeros_like(change), change, halves, np.ones((20, 4)), np.arange(20))
    assert found.ratio is not None and found.ratio.value == pytest.approx(9)
    assert found.ratio_by_chance is not None and 0.5 < found.ratio_by_chance.value < 2
