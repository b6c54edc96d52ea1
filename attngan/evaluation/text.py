"""Generators of sentences against real sentences, and against one another."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from tqdm import tqdm

from attngan.data.keywords import MOST, content_words, drawn
from attngan.data.text_file import TextDataset, load_lines
from attngan.errors import AttnGANError
from attngan.evaluation.sentences_table import REAL, TRAINING, Scores, SentenceReport
from attngan.evaluation.yardstick import Split, Yardstick, halves, measure
from attngan.features.minilm import load_minilm
from attngan.generators.text import LoadedTextGenerator
from attngan.metrics.bleu import nltk_bleu
from attngan.metrics.fid import fid_metric
from attngan.metrics.kid import FEWEST
from attngan.run_folder import read_object

_SAMPLES = 1000

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
        scores[FREE][TRAINING] = measure(training.take(some).sentences, yardstick)
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


def evaluate_writers(
    writers: Sequence[LoadedTextGenerator], data: Path, samples: int | None, temperature: float
) -> SentenceReport:
    """Figures of one generator or of several side by side, at a temperature.

    data: sentences that no training saw. Of those that the runs were trained on, the held-out ones are taken, and a
    note says so. samples: sentences to write of each kind; 1,000, or half of the test sentences.
    Raises AttnGANError for too few sentences, and for runs that did not hold out the same ones of them.
    """
    test, training = load_lines(data), _training(writers[0])
    name, halves = _split_by_all(writers, test)
    if halves:
        training, test = halves
        note = f"note: {name} was trained on {data}; its {len(test):,} held-out sentences are the test sentences"
        tqdm.write(note, sys.stderr)
    samples = samples or min(_SAMPLES, len(test) // 2)
    if samples < FEWEST:
        raise AttnGANError(
            f"--data {data}", f"{len(test)} sentences to measure by", f"{2 * FEWEST} are needed, add more"
        )
    titles = _titles([writer.name for writer in writers])
    columns: dict[str, Writer] = dict(zip(titles, writers, strict=True))
    return evaluate_sentences(columns, test, training, samples=samples, temperature=temperature)


def _titles(names: list[str]) -> list[str]:
    alike = len(set(names)) < len(names)
    return [f"{name} ({place})" for place, name in enumerate(names, 1)] if alike else names


def _split_by_all(
    writers: Sequence[LoadedTextGenerator], lines: TextDataset
) -> tuple[str, tuple[TextDataset, TextDataset] | None]:
    """The first run, and what it was shown and held out; AttnGANError if another's differ. A bundle doesn't tell."""
    runs = [(writer.source.written, _split_by(writer, lines)) for writer in writers if not writer.source.is_bundle]
    if not runs:
        return "", None
    first, halves = runs[0]
    for name, others in runs[1:]:
        if [half.sentences for half in others or ()] != [half.sentences for half in halves or ()]:
            raise AttnGANError(
                f"--beside {name}",
                f"did not hold out the sentences of --data that {first} did",
                "name runs of the same --data, --holdout and --seed, or sentences that none was trained on",
            )
    return first, halves


def _split_by(writer: LoadedTextGenerator, lines: TextDataset) -> tuple[TextDataset, TextDataset] | None:
    """The sentences that its training was shown, and those it held out; None if it was not trained on these."""
    longest = writer.tokenizer.length - 1
    # Of all that are short enough, which is what a run's fingerprint is of.
    return writer.split_dataset(TextDataset([line for line in lines.sentences if len(writer.split(line)) <= longest]))


def _training(writer: LoadedTextGenerator) -> TextDataset | None:
    """What a run was trained on, if it is still where it was."""
    if not writer.source.is_run:
        return None
    about = read_object(writer.source.folder / "data.json")
    try:
        halves = _split_by(writer, load_lines(Path(str(about.get("path", "")))))
    except AttnGANError:
        return None
    return halves[0] if halves else None
