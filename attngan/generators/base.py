"""What every loaded generator has, whatever it makes and wherever it runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from attngan.config import RunConfig
from attngan.data import Dataset
from attngan.errors import AttnGANError
from attngan.generators.source import Source
from attngan.run_split import are_its_data, has_split, known_places

Seeds = Sequence[int] | np.ndarray

BATCH = 64  #: samples made at a time


Data = TypeVar("Data", bound=Dataset)


class LoadedGenerator(ABC):
    """Seeds, and what each sample is to be of, in; samples out.

    Conditions are int64 with a row a sample, as the task has them: classes [B], style and words [B, 1 + L], key words
    [B, K]; None where there is nothing to ask for.
    """

    source: Source
    tokenizer: Any = None  #: of a generator that reads or writes words

    @property
    def name(self) -> str:
        """Such as fashion-32."""
        return self.source.name

    @property
    def config(self) -> RunConfig:
        """Of a run or a shipped generator."""
        return self.source.config

    @abstractmethod
    def sample(self, seeds: Seeds, conditions: np.ndarray | None = None, **strength: Any) -> Any:
        """Samples of seeds in 0 … 2³²−1, as users get them. strength: how chance is used, as the task has it."""

    def trained_on(self, dataset: Dataset) -> bool:
        """Whether it is a run of these data, or of most of them, under whatever names."""
        return self.source.is_run and are_its_data(self.source.folder, dataset)

    def split_places(self, dataset: Dataset) -> tuple[np.ndarray, np.ndarray] | None:
        """Places, int64, of what its training was shown and of what it held out; None if it was not trained on them.

        Copies of either are among them, and what it does not know among neither.
        """
        if not self.trained_on(dataset):
            return None
        plan = self.config.training
        if not has_split(self.source.folder):
            return dataset.split_apart(plan.holdout, plan.seed)
        return known_places(self.source.folder, dataset)

    def split_dataset(self, dataset: Data) -> tuple[Data, Data] | None:
        """What its training was shown of these data, and what it held out; None if it was not trained on them."""
        places = self.split_places(dataset)
        return (dataset.take(places[0]), dataset.take(places[1])) if places else None


def batches(count: int) -> Iterator[slice]:
    """0:64, 64:128, … below `count`."""
    return (slice(start, min(start + BATCH, count)) for start in range(0, count, BATCH))


def check_vocabulary(source: Source, tokenizer: Any) -> None:
    """AttnGANError unless a run's tokenizer.json has the vocabulary and the length of its config."""
    network = source.config.network
    if (tokenizer.size, tokenizer.length) != (network.vocabulary, network.length):
        raise AttnGANError(
            f"{source.folder / 'tokenizer.json'}", "not the vocabulary that config.json beside it names", "restore both"
        )
