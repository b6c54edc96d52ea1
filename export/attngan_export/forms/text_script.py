"""A generator of sentences as TorchScript: its first and its next words are traced, the loop over them is scripted.

A trace alone would write as many words as its example did. Caches and key words travel as one tensor each, for traces
take a fixed number of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attngan.networks.decoding import DeployedTextGenerator, Draft, Sampling
from attngan.networks.text import Memory, Pair


class _Part(nn.Module):
    def __init__(self, network: DeployedTextGenerator) -> None:
        super().__init__()
        self.network = network


class _Begin(_Part):
    def forward(self, keywords: Tensor, mask: Tensor, seed: Tensor) -> tuple[Tensor, ...]:
        memory, chance, draft, cache = self.network.begin(keywords, mask, seed)
        empty = memory.mean.new_zeros(0, 2)
        pairs = _stack(memory.pairs) if memory.pairs else empty
        return pairs, memory.mask, memory.mean, chance, *draft, _stack(cache)


class _NextWord(_Part):
    def forward(
        self, pairs: Tensor, mask: Tensor, mean: Tensor, chance: Tensor, place: Tensor, ended: Tensor, word: Tensor,
        tokens: Tensor, scores: Tensor, cache: Tensor, temperature: Tensor, top_k: Tensor, top_p: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        config = self.network.generator.config
        memory = Memory(_split(pairs, config.layers if config.cross_attention else 0), mask, mean)
        before = _split(cache, config.layers)
        draft = Draft(place, ended, word, tokens, scores)
        draft, after = self.network.next_word(draft, before, memory, chance, Sampling(temperature, top_k, top_p))
        return *draft, _stack(after)


class _Loop(nn.Module):
    """The traced parts under a loop, with the inputs and outputs of `DeployedTextGenerator`."""

    def __init__(self, begin: nn.Module, next_word: nn.Module, length: int) -> None:
        super().__init__()
        self.begin, self.next_word, self.length = begin, next_word, length

    def forward(
        self, keywords: Tensor, mask: Tensor, seed: Tensor, temperature: Tensor, top_k: Tensor, top_p: Tensor
    ) -> tuple[Tensor, Tensor]:
        pairs, seen, mean, chance, place, ended, word, tokens, scores, cache = self.begin(keywords, mask, seed)
        while int(place) < self.length and not bool(ended.all()):
            place, ended, word, tokens, scores, cache = self.next_word(
                pairs, seen, mean, chance, place, ended, word, tokens, scores, cache, temperature, top_k, top_p
            )
        return tokens, scores


def script_loop(network: DeployedTextGenerator, example: tuple[Tensor, ...]) -> torch.jit.ScriptModule:
    """The generator as a script module; example: its inputs, of two sentences or more."""
    words, sampling = example[:3], example[3:]
    begin, next_word = _Begin(network).eval(), _NextWord(network).eval()
    first = torch.jit.trace(begin, words, check_trace=False)
    following = torch.jit.trace(next_word, (*begin(*words), *sampling), check_trace=False)
    script: torch.jit.ScriptModule = torch.jit.script(_Loop(first, following, network.generator.config.length).eval())
    return script


def _stack(pairs: list[Pair]) -> Tensor:
    """[layers, 2, B, H, N, D]."""
    return torch.stack([torch.stack(pair) for pair in pairs])


def _split(stacked: Tensor, layers: int) -> list[Pair]:
    return [(stacked[layer, 0], stacked[layer, 1]) for layer in range(layers)]
