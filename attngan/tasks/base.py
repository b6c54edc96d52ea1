"""One interface of a task: how its data are read, its runs configured, trained, sampled and measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from attngan.config import RunConfig
from attngan.data import Dataset
from attngan.errors import AttnGANError
from attngan.generators import Source
from attngan.metrics.kid import FEWEST_FOR_KID
from attngan.trainer import Trainer
from attngan.training.task_run import TaskRun


@dataclass(frozen=True)
class TrainOptions:
    """What `attngan train` was asked for of one task more than of another; None or False where it was not."""

    preset: str
    channels: str | None = None
    unconditional: bool = False
    penalty: str | None = None
    augment: str | None = None
    holdout: int | None = None
    patience: int | None = None
    begin: bool = False  #: with the weights of another generator
    fit: str | None = None
    sentences: bool = False  #: whether it was told how many sentences to show


class Task(ABC):
    """What is trained. TASKS holds one of each."""

    does: ClassVar[str]  #: what its generators do, such as `draws pictures`
    has_words: ClassVar[bool]  #: whether a run has a tokenizer.json
    sample_options: ClassVar[tuple[str, ...]]  #: of `attngan sample`, those that only some tasks take

    @abstractmethod
    def read(self, path: Path, network: Any, training: Any = None) -> Dataset:
        """Data as a network takes them; AttnGANError as `attngan.data` raises it.

        training: of a run that read data, to read these alike.
        """

    def read_column(self, path: Path, network: Any, column: str) -> Dataset:
        """`read` of one column of a table."""
        raise AttnGANError(f"--column {column}", f"this preset {self.does}", "leave it out")

    def read_again(self, path: Path, network: Any, training: Any, column: str) -> Dataset:
        """`read` for a run that read this column of a table; AttnGANError for a table that has none of that name."""
        return self.read(path, network, training)

    @abstractmethod
    def configure(self, network: Any, training: Any, options: TrainOptions) -> tuple[Any, Any]:
        """A preset's network and training as the options change them; AttnGANError for options of other tasks."""

    def check_holdout(self, training: Any, dataset: Dataset) -> None:
        """AttnGANError if what training holds out is too little for it, or more than can be."""
        if training.holdout > dataset.most_held_out:
            raise AttnGANError(
                f"--holdout {training.holdout}",
                f"leaves none of {len(dataset)} {dataset.noun}, or none of a class, to train on",
                f"hold out {dataset.most_held_out} at most",
            )
        split = dataset.split(training.holdout, training.seed)
        if training.holdout and not len(split[1]):
            raise AttnGANError(
                f"--holdout {training.holdout}",
                f"no whole {dataset.group} of so few {dataset.noun} can be held out",
                "use 0, or a larger number",
            )

    @abstractmethod
    def hold_out(self, training: Any, options: TrainOptions, dataset: Any) -> Any:
        """Training with the number of samples that it holds out."""

    @abstractmethod
    def complete(self, network: Any, training: Any, options: TrainOptions, dataset: Any) -> tuple[RunConfig, bytes]:
        """The run's config, and the tokenizer.json of its training samples if it reads or writes words."""

    def remarks(self, dataset: Any) -> list[str]:
        """What of the data may be other than its owner means, a line each."""
        return []

    @abstractmethod
    def prepare(self, config: RunConfig, dataset: Any, device: torch.device, tokenizer: bytes) -> TaskRun:
        """The task with the data of one run."""

    def build_trainer(self, config: RunConfig, generator: nn.Module, discriminator: nn.Module) -> Trainer:
        """What trains these two."""
        return Trainer(generator, discriminator, config.training.objective, config.training.penalty)

    @abstractmethod
    def summarise(self, config: RunConfig) -> str:
        """What will be trained, in a few words."""

    @abstractmethod
    def describe_result(self, folder: Path, best: Mapping[str, Any] | None, stopped_early: bool) -> str:
        """What a run folder holds in the end and what to do next; best: the KID of its generator."""

    @abstractmethod
    def sample(
        self, source: Source, seeds: list[int] | None, attention: str | None, out: Path | None, **options: Any
    ) -> None:
        """What `attngan sample` does; options: `sample_options`."""

    @abstractmethod
    def evaluate(
        self, generator: Any, beside: Sequence[str], data: Path, samples: int | None, features: str | None,
        temperature: float | None,
    ) -> Any:  # fmt: skip
        """What `attngan evaluate` prints: a report with as_dict(). beside: names of others, opened if options fit."""

    def measure_copies(self, generator: Any, data: Path, held_out: Path | None, folder: Path, samples: int) -> Any:
        """What `attngan memorisation` prints."""
        raise AttnGANError(
            generator.source.written, f"{self.does}, where pictures are wanted", "name another generator"
        )


def with_patience(training: Any, patience: int | None, noun: str) -> Any:
    """--patience, which asks for something only where KID is measured."""
    if training.holdout >= FEWEST_FOR_KID:
        return training if patience is None else replace(training, patience=patience)
    if patience:
        raise AttnGANError(
            f"--patience {patience}",
            f"KID needs {FEWEST_FOR_KID} held-out {noun} and there are {training.holdout}",
            "give --holdout, or leave it out",
        )
    return replace(training, patience=0)
