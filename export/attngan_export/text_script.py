"""A generator of sentences as TorchScript: its first and its next words are traced, the loop over them is scripted.

A trace alone would write as many words as its example did. Caches and key words travel as one tensor each, for traces
take a fixed number of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attngan.networks.decoding import DeployedTextGenerator, Draft, Sampling
from attngan.networks.text import Memory, Pair


class _Begin(nn.Module):
    def __init__(self, network: DeployedTextGenerator) -> None:
        super().__init__()
        self.network = network

    def forward(self, keywords: Tensor, mask: Tensor, seed: Tensor) -> tuple[Tensor, ...]:
        memory, chance, draft, cache = self.network.begin(keywords, mask, seed)
        empty = memory.mean.new_zeros(0, 2)
        pairs = _stacked(memory.pairs) if memory.pairs else empty
        return pairs, memory.mask, memory.mean, chance, *draft, _stacked(cache)


class _NextWord(nn.Module):
    def __init__(self, network: DeployedTextGenerator) -> None:
        super().__init__()
        self.network = network
        self.pairs = network.generator.config.layers if network.generator.config.cross_attention else 0

    def forward(
        self, pairs: Tensor, mask: Tensor, mean: Tensor, chance: Tensor, place: Tensor, ended: Tensor, word: Tensor,
        tokens: Tensor, scores: Tensor, cache: Tensor, temperature: Tensor, top_k: Tensor, top_p: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        memory = Memory(_split(pairs, self.pairs), mask, mean)
        before = _split(cache, self.network.generator.config.layers)
        draft = Draft(place, ended, word, tokens, scores)
        draft, after = self.network.next_word(draft, before, memory, chance, Sampling(temperature, top_k, top_p))
        return *draft, _stacked(after)


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


def scripted(network: DeployedTextGenerator, example: tuple[Tensor, ...]) -> torch.jit.ScriptModule:
    """The generator as a script module; example: its inputs, of two sentences or more."""
    asked, sampling = example[:3], example[3:]
    begin, next_word = _Begin(network).eval(), _NextWord(network).eval()
    first = torch.jit.trace(begin, asked, check_trace=False)
    following = torch.jit.trace(next_word, (*begin(*asked), *sampling), check_trace=False)
    script: torch.jit.ScriptModule = torch.jit.script(_Loop(first, following, network.generator.config.length).eval())
    return script


def _stacked(pairs: list[Pair]) -> Tensor:
    """[layers, 2, B, H, N, D]."""
    return torch.stack([torch.stack(pair) for pair in pairs])


def _split(stacked: Tensor, layers: int) -> list[Pair]:
    return [(stacked[layer, 0], stacked[layer, 1]) for layer in range(layers)]
