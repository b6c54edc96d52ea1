"""Sentences as numbers: tokens, content words, and which of them training never shows."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from attngan.config import TextConfig, TextTraining
from attngan.data import TextDataset
from attngan.data.keywords import content_words, draw_content_words
from attngan.networks.text import TextGenerator
from attngan.random import derive
from attngan.streams import Stream
from attngan_runtime.tokenizers.sentences import SentenceTokenizer
from attngan_runtime.tokenizers.word_level import PADDING

_BATCH = 64  # sentences measured at once


class EncodedText:
    """The sentences of a run in the order of their file.

    tokens: int64 [N, L]. content: int64 [N, C], the known content words of each sentence, then 0.
    training, held_out: int64, the places of those that are shown, and of those that are not.
    """

    def __init__(
        self, lines: TextDataset, tokenizer: SentenceTokenizer, network: TextConfig, plan: TextTraining
    ) -> None:
        self.plan, self.most = plan, network.keywords
        self.tokens = torch.from_numpy(tokenizer.tokens(lines.sentences))
        self.content = _content(lines, tokenizer)
        self.training, self.held_out = lines.split(plan.holdout, plan.seed)

    def batch(self, places: np.ndarray, seeds: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens int64 [B, T], T those of the longest, and key words int64 [B, K] that the seeds int64 [B] draw."""
        tokens = self.tokens[places]
        length = int((tokens != PADDING).sum(1).max())
        return tokens[:, :length], draw_content_words(
            self.content[places], seeds, self.most, self.plan.without_keywords
        )

    def held_out_sentences(self) -> tuple[Tensor, Tensor]:
        """All held-out sentences [N, T] and their key words [N, K], always the same ones."""
        seeds = derive(self.plan.seed, Stream.MEASURED_KEYWORDS, torch.arange(len(self.held_out)))
        return self.batch(self.held_out, seeds)

    @torch.no_grad()
    def held_out_nll(self, generator: TextGenerator, device: torch.device) -> float:
        """Mean −log probability per token of held-out sentences, in nats."""
        total, count = 0.0, 0
        for tokens, keywords in zip(*(part.split(_BATCH) for part in self.held_out_sentences()), strict=True):
            total += float(generator.token_nll(tokens.to(device), keywords.to(device)).sum())
            count += int((tokens != PADDING).sum())
        return total / count


def _content(lines: TextDataset, tokenizer: SentenceTokenizer) -> Tensor:
    known = {word: number for number, word in enumerate(tokenizer.words)}
    numbers = [[known[word] for word in content_words(words) if word in known] for words in lines.words]
    content = np.full((len(numbers), max(1, *map(len, numbers))), PADDING, np.int64)
    for row, some in zip(content, numbers, strict=True):
        row[: len(some)] = some
    return torch.from_numpy(content)
