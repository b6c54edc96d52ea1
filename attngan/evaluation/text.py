"""Generators that write: which sentences `attngan evaluate` measures them by."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from attngan.data import TextDataset, load_lines
from attngan.data.text_columns import USUAL_COLUMNS
from attngan.errors import AttnGANError
from attngan.evaluation.sentence_report import SentenceReport
from attngan.evaluation.sentences import USUAL_SAMPLES, evaluate_sentences
from attngan.evaluation.table import name_columns
from attngan.generators.text import LoadedTextGenerator
from attngan.metrics.kid import FEWEST_FOR_KID
from attngan.run_folder import read_object

Halves = tuple[TextDataset, TextDataset]  #: what a training was shown, and what it held out


def evaluate_writers(
    writers: Sequence[LoadedTextGenerator], data: Path, samples: int | None, temperature: float
) -> SentenceReport:
    """Figures of one generator or of several side by side, at a temperature.

    data: sentences that no training saw. Of those that the runs were trained on, the held-out ones are taken, and a
    note says so. samples: sentences to write of each kind; 1,000, or half of the test sentences.
    Raises AttnGANError for too few sentences, and for runs that did not hold out the same ones of them.
    """
    test = load_lines(data, usual=_columns(writers))
    training: TextDataset | None
    name, halves = _split_by_all(writers, test)
    if halves:
        training, test = halves
        note = f"note: {name} was trained on {data}; its {len(test):,} held-out sentences are the test sentences"
        tqdm.write(note, sys.stderr)
    else:
        training = _find_training(writers[0])
    samples = samples or min(USUAL_SAMPLES, len(test) // 2)
    if samples < FEWEST_FOR_KID:
        raise AttnGANError(
            f"--data {data}", f"{len(test)} sentences to measure by", f"{2 * FEWEST_FOR_KID} are needed, add more"
        )
    titles = name_columns([writer.name for writer in writers])
    columns = dict(zip(titles, writers, strict=True))
    return evaluate_sentences(columns, test, training, samples=samples, temperature=temperature)


def _split_by_all(writers: Sequence[LoadedTextGenerator], lines: TextDataset) -> tuple[str, Halves | None]:
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


def _split_by(writer: LoadedTextGenerator, lines: TextDataset) -> Halves | None:
    """The sentences that its training was shown, and those it held out; None if it was not trained on these."""
    # Of all that are short enough, which is what a run's fingerprint is of.
    short = [place for place, words in enumerate(lines.words) if len(words) < writer.tokenizer.length]
    return writer.split_dataset(lines.take(np.array(short, np.int64)))


def _columns(writers: Sequence[LoadedTextGenerator]) -> list[str]:
    """Those in which sentences are looked for: first of what the runs were trained on."""
    runs = [writer.source.folder for writer in writers if writer.source.is_run]
    named = [read_object(folder / "data.json").get("column") for folder in runs]
    return [*(str(name) for name in named if name), *USUAL_COLUMNS]


def _find_training(writer: LoadedTextGenerator) -> TextDataset | None:
    """What a run was trained on, if it is still where it was."""
    if not writer.source.is_run:
        return None
    about = read_object(writer.source.folder / "data.json")
    try:
        halves = _split_by(writer, load_lines(Path(str(about.get("path", ""))), usual=_columns([writer])))
    except AttnGANError:
        return None
    return halves[0] if halves else None
