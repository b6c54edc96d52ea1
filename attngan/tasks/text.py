"""A run of sentences: likelihood first, then against a discriminator."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attngan.config import RunConfig, TextConfig
from attngan.data import TextDataset
from attngan.data.sampler import Sampler
from attngan.networks.build import Generator
from attngan.networks.decoding import DeployedTextGenerator
from attngan.networks.text import TextGenerator, gumbel
from attngan.random import derive
from attngan.streams import Stream
from attngan.training.batches import Step
from attngan.training.likelihood import learn_likelihood
from attngan.training.run_logger import RunLogger
from attngan.training.sentences import Sentences
from attngan.training.state import Progress, TrainingState
from attngan.training.text_validation import SentenceQuality, open_sentence_quality
from attngan_runtime.tokenizers.sentences import SentenceTokenizer
from attngan_runtime.tokenizers.word_level import PADDING

_SHOWN = 16  # sentences with key words in what a run writes on its way, and as many without


class TextTask:
    """See `attngan.tasks.base.Task`."""

    def __init__(
        self, config: RunConfig, lines: TextDataset, device: torch.device, tokenizer: SentenceTokenizer
    ) -> None:
        assert isinstance(config.network, TextConfig)
        self.config, self.network, self.device, self.tokenizer = config, config.network, device, tokenizer
        self.lines = lines
        self.sentences = Sentences(lines, tokenizer, config.network, config.training)
        self._salted(0)

    def _salted(self, salt: int) -> None:
        self._salt, seed = salt, self.config.training.seed
        self._seed = int(derive(seed, Stream.SALT, salt)) if salt else seed
        self._order = Sampler(self._seed, len(self.sentences.training))
        count = max(len(self.sentences.held_out), 1)
        self._held_out_order = Sampler(int(derive(self._seed, Stream.HELD_OUT_ORDER)), count)

    def prepare(self, state: TrainingState, folder: Path, records: RunLogger, stop: Sequence[int]) -> None:
        """Likelihood; what was learnt is where the adversarial part begins, and its first measurement."""
        generator = state.trainer.generator
        assert isinstance(generator, TextGenerator)
        learnt = learn_likelihood(self.config, generator, self.sentences, folder, records, self.device, stop)
        for network in (generator, state.ema.network):
            if learnt is not None:
                network.load_state_dict(learnt.state_dict())
        state.progress.inspected = -1

    def tune(self, progress: Progress, networks: Iterable[nn.Module]) -> None:
        """The temperature falls geometrically from the first to the last."""
        plan = self.config.training
        share = min(progress.images / plan.images, 1.0)
        first, last = (math.log(value) for value in plan.temperature)
        for network in networks:
            assert isinstance(network, TextGenerator)
            network.temperature = math.exp(first + share * (last - first))

    def share_of_side(self, images: int) -> float:
        return 1.0

    def step(self, step: int, seen: int, salt: int, probability: float) -> Step:
        if salt != self._salt:
            self._salted(salt)
        batch = self.config.training.batch
        real, keywords = self._batch(self.sentences.training[self._order.indices(seen, batch)], seen)
        noise = [
            gumbel(int(derive(self._seed, Stream.LATENTS, step, part)), tuple(real.shape)).to(self.device)
            for part in range(2)
        ]
        return Step(real, keywords, (noise[0], noise[1]), torch.empty(0), (), 0.0)

    def held_out_batch(self, seen: int) -> tuple[Tensor, Tensor | None]:
        places = self.sentences.held_out[self._held_out_order.indices(seen, self.config.training.batch)]
        return self._batch(places, seen)

    def _batch(self, places: np.ndarray, seen: int) -> tuple[Tensor, Tensor]:
        """Sentences as one-hots float [B, T, V], and their key words."""
        seeds = derive(self._seed, Stream.KEYWORDS, seen, torch.arange(self.config.training.batch))
        tokens, keywords = self.sentences.batch(places, seeds)
        return F.one_hot(tokens.to(self.device), self.network.vocabulary).float(), keywords.to(self.device)

    def open_quality(self) -> tuple[SentenceQuality | None, str]:
        return open_sentence_quality(self.lines, self.sentences, self.tokenizer, self.config.training.kid_samples)

    @torch.no_grad()
    def save_samples(self, generator: Generator, records: RunLogger, images: int) -> None:
        """Sentences about the key words of held-out ones, and about anything, by the seeds 0, 1, 2 …"""
        assert isinstance(generator, TextGenerator)
        _, keywords = self.sentences.measured()
        keywords = F.pad(keywords[keywords.any(1)][:_SHOWN], (0, 0, 0, _SHOWN)).to(self.device)
        seeds = torch.arange(len(keywords), device=self.device)
        tokens = DeployedTextGenerator(generator).from_seed(seeds, keywords, torch.ones(len(seeds), device=self.device))
        lines = []
        for asked, written in zip(keywords.tolist(), tokens.tolist(), strict=True):
            words = ", ".join(self.tokenizer.words[number] for number in asked if number != PADDING)
            lines.append(f"{words or '(anything)'}: {self.tokenizer.sentence(written)}")
        records.save_text("\n".join(lines) + "\n", images)

    def finish(self, folder: Path) -> None:
        """Nothing: `attngan evaluate` tells what share of its sentences stand in the training text."""
