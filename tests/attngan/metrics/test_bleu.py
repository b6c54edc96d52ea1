"""BLEU against the few references that count is what nltk says against all of them."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from refusals import refuses

from attngan.metrics import bleu as module
from attngan.metrics.bleu import ORDERS, References

# Few words, so that n-grams and whole sentences repeat, and n-grams stand several times in one.
sentence = st.lists(st.sampled_from("abc"), max_size=9)


def by_nltk(references: list[list[str]], words: list[str]) -> list[float]:
    smoothing = SmoothingFunction().method1
    return [sentence_bleu(references, words, [1 / n] * n, smoothing) for n in ORDERS]


@given(st.lists(sentence, min_size=1, max_size=12), st.lists(sentence, max_size=4))
def test_bleu_is_that_against_all_references(references: list[list[str]], sentences: list[list[str]]) -> None:
    found = References(references).bleu(sentences)
    assert found.shape == (len(sentences), 4) and found.dtype == np.float64
    assert found.tolist() == [by_nltk(references, words) for words in sentences]


@given(st.lists(sentence, min_size=2, max_size=10))
def test_self_bleu_leaves_the_sentence_itself_out_and_no_other(sentences: list[list[str]]) -> None:
    expected = [by_nltk(sentences[:place] + sentences[place + 1 :], words) for place, words in enumerate(sentences)]
    assert References(sentences).self_bleu().tolist() == expected


def test_sentences_of_a_language_and_how_few_references_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    drawn = [random.zipf(1.5, random.integers(3, 15)).clip(1, 200) for _ in range(420)]
    words = [[f"w{number}" for number in numbers] for numbers in drawn]
    references, sentences = words[:400], words[400:]
    expected = [by_nltk(references, each) for each in sentences]
    asked, handed = module.nltk_bleu(), []

    def counting(some: list[module.Words], words: module.Words) -> list[float]:
        handed.append(len(some))
        return asked(some, words)

    monkeypatch.setattr(module, "nltk_bleu", lambda: counting)
    assert References(references).bleu(sentences).tolist() == expected
    assert max(handed) < 40


def test_nothing_to_compare_with() -> None:
    for compare in (lambda: References([]).bleu([["a"]]), lambda: References([["a"]]).self_bleu()):
        with pytest.raises(ValueError, match="none to compare with"):
            compare()


def test_without_nltk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nltk.translate.bleu_score", None)
    with refuses("nltk: not installed"):
        module.nltk_bleu.__wrapped__()
