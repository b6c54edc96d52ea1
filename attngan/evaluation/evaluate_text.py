"""Scores generators of sentences against real sentences."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from attngan.data import TextDataset, load_lines
from attngan.data.split import split
from attngan.errors import AttnGANError
from attngan.evaluation.sentences import Writer, evaluate_sentences
from attngan.evaluation.sentences_table import SentenceReport
from attngan.generators.sentences import LoadedWriter, load_writer, writes
from attngan.metrics.kid import FEWEST
from attngan.run_folder import read_object
from attngan_runtime.bundle import SIDECAR, Bundle
from attngan_runtime.generators.text import SentenceGenerator

_SAMPLES = 1000

KeyWords = Sequence[Sequence[str]]


@dataclass(frozen=True)
class RunWriter:
    """A run or a shipped generator in PyTorch, as figures need it."""

    loaded: LoadedWriter

    @property
    def name(self) -> str:
        return self.loaded.name

    def split(self, sentence: str) -> list[str]:
        return self.loaded.tokenizer.split(sentence)

    def write(self, seeds: np.ndarray, keywords: KeyWords | None, temperature: float) -> list[str]:
        return self.loaded.write(seeds.tolist(), self._numbers(keywords, len(seeds)), temperature)

    def nll(self, sentences: Sequence[str], keywords: KeyWords | None) -> tuple[float, int]:
        return self.loaded.nll(sentences, self._numbers(keywords, len(sentences)))

    def _numbers(self, keywords: KeyWords | None, count: int) -> np.ndarray:
        return self.loaded.key_words(_joined(keywords, count)).ids


@dataclass(frozen=True)
class BundleWriter:
    """A bundle under ONNX Runtime, as figures need it; it tells no likelihood of a given sentence."""

    generator: SentenceGenerator

    @property
    def name(self) -> str:
        return self.generator.name

    def split(self, sentence: str) -> list[str]:
        return self.generator.tokenizer.split(sentence)

    def write(self, seeds: np.ndarray, keywords: KeyWords | None, temperature: float) -> list[str]:
        with warnings.catch_warnings():  # of key words of test sentences that it does not know
            warnings.simplefilter("ignore", UserWarning)
            return self.generator.run(seeds, keywords=_joined(keywords, len(seeds)), temperature=temperature)

    def nll(self, sentences: Sequence[str], keywords: KeyWords | None) -> None:
        return None


def _joined(keywords: KeyWords | None, count: int) -> list[str]:
    return [""] * count if keywords is None else [", ".join(words) for words in keywords]


def open_writer(run_or_bundle: str) -> RunWriter | BundleWriter:
    """A run folder, likelihood.safetensors in one, a bundle of sentences, or a shipped generator."""
    if _is_bundle(run_or_bundle):
        return BundleWriter(SentenceGenerator.load(run_or_bundle))
    return RunWriter(load_writer(run_or_bundle))


def makes_sentences(run_or_bundle: str) -> bool:
    """Whether what is named writes sentences; AttnGANError if there is no such thing."""
    return Bundle.load(run_or_bundle).task == "text" if _is_bundle(run_or_bundle) else writes(run_or_bundle)


def _is_bundle(run_or_bundle: str) -> bool:
    return (Path(run_or_bundle) / SIDECAR).is_file()


def evaluate_writers(names: Sequence[str], data: Path, samples: int | None, temperature: float) -> SentenceReport:
    """Figures of one generator or of several side by side, at a temperature.

    data: sentences that no training saw. Of those that the runs were trained on, the held-out ones are taken, and a
    note says so. samples: sentences to write of each kind; 1,000, or half of the test sentences.
    Raises AttnGANError for too few sentences, and for runs that did not hold out the same ones of them.
    """
    writers = [open_writer(name) for name in names]
    test, training = load_lines(data), _training(writers[0])
    name, halves = _halves_of_all(names, writers, test)
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


def _halves_of_all(
    names: Sequence[str], writers: Sequence[RunWriter | BundleWriter], lines: TextDataset
) -> tuple[str, tuple[TextDataset, TextDataset] | None]:
    """The first run and its `_halves`; AttnGANError if those of another differ. A bundle does not tell."""
    named = zip(names, writers, strict=True)
    runs = [(name, _halves(writer.loaded, lines)) for name, writer in named if isinstance(writer, RunWriter)]
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


def _halves(writer: LoadedWriter, lines: TextDataset) -> tuple[TextDataset, TextDataset] | None:
    """The sentences that its training was shown, and those it held out; None if it was not trained on these."""
    lines, plan = _as_trained(writer, lines), writer.config.training
    if lines.fingerprint != read_object(writer.folder / "data.json").get("fingerprint"):
        return None
    shown, held_out = (lines.take(places.tolist()) for places in split(lines, plan.holdout, plan.seed))
    return shown, held_out


def _as_trained(writer: LoadedWriter, lines: TextDataset) -> TextDataset:
    """The sentences that are short enough for it, which is all that a run's fingerprint is of."""
    longest = writer.tokenizer.length - 1
    return TextDataset([sentence for sentence in lines.sentences if len(writer.tokenizer.split(sentence)) <= longest])


def _training(writer: RunWriter | BundleWriter) -> TextDataset | None:
    """What a run was trained on, if it is still where it was."""
    if not isinstance(writer, RunWriter):
        return None
    about = read_object(writer.loaded.folder / "data.json")
    try:
        halves = _halves(writer.loaded, load_lines(Path(str(about.get("path", "")))))
    except AttnGANError:
        return None
    return halves[0] if halves else None
