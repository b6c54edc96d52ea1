"""Figures of generators of sentences: what is asked of them, what is compared with what, and the printed table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from refusals import refuses

from attngan.data import TextDataset
from attngan.data.keywords import content_words
from attngan.errors import AttnGANError
from attngan.evaluation import sentences as evaluation
from attngan.evaluation.halves import draw_halves
from attngan.evaluation.sentence_report import REAL, TRAINING, SentenceReport
from attngan.evaluation.sentences import ASKED, FREE, draw_keywords, evaluate_sentences
from attngan.evaluation.yardstick import Yardstick
from attngan.generators.text import KeyWordLists

SENTENCES = [
    f"The {colour} {animal} {verb} on a {place}."
    for colour, animal, verb, place in product(
        ("red", "blue", "white"), ("dog", "cat", "horse", "bird"), ("sits", "sleeps"), ("beach", "roof", "road")
    )
]
TEST, TRAIN = TextDataset(SENTENCES[::2]), TextDataset(SENTENCES[1::2])  # 36 each
SAMPLES = 14


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads that share their cores with other work take fifty times as long over matrices as small as these."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Fake:
    """Writes the key words it is asked for, or the sentences of its training; remembers what it was asked."""

    def __init__(self, obeys: bool) -> None:
        self.obeys = obeys
        self.asked: list[tuple[np.ndarray, KeyWordLists | None, float]] = []
        self.judged: list[tuple[Sequence[str], KeyWordLists | None]] = []

    def write(self, seeds: np.ndarray, keywords: KeyWordLists | None, temperature: float) -> list[str]:
        self.asked.append((seeds, keywords, temperature))
        if keywords is None or not self.obeys:
            return [TRAIN.sentences[seed] for seed in seeds]
        return [" ".join(words) for words in keywords]

    def nll(self, sentences: Sequence[str], keywords: KeyWordLists | None) -> tuple[float, int] | None:
        self.judged.append((sentences, keywords))
        return (30.0 if keywords is None else 10.0, 20) if self.obeys else None


@pytest.fixture(scope="module")
def writers() -> dict[str, Fake]:
    return {"obeys": Fake(True), "heeds nothing": Fake(False)}


@pytest.fixture(scope="module")
def report(writers: dict[str, Fake]) -> SentenceReport:
    return evaluate_sentences(dict(writers), TEST, TRAIN, samples=SAMPLES, temperature=0.7)


@pytest.mark.usefixtures("report")
def test_all_writers_are_asked_for_the_same(writers: dict[str, Fake]) -> None:
    held, _ = draw_halves(TEST, SAMPLES, 1000)
    for writer in writers.values():
        (seeds, none, temperature), (seeds_again, asked, _) = writer.asked
        assert none is None and temperature == 0.7 and asked == writers["obeys"].asked[1][1]
        assert seeds.dtype == np.int64 and seeds.tolist() == seeds_again.tolist() == list(range(SAMPLES))
        assert len(asked) == SAMPLES
        for place, words in zip(held, asked, strict=True):
            content = content_words(TEST.words[place])
            assert 2 <= len(words) == len(set(words)) <= 5 and set(words) <= set(content)
        (sentences, without), (same, words_of_all) = writer.judged
        assert sentences == same == TEST.sentences and without is None
        assert [words_of_all[place] for place in held] == asked


def test_key_words_are_as_many_as_there_are() -> None:
    texts = TextDataset(["a dog", "of the", "dogs and cats run and jump, sit, play or eat"])
    found = draw_keywords(texts.words)
    assert found[0] == ["dog"] and found[1] == [] and 2 <= len(found[2]) <= 5
    assert draw_keywords([["the"], ["of"]]) == [[], []]


def test_what_the_figures_tell_apart(report: SentenceReport) -> None:
    asked, free = report.scores[ASKED], report.scores[FREE]
    obeys, other, real = (asked[title].coverage for title in ("obeys", "heeds nothing", REAL))
    assert obeys is not None and other is not None and real is not None
    assert obeys.words.value == obeys.sentences.value == real.words.value == real.sentences.value == 1
    assert other.sentences.value < 0.5 and real.sentences_by_chance.value < 0.5
    assert free["obeys"].memorised.value == free[TRAINING].memorised.value == 1
    assert asked["obeys"].memorised.value == free[REAL].memorised.value == 0
    assert asked["obeys"].bleu[5].value < asked["heeds nothing"].bleu[5].value
    assert asked["obeys"].frechet > free[REAL].frechet
    assert (free["obeys"].nll, asked["obeys"].nll, free["heeds nothing"].nll) == (1.5, 0.5, None)
    assert free["obeys"].coverage is None and free[REAL].coverage is None


def test_real_sentences_are_measured_as_generated_ones_are(report: SentenceReport) -> None:
    held, rest = draw_halves(TEST, SAMPLES, 1000)
    assert sorted([*held, *rest]) == list(range(36)) and len(held) == SAMPLES and report.references == len(rest)
    yardstick = Yardstick.of(TEST.take(rest), SAMPLES, TRAIN)
    assert yardstick.features.shape == (SAMPLES, 384)
    assert len(yardstick.references.sentences) == len(rest)
    assert yardstick.measure(TEST.take(held)) == report.scores[FREE][REAL]
    own = yardstick.measure(TEST.take(rest[:SAMPLES]))
    assert own.bleu[5].value == 1 and own.frechet == pytest.approx(0, abs=1e-5)
    same = replace(yardstick, training=None).measure(TextDataset(["The red dog sits ."] * 5))
    assert same.self_bleu[5].value == 1 and same.self_bleu[5].error == 0 and same.memorised is None
    assert same.length.value == 5 and same.distinct[1] == 1 / 5


def test_table(report: SentenceReport) -> None:
    text = str(report)
    assert max(map(len, report.lines())) <= 120
    free, asked = text.split("from key words: ")
    for name in ("BLEU-2", "Self-BLEU-5", "distinct-3", "kernel distance", "Fréchet distance", "−log p"):
        assert f"  {name}" in free and f"  {name}" in asked
    assert "sentences with all of theirs" in asked and "sentences with all of theirs" not in free
    assert "100.0 ± 0.0 %" in asked and "all-MiniLM-L6-v2" in text and "Temperature 0.7" in text
    assert "22 test sentences" in text and "14 of them" in text
    read = json.loads(json.dumps(report.as_dict()))
    assert read["scores"][FREE]["obeys"]["bleu"]["5"]["n"] == SAMPLES and read["temperature"] == 0.7


def test_five_columns_with_large_figures_fit_a_terminal(report: SentenceReport) -> None:
    columns = {f"runs/long-{'long' * 9}-{number}": report.scores[ASKED]["obeys"] for number in range(5)}
    wide = replace(report, scores={ASKED: columns}, samples=100_000, references=1_000_000)
    assert max(map(len, wide.lines())) <= 120
    assert all(f"longlong-{number}" in wide.lines()[0] for number in range(5))


def test_without_training_text(writers: dict[str, Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "load_minilm", lambda: None)
    found = evaluate_sentences({"one": writers["obeys"]}, TEST, None, samples=10)
    assert list(found.scores[FREE]) == ["one", REAL]
    assert "training text" not in str(found)


@pytest.mark.parametrize(
    ("count", "samples", "what"),
    [
        (36, 9, "--samples 9: use 10 or more"),
        (36, 20, "--data: 36 test .* needs 40; use --samples 18, or more"),
        (15, 20, "--data: 15 test .* needs 40; use more sentences"),
    ],
)
def test_too_few_sentences(count: int, samples: int, what: str) -> None:
    fails({"one": Fake(True)}, TextDataset(SENTENCES[:count]), samples, what)


def test_missing_packages_are_named_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Fake(True)
    for name in ("nltk_bleu", "fid_metric", "load_minilm"):

        def missing(name: str = name) -> None:
            raise AttnGANError(name, "not installed")

        with monkeypatch.context() as patched:
            patched.setattr(evaluation, name, missing)
            fails({"one": writer}, TEST, SAMPLES, f"{name}: not installed")
    assert not writer.asked


def fails(writers: dict[str, Fake], test: TextDataset, samples: int, what: str) -> None:
    with refuses(what):
        evaluate_sentences(writers, test, None, samples=samples)
