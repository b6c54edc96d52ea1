"""A generator of sentences as it is used: word after word, each drawn from its probabilities by a seed."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch._higher_order_ops import while_loop

from attngan.networks.text import Memory, Pair, TextGenerator
from attngan.random import uniforms
from attngan_runtime.tokenizers.sentences import END
from attngan_runtime.tokenizers.word_level import PADDING, UNKNOWN


class Sampling(NamedTuple):
    """How each word of a sentence is chosen, for every sentence of a batch."""

    temperature: Tensor  #: float32 [B], above 0; below 1 favours probable words
    top_k: Tensor  #: int64 [B], only so many of the most probable words; 0 = all, 1 = always the most probable
    #: float32 [B], above 0 to 1, the fewest most probable words that hold this share (Holtzman et al. 2020, "The
    #: curious case of neural text degeneration")
    top_p: Tensor


class Draft(NamedTuple):
    """Sentences so far."""

    place: Tensor  #: int64 [], the next word's
    ended: Tensor  #: bool [B]
    word: Tensor  #: int64 [B], the last one, END before the first
    tokens: Tensor  #: int64 [B, L]
    scores: Tensor  #: float32 [B, L], the logarithm of each token's probability


class DeployedTextGenerator(nn.Module):
    """Key words and a seed in, a sentence out. Each sentence depends on its own inputs alone.

    in_graph: run the loop over words as one operation, which torch.export and the ONNX exporter can take. Python's
    own loop is faster in eager mode.
    """

    def __init__(self, generator: TextGenerator, in_graph: bool = False) -> None:
        super().__init__()
        self.generator, self.in_graph = generator, in_graph

    def forward(
        self, keywords: Tensor, mask: Tensor, seed: Tensor, temperature: Tensor, top_k: Tensor, top_p: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Key words and mask int64 [B, K] (mask 1 = a key word), seed int64 [B], 0 … 2³²−1, and a `Sampling` →
        tokens int64 [B, L], END after the last word and then 0, and float32 [B, L], the logarithm of each token's
        probability, before temperature, top_k and top_p are applied; 0 after the end.
        """
        generator, sampling = self.generator, Sampling(temperature, top_k, top_p)
        memory, chance, draft, empty = self.begin(keywords, mask, seed)

        def goes_on(*state: Tensor) -> Tensor:
            return unfinished(Draft(*state[:5]), generator.config.length)

        def write(*state: Tensor) -> tuple[Tensor, ...]:
            further, cache = self.next_word(Draft(*state[:5]), _paired(state[5:]), memory, chance, sampling)
            return *further, *(part for pair in cache for part in pair)

        state = (*draft, *(part for pair in empty for part in pair))
        if self.in_graph:
            state = while_loop(goes_on, write, state)
        else:
            while goes_on(*state):
                state = write(*state)
        return state[3], state[4]

    def begin(self, keywords: Tensor, mask: Tensor, seed: Tensor) -> tuple[Memory, Tensor, Draft, list[Pair]]:
        """The encoded key words, numbers float32 [B, L] in [0, 1) that choose the words, and nothing written yet."""
        generator, length = self.generator, self.generator.config.length
        # Of the seed, so that exporters see that their batch is the same.
        tokens = seed[:, None] * torch.zeros(length, dtype=torch.int64, device=seed.device)
        start = torch.zeros((), dtype=torch.int64, device=seed.device)
        draft = Draft(start, seed < 0, torch.full_like(seed, END), tokens, tokens.to(generator.bias.dtype))
        cache = generator.empty_cache(seed.shape[0], length)
        return generator.encode_keywords(keywords, mask > 0), uniforms(seed, length), draft, cache

    def next_word(
        self, draft: Draft, cache: list[Pair], memory: Memory, chance: Tensor, sampling: Sampling
    ) -> tuple[Draft, list[Pair]]:
        """The sentences with one more word each; those that have ended stay as they are."""
        found, cache = self.generator.step(self.generator.embedding(draft.word), draft.place, cache, memory)
        number = chance.index_select(1, draft.place[None])[:, 0]
        word, score = choose(readable(found, draft.place), number, sampling)
        word, score = torch.where(draft.ended, PADDING, word), torch.where(draft.ended, 0.0, score)
        here = torch.arange(self.generator.config.length, device=word.device) == draft.place
        tokens = torch.where(here, word[:, None], draft.tokens)
        scores = torch.where(here, score[:, None], draft.scores)
        return Draft(draft.place + 1, draft.ended | (word == END), word, tokens, scores), cache

    def from_seed(self, seed: Tensor, condition: Tensor | None, temperature: Tensor) -> Tensor:
        """Tokens int64 [B, L] about key words int64 [B, K] (None: about anything), with every word to choose from."""
        if condition is None:
            condition = torch.zeros(len(seed), self.generator.config.keywords, dtype=torch.int64, device=seed.device)
        every, whole = torch.zeros_like(seed), torch.ones_like(temperature)
        tokens, _ = self(condition, (condition != PADDING).long(), seed, temperature, every, whole)
        return tokens


