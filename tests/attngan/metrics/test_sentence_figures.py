"""Figures of sets of sentences but for BLEU: repetition, key words, distances of embeddings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attngan.metrics.diversity import distinct, find_memorised, join_words
from attngan.metrics.fid import fid
from attngan.metrics.keyword_coverage import coverage
from attngan.metrics.sentence_distance import kernel_distance

word = st.sampled_from("abcde")


def test_distinct_n_grams_of_all_sentences_together() -> None:
    found = distinct([["a", "b", "a"], ["a", "b"], ["c"]])
    assert found == {1: 3 / 6, 2: 2 / 3, 3: 1.0}  # a b c of six words; ab, ba of three pairs, none across sentences
    assert distinct([["a"], []]) == {1: 1.0, 2: None, 3: None}


def test_memorised_are_whole_sentences_alone() -> None:
    training = join_words([["a", "dog"], ["the", "cat", "sat"]])
    sentences = [["the", "cat", "sat"], ["the", "cat"], ["dog"], ["a", "dog"], []]
    assert find_memorised(sentences, training).tolist() == [True, False, False, True, False]


@given(st.data())
def test_coverage_is_what_counting_says(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 6))
    sentences = [data.draw(st.lists(word, max_size=5)) for _ in range(count)]
    keywords = [data.draw(st.lists(word, max_size=3, unique=True)) for _ in range(count)]
    found = coverage(sentences, keywords)
    asking = [place for place in range(count) if keywords[place]]
    if len(asking) < 2:
        assert (found.words, found.sentences, found.words_by_chance, found.sentences_by_chance) == (None,) * 4
        return
    own = [[key in sentences[place] for key in keywords[place]] for place in asking]
    others = [
        [key in sentences[other] for key in keywords[place]]
        for place in asking for other in range(count) if other != place
    ]  # fmt: skip
    for figure, held in ((found.words, own), (found.words_by_chance, others)):
        assert figure is not None and figure.value == pytest.approx(np.mean([key for each in held for key in each]))
    for figure, held in ((found.sentences, own), (found.sentences_by_chance, others)):
        assert figure is not None and figure.value == pytest.approx(np.mean([all(each) for each in held]))
    assert found.words is not None and found.words.error >= 0


def test_words_of_one_sentence_are_no_independent_ones() -> None:
    alike = coverage([["a", "b", "c"], ["x"]] * 10, [["a", "b", "c"]] * 20).words
    single = coverage([["a"], ["x"]] * 10, [["a"]] * 20).words
    assert alike is not None and single is not None
    assert (alike.value, alike.error) == pytest.approx((0.5, single.error))


def unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def test_kernel_distance_is_that_of_the_cosines() -> None:
    random = np.random.default_rng(0)
    real = unit(random.normal(size=(120, 64)))
    other = unit(random.normal(size=(120, 64)) + 0.2)
    same = unit(random.normal(size=(120, 64)))

    def off_diagonal(x: np.ndarray) -> float:
        kernel = (x @ x.T + 1) ** 3
        return (kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1))

    expected = off_diagonal(real) + off_diagonal(other) - 2 * ((real @ other.T + 1) ** 3).mean()
    found, chance = kernel_distance(real, other), kernel_distance(real, same)
    assert expected > 0.1 and abs(found.value - expected) < 2 * found.error < 0.1
    assert abs(chance.value) < 3 * chance.error
    assert found.n == 120
    assert fid(real, other) > fid(real, same)
