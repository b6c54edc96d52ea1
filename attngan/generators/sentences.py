"""A generator of sentences in PyTorch: what it writes, and how likely it finds a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from attngan.checkpoint import LIKELIHOOD, PRETRAINED, find_run, load_config, load_network, read_tokenizer
from attngan.config import RunConfig, TextConfig
from attngan.errors import AttnGANError
from attngan.networks.decoding import DeployedTextGenerator
from attngan.networks.text import TextGenerator
from attngan_runtime.bundle import TOKENIZER
from attngan_runtime.tokenizers.sentences import KeyWords, SentenceTokenizer
from attngan_runtime.tokenizers.word_level import PADDING

_BATCH = 64
_BASELINE = "-likelihood"  # after the name of a shipped generator: what likelihood alone gave


@dataclass
class LoadedWriter:
    """A trained generator of sentences in float32 on the CPU."""

    name: str
    config: RunConfig
    network: DeployedTextGenerator
    tokenizer: SentenceTokenizer
    folder: Path

    @property
    def most(self) -> int:
        """Key words of a sentence at most."""
        return self.network.generator.config.keywords

    def key_words(self, asked: Sequence[str]) -> KeyWords:
        """Key words as `tokens` takes them; AttnGANError for what is not text."""
        return self.tokenizer.key_words(asked, self.most)

    @torch.no_grad()
    def tokens(
        self, seeds: Sequence[int], keywords: np.ndarray, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
    ) -> np.ndarray:
        """int64 [B, L] for seeds in 0 … 2³²−1 and key words int64 [B, K] by number, 0 where there is none."""
        parts = []
        for start in range(0, len(seeds), _BATCH):
            seed = torch.tensor(seeds[start : start + _BATCH], dtype=torch.int64)
            asked = torch.from_numpy(keywords[start : start + _BATCH])
            alike = (torch.full(seed.shape, value) for value in (temperature, top_k, top_p))
            parts.append(self.network(asked, (asked != PADDING).long(), seed, *alike)[0])
        return torch.cat(parts).numpy()

    def write(
        self, seeds: Sequence[int], keywords: np.ndarray, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
    ) -> list[str]:
        """The same as text."""
        return [self.tokenizer.sentence(row) for row in self.tokens(seeds, keywords, temperature, top_k, top_p)]

    @torch.no_grad()
    def nll(self, sentences: Sequence[str], keywords: np.ndarray) -> tuple[float, int]:
        """Sum of −log probability in nats over all tokens of sentences, their ends among them, and their number.

        Words beyond the longest sentence that it can write are left out.
        """
        total, count = 0.0, 0
        tokens = torch.from_numpy(self.tokenizer.tokens(sentences))
        for some, asked in zip(tokens.split(_BATCH), torch.from_numpy(keywords).split(_BATCH), strict=True):
            some = some[:, : int((some != PADDING).sum(1).max())]
            total += float(self.network.generator.surprise(some, asked).double().sum())
            count += int((some != PADDING).sum())
        return total, count

    @torch.no_grad()
    def attention(self, tokens: np.ndarray, keywords: np.ndarray) -> Tensor:
        """Shares float32 [B, L, K] of the key words at each token int64 [B, L]; mean over heads and layers."""
        return self.network.generator.looked_at(torch.from_numpy(tokens), torch.from_numpy(keywords))


def writes(run_or_name: str) -> bool:
    """Whether a run folder, a file of weights in it, or a shipped generator writes sentences."""
    return isinstance(load_config(_found(run_or_name)[0]).network, TextConfig)


def load_writer(run_or_name: str) -> LoadedWriter:
    """The averaged generator of a run folder or of a shipped NAME, and what likelihood alone gave under the names
    RUN/likelihood.safetensors and NAME-likelihood.

    Raises AttnGANError if there is none, if it is damaged, or if it draws pictures.
    """
    folder, file = _found(run_or_name)
    config = load_config(folder)
    if not isinstance(config.network, TextConfig):
        raise AttnGANError(run_or_name, "draws pictures, where sentences are wanted", "name a generator that writes")
    generator = load_network(config, folder / file).eval().requires_grad_(False)
    assert isinstance(generator, TextGenerator)
    tokenizer = SentenceTokenizer.from_json(read_tokenizer(folder), str(folder / TOKENIZER))
    if (tokenizer.size, tokenizer.length) != (config.network.vocabulary, config.network.length):
        raise AttnGANError(folder / TOKENIZER, "not the vocabulary that config.json beside it names", "restore both")
    name = folder.resolve().name + ("" if file == "generator.safetensors" else _BASELINE)
    return LoadedWriter(name, config, DeployedTextGenerator(generator), tokenizer, folder)


def _found(run_or_name: str) -> tuple[Path, str]:
    """The folder, and the file of weights in it."""
    path = Path(run_or_name)
    shipped = PRETRAINED / run_or_name.removesuffix(_BASELINE)
    if run_or_name.endswith(_BASELINE) and not path.exists() and (shipped / LIKELIHOOD).is_file():
        return shipped, LIKELIHOOD
    if path.name == LIKELIHOOD and path.is_file():
        return path.parent, LIKELIHOOD
    return find_run(run_or_name), "generator.safetensors"
