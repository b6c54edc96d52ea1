"""KID of sentences in the features of sentence embeddings, while they train."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from attngan.data import TextDataset
from attngan.errors import AttnGANError
from attngan.features.minilm import embeddings
from attngan.metrics.kid import FEWEST
from attngan.metrics.sentence_distance import kernel_distance
from attngan.networks.build import Generator
from attngan.networks.decoding import DeployedTextGenerator
from attngan.networks.text import TextGenerator
from attngan.training.sentences import Sentences
from attngan_runtime.tokenizers.sentences import SentenceTokenizer

_BATCH = 64  # sentences between two looks at the stop signals: about a second


class SentenceQuality:
    """Measures always the same seeds and key words against the same sentences, so that its figures can be compared."""

    def __init__(self, lines: TextDataset, sentences: Sentences, tokenizer: SentenceTokenizer, samples: int) -> None:
        """samples: sentences to write each time. Raises AttnGANError if the embedding's package is not there."""
        self.tokenizer, self.samples = tokenizer, samples
        self.held_out = [lines.sentences[place] for place in sentences.held_out]
        _, keywords = sentences.measured()
        self.keywords = keywords[torch.arange(samples) % len(keywords)]
        embeddings(self.held_out[:1])
        self._real: list[np.ndarray] = []

    @torch.no_grad()
    def measure(self, generator: Generator, device: torch.device, stop: Sequence[int]) -> tuple[float, float] | None:
        """(KID, its standard error), or None if a stop signal came first."""
        assert isinstance(generator, TextGenerator)
        for start in range(sum(map(len, self._real)), len(self.held_out), _BATCH):
            if stop:
                return None
            self._real.append(embeddings(self.held_out[start : start + _BATCH]))
        deployed, parts = DeployedTextGenerator(generator), []
        for start in range(0, self.samples, _BATCH):
            if stop:
                return None
            asked = self.keywords[start : start + _BATCH].to(device)
            seeds = torch.arange(start, start + len(asked), device=device)
            tokens = deployed.from_seed(seeds, asked, torch.ones(len(asked), device=device))
            parts.append(embeddings([self.tokenizer.sentence(row) for row in tokens.tolist()]))
        found = kernel_distance(np.concatenate(self._real), np.concatenate(parts))
        return found.value, found.error


def open_sentence_quality(
    lines: TextDataset, sentences: Sentences, tokenizer: SentenceTokenizer, samples: int
) -> tuple[SentenceQuality | None, str]:
    """What measures KID on the way, or None and the reason why nothing does."""
    if not len(sentences.held_out):
        return None, ""
    if len(sentences.held_out) < FEWEST:
        return None, f"{len(sentences.held_out)} held-out sentences are too few for KID ({FEWEST} are needed)"
    try:
        return SentenceQuality(lines, sentences, tokenizer, samples), ""
    except AttnGANError as error:
        return None, str(error)
