"""Scores generators of sentences against real sentences."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from attngan.data import Lines, load_lines
from attngan.errors import AttnGANError
from attngan.metrics import FEWEST
from attngan.metrics.sentences import SentenceReport, Writer, evaluate_sentences
from attngan.records import read_object
from attngan.training.holdout import split
from attngan.writing import LoadedWriter, load_writer, writes
from attngan_runtime.bundle import SIDECAR, Bundle
from attngan_runtime.sentence_generator import SentenceGenerator

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

    data: sentences that no training saw. Of those that the first generator's run was trained on, the held-out ones are
    taken, and a note says so. samples: sentences to write of each kind; 1,000, or half of the test sentences.
    Raises AttnGANError for too few sentences.
    """
    writers = [open_writer(name) for name in names]
    first, test = writers[0], load_lines(data)
    training = _training(first)
    if isinstance(first, RunWriter) and _trained_on(first.loaded, test):
        plan = first.loaded.config.training
        training, test = (test.take(places.tolist()) for places in split(test, plan.holdout, plan.seed))
        note = f"note: {first.name} was trained on {data}; its {len(test):,} held-out sentences are the test sentences"
        tqdm.write(note, sys.stderr)
    samples = samples or min(_SAMPLES, len(test) // 2)
    if samples < FEWEST:
        raise AttnGANError(f"--data {data}: {len(test)} sentences to measure by; {2 * FEWEST} are needed, add more")
    titles = _titles([writer.name for writer in writers])
    columns: dict[str, Writer] = dict(zip(titles, writers, strict=True))
    return evaluate_sentences(columns, test, training, samples=samples, temperature=temperature)


def _titles(names: list[str]) -> list[str]:
    alike = len(set(names)) < len(names)
    return [f"{name} ({place})" for place, name in enumerate(names, 1)] if alike else names


def _trained_on(writer: LoadedWriter, lines: Lines) -> bool:
    known = read_object(writer.folder / "data.json").get("fingerprint")
    return known in (lines.fingerprint, _as_trained(writer, lines).fingerprint)


def _as_trained(writer: LoadedWriter, lines: Lines) -> Lines:
    """The sentences that are short enough for it, which is all that a run's fingerprint is of."""
    longest = writer.tokenizer.length - 1
    return Lines([sentence for sentence in lines.sentences if len(writer.tokenizer.split(sentence)) <= longest])


def _training(writer: RunWriter | BundleWriter) -> Lines | None:
    """What a run was trained on, if it is still where it was."""
    if not isinstance(writer, RunWriter):
        return None
    about = read_object(writer.loaded.folder / "data.json")
    try:
        lines = _as_trained(writer.loaded, load_lines(Path(str(about.get("path", "")))))
    except AttnGANError:
        return None
    if lines.fingerprint != about.get("fingerprint"):
        return None
    plan = writer.loaded.config.training
    return lines.take(split(lines, plan.holdout, plan.seed)[0].tolist())
