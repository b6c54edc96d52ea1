"""Generators of sentences against real sentences, and against one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch

from attngan.data.keywords import MOST, content_words, drawn
from attngan.data.text_file import TextDataset
from attngan.evaluation.sentences_table import REAL, TRAINING, Scores, SentenceReport
from attngan.evaluation.yardstick import Split, Yardstick, halves, measure
from attngan.features.minilm import load_minilm
from attngan.metrics.bleu import nltk_bleu
from attngan.metrics.fid import fid_metric

FREE, ASKED = "without key words", "from key words"  # kinds of sentences

KeyWords = Sequence[Sequence[str]]  #: of each sentence, in lower case; none: it is about anything


class Writer(Protocol):
    """What figures need to know of a generator, wherever it comes from."""

    @property
    def name(self) -> str:
        """As the user wrote it."""

    def split(self, sentence: str) -> list[str]:
        """Words and marks of punctuation in lower case."""

    def write(self, seeds: np.ndarray, keywords: KeyWords | None, temperature: float) -> list[str]:
        """A sentence for each of the seeds, int64 [N], and for the key words that stand beside it."""

    def nll(self, sentences: Sequence[str], keywords: KeyWords | None) -> tuple[float, int] | None:
        """−log p in nats of all tokens of all sentences, their ends among them, and how many these are.

        None if it has no likelihoods.
        """


def evaluate_sentences(
    writers: dict[str, Writer],
    test: TextDataset,
    training: TextDataset | None,
    *,
    samples: int = 1000,
    temperature: float = 1.0,
) -> SentenceReport:
    """Figures of `samples` sentences of each writer, without key words and from some, beside those of real ones.

    writers: by the title of their column; all text is split by the first one. test: sentences that no training saw:
    `samples` of them stand in the column of real sentences and lend their key words, and all columns are measured by
    the others. training: finds what is memorised; as many of its sentences, if it has them, stand in a column of their
    own, which is what a generator that imitates it perfectly would reach. Seeds are 0, 1, 2 …; the same arguments give
    the same report.
    Raises AttnGANError if there are fewer than 2 × samples test sentences, or if a package is missing.
    """
    held, rest = halves(test, samples)
    for needed in (nltk_bleu, fid_metric, load_minilm):  # before minutes of writing
        needed()
    split = next(iter(writers.values())).split
    yardstick = Yardstick.of(split, test.take(rest).sentences, samples, training.sentences if training else None)
    every = key_words(test.sentences, split)
    real, asked = test.take(held).sentences, [every[place] for place in held]
    own = measure(real, yardstick, asked)
    scores: dict[str, dict[str, Scores]] = {}
    for kind, words, words_of_test in ((FREE, None, None), (ASKED, asked, every)):
        scores[kind] = {}
        for title, writer in writers.items():
            written = measure(writer.write(np.arange(samples), words, temperature), yardstick, words)
            scores[kind][title] = replace(written, nll=_per_token(writer.nll(test.sentences, words_of_test)))
        scores[kind][REAL] = own if words else replace(own, coverage=None)
    if training and len(training) >= samples:
        some = np.random.default_rng(0).permutation(len(training))[:samples]
        scores[FREE][TRAINING] = measure(training.take(some.tolist()).sentences, yardstick)
    return SentenceReport(scores, samples, len(rest), temperature)


def key_words(sentences: Sequence[str], split: Split) -> list[list[str]]:
    """2 to 5 content words of each sentence in an order of chance, or as many as it has; always the same ones."""
    content = [content_words(split(sentence)) for sentence in sentences]
    count = torch.tensor([len(words) for words in content])
    numbers = torch.arange(1, int(count.max()) + 1)
    chosen = drawn(torch.where(numbers <= count[:, None], numbers, 0), torch.arange(len(content)), MOST)
    rows = zip(content, chosen.tolist(), strict=True)
    return [[words[number - 1] for number in row if number] for words, row in rows]


def _per_token(found: tuple[float, int] | None) -> float | None:
    return None if found is None else found[0] / found[1]