def unfinished(draft: Draft, length: int) -> Tensor:
    """bool []: whether there is a word to write."""
    return (draft.place < length) & (~draft.ended).any()


def choose(scores: Tensor, chance: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """A token int64 [B] from log-probabilities float [B, V] by numbers [B] in [0, 1), and its log-probability.

    The shares of words are added up in the order of the vocabulary, not of their size: another machine that rounds
    otherwise would order thousands of rare words otherwise, and so choose others. Where `chance` falls within rounding
    of a word's bounds it still may (`near_ties`).
    """
    shares = (scores / sampling.temperature[:, None]).softmax(1)
    every = shares.shape[1]
    # As many as some sentence asks for: to order all words takes two fifths of a token's time.
    asked = torch.where(sampling.top_k > 0, sampling.top_k, torch.where(sampling.top_p < 1, every, 1)).max()
    ordered = _largest(shares, asked.clamp_max(every))
    reached = _kept(shares, ordered, _counted(ordered, sampling, every)).cumsum(1)
    total = reached[:, -1:]
    token = ((reached <= chance[:, None] * total) & (reached < total)).sum(1)
    return token, scores.gather(1, token[:, None])[:, 0]


@torch.jit.script_if_tracing  # a trace would take its example's number
def _largest(shares: Tensor, count: Tensor) -> Tensor:
    """The so many largest shares [B, n] from the largest on; count: int64 []."""
    return shares.topk(int(count), 1).values


def _counted(ordered: Tensor, sampling: Sampling, every: int) -> Tensor:
    """How many of `every` words top_k and top_p leave, int64 [B, 1]; ordered: the largest shares float [B, n]."""
    count = (ordered.cumsum(1) - ordered < sampling.top_p[:, None]).sum(1)
    # The sum of all shares is not quite 1: rounding would leave out a few of the rarest.
    count = torch.where(sampling.top_p < 1, count, every)
    return torch.where(sampling.top_k > 0, torch.minimum(count, sampling.top_k), count)[:, None]


def _kept(shares: Tensor, ordered: Tensor, count: Tensor) -> Tensor:
    """The shares of the words that are left, 0 for others; words as probable as the last of them are left too."""
    some = count < shares.shape[1]
    least = torch.where(some, ordered.gather(1, torch.where(some, count - 1, 0)), 0.0)
    return torch.where(shares >= least, shares, 0.0)


def near_ties(scores: Tensor, chance: Tensor, sampling: Sampling) -> Tensor:
    """bool [B]: where rounding could choose another word than `choose` does, of log-probabilities float [B, V].

    The last word that is left and the first that is not lie within 1e-4 in their scores, top_p within 1e-6 of where
    another word would count, or `chance` within 1e-6 of the next word's.
    """
    shares = (scores / sampling.temperature[:, None]).softmax(1)
    ordered = shares.sort(1, descending=True).values
    count = _counted(ordered, sampling, shares.shape[1])
    longer = torch.nn.functional.pad(ordered, (0, 1)).log()  # beyond the last word nothing is near
    gap = longer.gather(1, count - 1) - longer.gather(1, count)
    by_score = gap[:, 0] * sampling.temperature < 1e-4
    by_share = ((ordered.cumsum(1) - sampling.top_p[:, None]).abs() < 1e-6).any(1) & (sampling.top_p < 1)
    reached = _kept(shares, ordered, count).cumsum(1)
    by_chance = ((reached / reached[:, -1:] - chance[:, None]).abs() < 1e-6).any(1)
    return by_score | by_share | by_chance


def readable(scores: Tensor, place: Tensor) -> Tensor:
    """Log-probabilities of scores [..., V] without the unknown word, which nobody can read, and without an end at
    place 0, which would be no sentence. place: int64 [] or [..., 1].
    """
    words = torch.arange(scores.shape[-1], device=scores.device)
    never = (words == UNKNOWN) | ((words == END) & (place == 0))
    return scores.masked_fill(never, float("-inf")).log_softmax(-1)


def _paired(parts: tuple[Tensor, ...]) -> list[Pair]:
    return list(zip(parts[::2], parts[1::2], strict=True))
