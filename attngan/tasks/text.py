"""Sentences, from key words or about anything."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attngan.checkpoint import LIKELIHOOD, load_about
from attngan.config import RunConfig
from attngan.data import TextDataset, load_lines
from attngan.data.split import usual_holdout
from attngan.data.text_checks import check_words
from attngan.data.tokenizer import build_sentence_tokenizer
from attngan.errors import AttnGANError
from attngan.evaluation.text import evaluate_writers
from attngan.features.minilm import embeddings
from attngan.generators import open_generator
from attngan.metrics.sentence_distance import kernel_distance
from attngan.networks import deploy
from attngan.networks.text import gumbel
from attngan.random import derive
from attngan.streams import Stream
from attngan.tasks.base import Task, TrainOptions
from attngan.training.batches import Batches
from attngan.training.encoded_text import EncodedText
from attngan.training.likelihood import Likelihood
from attngan.training.phase import Phase
from attngan.training.run_logger import RunLogger
from attngan.training.state import Progress, TrainingState
from attngan.training.task_run import TaskRun
from attngan.training.validation import Validation, open_validation
from attngan_runtime.bundle import TOKENIZER
from attngan_runtime.commands import write
from attngan_runtime.tokenizers.sentences import SentenceTokenizer
from attngan_runtime.tokenizers.word_level import PADDING

_SHOWN = 16  # sentences with key words in what a run writes on its way, and as many without


class TextTask(Task):
    """See `attngan.tasks.base.Task`."""

    does, has_words = "writes sentences", True
    sample_options = tuple(str(option.name) for option in write.OPTIONS)

    def read(self, path: Path, network: Any, training: Any = None) -> TextDataset:
        return load_lines(path, longest=network.length - 1)

    def read_column(self, path: Path, network: Any, column: str) -> TextDataset:
        return load_lines(path, longest=network.length - 1, column=column)

    def read_again(self, path: Path, network: Any, training: Any, column: str) -> TextDataset:
        return load_lines(path, longest=network.length - 1, usual=[column])

    def configure(self, network: Any, training: Any, options: TrainOptions) -> tuple[Any, Any]:
        given = {"channels": options.channels, "unconditional": options.unconditional, "augment": options.augment}
        given |= {"from": options.begin, "fit": options.fit}
        for option, value in given.items():
            if value:
                shown = f"--{option}" if value is True else f"--{option} {value}"
                raise AttnGANError(
                    shown, f"{options.preset} writes sentences", "leave it out, or use a preset that draws"
                )
        if training.penalty == "wgan-gp":
            raise AttnGANError(
                "--objective wasserstein", "its penalty mixes pictures, and words can't be mixed", "use another"
            )
        return network, training if options.penalty is None else replace(training, penalty=options.penalty)

    def check_holdout(self, training: Any, dataset: Any) -> None:
        if training.likelihood_images and not training.holdout:
            raise AttnGANError(
                "--holdout 0", "likelihood ends by that of held-out sentences", "leave it out, or use 1 or more"
            )
        super().check_holdout(training, dataset)

    def hold_out(self, training: Any, options: TrainOptions, dataset: Any) -> Any:
        """Equal sentences go together, so that it may be fewer."""
        count = usual_holdout(dataset) if options.holdout is None else options.holdout
        self.check_holdout(replace(training, holdout=count), dataset)
        return replace(training, holdout=len(dataset.split(count, training.seed)[1]))

    def complete(self, network: Any, training: Any, options: TrainOptions, dataset: Any) -> tuple[RunConfig, bytes]:
        check_words(dataset.words)
        places, _ = dataset.split(training.holdout, training.seed)
        tokenizer = build_sentence_tokenizer((dataset.sentences[place] for place in places), network.length)
        network = replace(network, vocabulary=SentenceTokenizer.from_json(tokenizer, TOKENIZER).size)
        return RunConfig(options.preset, network, training), tokenizer

    def prepare(self, config: RunConfig, dataset: Any, device: torch.device, tokenizer: bytes) -> TaskRun:
        return TextRun(config, dataset, device, SentenceTokenizer.from_json(tokenizer, TOKENIZER))

    def summarise(self, config: RunConfig) -> str:
        network, training = config.network, config.training
        penalty = "" if training.penalty == "none" else f" with {training.penalty}"
        return (
            f"sentences of up to {network.length - 1} from {network.vocabulary - 3:,} words, "
            f"{training.likelihood_images:,} by likelihood, then {training.images:,} {training.objective}{penalty}"
        )

    def describe_result(self, folder: Path, best: Mapping[str, Any] | None, stopped_early: bool) -> str:
        nll = load_about(folder / LIKELIHOOD).get("nll")
        kept = "its last generator"
        if best:
            when = "of likelihood"
            if best["images"]:
                when = f"after {best['images']:,.0f} sentences against the discriminator"
            kept = f"its best generator, {when} (KID {best['kid']:.4f} ± {best['kid_error']:.4f}, the lowest measured)"
        lines = [f"done: {folder} holds {kept}"]
        if nll is not None:
            lines.append(
                f"{folder / LIKELIHOOD}: what likelihood alone gave ({nll:.3f} nats a word on held-out sentences)"
            )
        lines.append(f'write with it: attngan sample {folder} --keywords "a few, words"; attngan sample {folder}')
        return "\n".join(lines)

    def sample(self, *arguments: Any, **options: Any) -> None:
        from attngan.sampling.text import sample_sentences  # with matplotlib, which training need not wait for

        sample_sentences(*arguments, **options)

    def evaluate(
        self, generator: Any, beside: Sequence[str], data: Path, samples: int | None, features: str | None,
        temperature: float | None,
    ) -> Any:  # fmt: skip
        if features:
            problem = f"of pictures, and {generator.source.written} writes sentences"
            raise AttnGANError(f"--features {features}", problem, "leave it out")
        generators = [generator, *map(open_generator, beside)]
        for one in generators:
            if one.source.task != generator.source.task:
                raise AttnGANError(
                    one.source.written, "draws pictures, where sentences are wanted", "name a generator that writes"
                )
        return evaluate_writers(generators, data, samples, 1.0 if temperature is None else temperature)


class TextRun(TaskRun):
    """Sentences of one run: likelihood first, then against a discriminator."""

    dataset: TextDataset

    def __init__(
        self, config: RunConfig, dataset: TextDataset, device: torch.device, tokenizer: SentenceTokenizer
    ) -> None:
        super().__init__(config, dataset, device)
        self.tokenizer = tokenizer
        self.text = EncodedText(dataset, tokenizer, config.network, config.training)
        self.batches = TextBatches(config, dataset, device, self.text)

    def first_phases(self, state: TrainingState, folder: Path, logger: RunLogger) -> list[Phase]:
        likelihood = Likelihood(self.config, self.text, state, logger)
        likelihood.restore(folder)
        return [likelihood]

    def tune(self, progress: Progress, generators: Iterable[nn.Module]) -> None:
        """The temperature falls geometrically from the first to the last."""
        share = min(progress.images / self.plan.images, 1.0)
        first, last = (math.log(value) for value in self.plan.temperature)
        for network in generators:
            network.temperature = math.exp(first + share * (last - first))  # type: ignore[assignment]

    def open_validation(self) -> tuple[Validation | None, str]:
        return open_validation(
            len(self.text.held_out),
            self.dataset.noun,
            lambda: TextValidation(self.dataset, self.text, self.tokenizer, self.plan.kid_samples),
        )

    @torch.no_grad()
    def save_samples(self, generator: nn.Module, logger: RunLogger, seen: int) -> None:
        """Sentences about the key words of held-out ones, and about anything, by the seeds 0, 1, 2 …"""
        _, keywords = self.text.held_out_sentences()
        keywords = F.pad(keywords[keywords.any(1)][:_SHOWN], (0, 0, 0, _SHOWN)).to(self.device)
        seeds = torch.arange(len(keywords), device=self.device)
        ones = torch.ones(len(seeds), device=self.device)
        tokens = deploy(generator).from_seed(seeds, keywords, ones)  # type: ignore[operator]
        lines = []
        for row, sentence in zip(keywords.tolist(), tokens.tolist(), strict=True):
            words = ", ".join(self.tokenizer.words[number] for number in row if number != PADDING)
            lines.append(f"{words or '(anything)'}: {self.tokenizer.sentence(sentence)}")
        logger.save_text("\n".join(lines) + "\n", seen)


class TextBatches(Batches):
    """Sentences as one-hots float [B, T, V], their key words, and Gumbel noise."""

    def __init__(self, config: RunConfig, dataset: TextDataset, device: torch.device, text: EncodedText) -> None:
        super().__init__(dataset, config.training, device)
        self.vocabulary, self.text = config.network.vocabulary, text

    def samples(self, places: np.ndarray, seen: int) -> tuple[Tensor, Tensor]:
        seeds = derive(self.seed, Stream.KEYWORDS, seen, torch.arange(self.plan.batch))
        tokens, keywords = self.text.batch(places, seeds)
        return F.one_hot(tokens.to(self.device), self.vocabulary).float(), keywords.to(self.device)

    def noise(self, step: int, real: Tensor) -> tuple[Tensor, Tensor]:
        first, second = (
            gumbel(int(derive(self.seed, Stream.LATENTS, step, part)), tuple(real.shape)).to(self.device)
            for part in range(2)
        )
        return first, second


class TextValidation(Validation):
    """KID in the features of sentence embeddings."""

    batch = 64

    def __init__(self, dataset: TextDataset, text: EncodedText, tokenizer: SentenceTokenizer, samples: int) -> None:
        """AttnGANError if the embedding's package is not there."""
        super().__init__(len(text.held_out), samples)
        self.tokenizer = tokenizer
        self.sentences = [dataset.sentences[place] for place in text.held_out]
        _, keywords = text.held_out_sentences()
        self.keywords = keywords[torch.arange(samples) % len(keywords)]
        embeddings(self.sentences[:1])

    def real_features(self, part: slice) -> np.ndarray:
        return embeddings(self.sentences[part])

    def made_features(self, deployed: nn.Module, seeds: Tensor) -> np.ndarray:
        keywords = self.keywords[seeds[0] : seeds[-1] + 1].to(seeds.device)
        ones = torch.ones(len(seeds), device=seeds.device)
        tokens = deployed.from_seed(seeds, keywords, ones)  # type: ignore[operator]
        return embeddings([self.tokenizer.sentence(row) for row in tokens.tolist()])

    def distance(self, real: np.ndarray, made: np.ndarray) -> tuple[float, float]:
        found = kernel_distance(real, made)
        return found.value, found.error
