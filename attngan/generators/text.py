"""Loaded generators of sentences: what they write, and how likely they find a sentence."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attngan.checkpoint import read_tokenizer
from attngan.generators.base import BATCH, LoadedGenerator, Seeds, batches, check_vocabulary
from attngan.generators.source import Source
from attngan_runtime import SentenceGenerator
from attngan_runtime.bundle import TOKENIZER
from attngan_runtime.tokenizers.sentences import KeyWords, SentenceTokenizer
from attngan_runtime.tokenizers.word_level import PADDING

KeyWordLists = Sequence[Sequence[str]]  #: of each sentence, in lower case; none: it is about anything


class LoadedTextGenerator(LoadedGenerator):
    """Sentences; conditions are key words int64 [B, K] by number, 0 where there is none; strength: temperature."""

    tokenizer: SentenceTokenizer
    keywords: int  #: of a sentence at most

    @abstractmethod
    def sample(
        self, seeds: Seeds, conditions: np.ndarray | None = None, temperature: float = 1.0, **strength: Any
    ) -> list[str]: ...

    def split(self, sentence: str) -> list[str]:
        """Words and marks of punctuation in lower case."""
        return self.tokenizer.split(sentence)

    def write(self, seeds: Seeds, keywords: KeyWordLists | None, temperature: float) -> list[str]:
        """A sentence for each of the seeds, int64 [N], about the key words that stand beside it."""
        return self.sample(seeds, self.conditions_of(keywords), temperature)

    def nll(self, sentences: Sequence[str], keywords: KeyWordLists | None) -> tuple[float, int] | None:
        """−log p in nats of all tokens of all sentences, their ends among them, and how many these are.

        None if it tells no likelihoods. Words beyond the longest sentence that it can write are left out.
        """
        return None

    def conditions_of(self, keywords: KeyWordLists | None) -> np.ndarray | None:
        """The conditions of key words."""
        return None if keywords is None else self.read_keywords([", ".join(words) for words in keywords]).ids

    def read_keywords(self, texts: Sequence[str]) -> KeyWords:
        """Key words, each set in one string, as conditions (`ids`); AttnGANError for what is not text."""
        return self.tokenizer.key_words(texts, self.keywords)

    def _rows(self, conditions: np.ndarray | None, count: int) -> np.ndarray:
        return np.full((count, self.keywords), PADDING, np.int64) if conditions is None else conditions


class TorchTextGenerator(LoadedTextGenerator):
    """In PyTorch. network: see `attngan.networks.decoding`."""

    def __init__(self, source: Source) -> None:
        self.source, self.network = source, source.load_deployed()
        self.keywords = source.config.network.keywords
        self.tokenizer = SentenceTokenizer.from_json(read_tokenizer(source.folder), str(source.folder / TOKENIZER))
        check_vocabulary(source, self.tokenizer)

    def sample(
        self, seeds: Seeds, conditions: np.ndarray | None = None, temperature: float = 1.0, **strength: Any
    ) -> list[str]:
        rows = self.tokens(seeds, self._rows(conditions, len(seeds)), temperature, **strength)
        return [self.tokenizer.sentence(row) for row in rows]

    @torch.no_grad()
    def tokens(
        self, seeds: Seeds, keywords: np.ndarray, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
    ) -> np.ndarray:
        """int64 [B, L] of the sentences."""
        numbers, rows, parts = torch.as_tensor(seeds, dtype=torch.int64), torch.from_numpy(keywords), []
        for part in batches(len(numbers)):
            seed, words = numbers[part], rows[part]
            alike = (torch.full(seed.shape, value) for value in (temperature, top_k, top_p))
            parts.append(self.network(words, (words != PADDING).long(), seed, *alike)[0])
        return torch.cat(parts).numpy()

    @torch.no_grad()
    def nll(self, sentences: Sequence[str], keywords: KeyWordLists | None) -> tuple[float, int]:
        total, count = 0.0, 0
        tokens = torch.from_numpy(self.tokenizer.tokens(sentences))
        rows = torch.from_numpy(self._rows(self.conditions_of(keywords), len(sentences)))
        for some, words in zip(tokens.split(BATCH), rows.split(BATCH), strict=True):
            some = some[:, : int((some != PADDING).sum(1).max())]
            total += float(self.network.generator.token_nll(some, words).double().sum())  # type: ignore[union-attr,operator]
            count += int((some != PADDING).sum())
        return total, count

    @torch.no_grad()
    def attention(self, tokens: np.ndarray, keywords: np.ndarray) -> Tensor:
        """Shares float32 [B, L, K] of the key words at each token int64 [B, L]; mean over heads and layers."""
        shares: Tensor = self.network.generator.keyword_attention(  # type: ignore[union-attr,operator]
            torch.from_numpy(tokens), torch.from_numpy(keywords)
        )
        return shares


class OnnxTextGenerator(LoadedTextGenerator):
    """A bundle under ONNX Runtime; it tells no likelihood of a given sentence."""

    def __init__(self, source: Source) -> None:
        self.source, self.runtime = source, SentenceGenerator.open(source.bundle)
        self.keywords, self.tokenizer = self.runtime.keywords, self.runtime.tokenizer

    def sample(
        self, seeds: Seeds, conditions: np.ndarray | None = None, temperature: float = 1.0, **strength: Any
    ) -> list[str]:
        words = self.tokenizer.words
        texts = [", ".join(words[n] for n in row if n != PADDING) for row in self._rows(conditions, len(seeds))]
        with warnings.catch_warnings():  # that a sentence is about nothing
            warnings.simplefilter("ignore", UserWarning)
            return self.runtime.run(np.asarray(seeds), keywords=texts, temperature=temperature, **strength)


def load_torch(source: Source) -> LoadedTextGenerator:
    return TorchTextGenerator(source)


def load_onnx(source: Source) -> LoadedTextGenerator:
    return OnnxTextGenerator(source)
