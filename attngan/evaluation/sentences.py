"""Sentences of generators beside real ones, all measured by other real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from attngan.data import TextDataset
from attngan.data.keywords import MOST_KEY_WORDS, content_words, draw_content_words
from attngan.evaluation.halves import draw_halves
from attngan.evaluation.sentence_report import REAL, TRAINING, Scores, SentenceReport
from attngan.evaluation.yardstick import Yardstick
from attngan.features.minilm import load_minilm
from attngan.generators.text import LoadedTextGenerator
from attngan.metrics.bleu import nltk_bleu
from attngan.metrics.fid import fid_metric

USUAL_SAMPLES = 1000

FREE, ASKED = "without key words", "from key words"  # kinds of sentences


def evaluate_sentences(
    generators: dict[str, LoadedTextGenerator], test: TextDataset, training: TextDataset | None, *,
    samples: int = USUAL_SAMPLES, temperature: float = 1.0,
) -> SentenceReport:  # fmt: skip
    """Figures of `samples` sentences of each generator, without key words and from some, beside those of real ones.

    generators: by the title of their column. test: sentences that no training saw: `samples` of them stand in the
    column of real sentences and lend their key words, and all columns are measured by the others. training: finds what
    is memorised; as many of its sentences, if it has them, stand in a column of their own, which is what a generator
    that imitates it perfectly would reach. Seeds are 0, 1, 2 …; the same arguments give the same report.
    Raises AttnGANError if there are fewer than 2 × samples test sentences, or if a package is missing.
    """
    held, rest = draw_halves(test, samples, USUAL_SAMPLES, "test ")
    for needed in (nltk_bleu, fid_metric, load_minilm):  # before minutes of writing
        needed()
    yardstick = Yardstick.of(test.take(rest), samples, training)
    every = draw_keywords(test.words)
    asked = [every[place] for place in held]
    own = yardstick.measure(test.take(held), asked)
    scores: dict[str, dict[str, Scores]] = {}
    for kind, words, words_of_test in ((FREE, None, None), (ASKED, asked, every)):
        scores[kind] = {}
        for title, generator in generators.items():
            text = TextDataset(generator.write(np.arange(samples), words, temperature))
            nll = generator.nll(test.sentences, words_of_test)
            scores[kind][title] = replace(yardstick.measure(text, words), nll=nll and nll[0] / nll[1])
        scores[kind][REAL] = own if words else replace(own, coverage=None)
    if training and len(training) >= samples:
        some = np.random.default_rng(0).permutation(len(training))[:samples]
        scores[FREE][TRAINING] = yardstick.measure(training.take(some))
    return SentenceReport(scores, samples, len(rest), temperature)


def draw_keywords(sentences: Sequence[Sequence[str]]) -> list[list[str]]:
    """2 to 5 content words of each sentence in an order of chance, or as many as it has; always the same ones.

    sentences: each as its words in lower case.
    """
    content = [content_words(words) for words in sentences]
    count = torch.tensor([len(words) for words in content])
    numbers = torch.arange(1, int(count.max()) + 1)
    known = torch.where(numbers <= count[:, None], numbers, 0)
    chosen = draw_content_words(known, torch.arange(len(content)), MOST_KEY_WORDS)
    rows = zip(content, chosen.tolist(), strict=True)
    return [[words[number - 1] for number in row if number] for words, row in rows]
