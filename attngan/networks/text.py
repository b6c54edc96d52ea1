"""Generator and discriminator of sentences.

The generator is a decoder (Vaswani et al. 2017; pre-normalised, Xiong et al. 2020) whose every word attends to the
words before it and to the encoded key words. The discriminator reads a sentence by several attention read-outs, of
which some are the key words themselves. Between them go one-hots that carry the gradient of a softmax (Jang et al.
2017, "Categorical reparameterization with Gumbel-softmax", section 2.2), so that no policy gradient is needed
(Nie et al. 2019, RelGAN).

Key words are int64 [B, K], 0 where there is none; their order is of no account.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attngan.attention import MultiHeadAttention
from attngan.config import TextConfig
from attngan.networks.text_encoder import TextLayer
from attngan_kernels import attention_weights
from attngan_runtime.tokenizers.sentences import END
from attngan_runtime.tokenizers.word_level import PADDING

Pair = tuple[Tensor, Tensor]  # keys and values [B, H, N, D] of one layer


class Memory(NamedTuple):
    """The key words of a batch as every step of the decoder looks them up."""

    pairs: list[Pair]  #: keys and values of each layer, [B, H, K, D]; empty without cross-attention
    mask: Tensor  #: bool [B, K], True = a key word
    mean: Tensor  #: float [B, width], their mean; 0 where there is none


class TextGenerator(nn.Module):
    """noise float [B, T, V] and key words int64 [B, K] → sentences float [B, T, V], a one-hot a word.

    noise: standard Gumbel numbers, which make the choice of each word one from its probabilities. T: tokens, config.
    length at most; what follows a sentence's end is padding. temperature: of the softmax whose gradient the one-hots
    carry; it changes no sentence.
    """

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config, self.temperature = config, 1.0
        width, heads = config.width, config.heads
        self.embedding = nn.Embedding(config.vocabulary, width)
        self.position = nn.Parameter(torch.zeros(config.length, width))
        self.encoder = TextLayer(width, heads)
        self.encoded = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(
            DecoderBlock(width, heads, config.cross_attention, config.dropout) for _ in range(config.layers)
        )
        self.dropout, self.norm = nn.Dropout(config.dropout), nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(config.vocabulary))
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        nn.init.normal_(self.position, std=0.1)
        self.eval()  # its dropout is for likelihood alone

    def likelihood(self, tokens: Tensor, keywords: Tensor) -> Tensor:
        """Log-probabilities float [B, T, V] of each token of sentences int64 [B, T] after those before it."""
        return self._scores(self._read(tokens, keywords, None)).log_softmax(-1)

    def keyword_attention(self, tokens: Tensor, keywords: Tensor) -> Tensor:
        """Shares float [B, T, K] of the key words when each token was chosen; mean over heads and layers.

        They sum to 1, or to 0 without key words.
        """
        attended: list[Tensor] = []
        self._read(tokens, keywords, attended)
        return torch.stack(attended).mean(0)

    def _read(self, tokens: Tensor, keywords: Tensor, attended: list[Tensor] | None) -> Tensor:
        """Vectors float [B, T, width] after all blocks; `attended` collects each one's shares of the key words."""
        memory = self.encode_keywords(keywords)
        before = F.pad(tokens[:, :-1], (1, 0), value=END)
        x = self._embed(self.embedding(before), self.position[: tokens.shape[1]], memory)
        for index, block in enumerate(self.blocks):
            assert isinstance(block, DecoderBlock)
            x = block(x, memory.pairs[index] if memory.pairs else None, memory.mask, attended)
        return x

    def token_nll(self, tokens: Tensor, keywords: Tensor) -> Tensor:
        """−log probability float [B, T] of each token in nats, 0 where there is padding."""
        scores = self.likelihood(tokens, keywords)
        return F.nll_loss(scores.transpose(1, 2), tokens, ignore_index=PADDING, reduction="none")

    def encode_keywords(self, keywords: Tensor, mask: Tensor | None = None) -> Memory:
        """Encodes key words. mask: bool [B, K], True = a key word; where they are not 0 if not given."""
        mask = keywords != PADDING if mask is None else mask
        words = self.encoded(self.encoder(self.embedding(keywords) * math.sqrt(self.config.width), mask))
        present = mask.to(words.dtype)[:, :, None]
        mean = (words * present).sum(1) / present.sum(1).clamp_min(1.0)
        pairs = []
        for block in self.blocks:
            assert isinstance(block, DecoderBlock)
            if block.cross_attention:
                pairs.append((block.cross_attention.project(words, 1), block.cross_attention.project(words, 2)))
        return Memory(pairs, mask, mean)

    def empty_cache(self, batch: int, length: int) -> list[Pair]:
        """Keys and values [B, H, length, D] of each layer before the first word."""
        heads, size = self.config.heads, self.config.width // self.config.heads
        zeros = [self.bias.new_zeros(batch, heads, length, size) for _ in range(2 * self.config.layers)]
        return list(zip(zeros[::2], zeros[1::2], strict=True))

    def step(self, before: Tensor, place: Tensor, cache: list[Pair], memory: Memory) -> tuple[Tensor, list[Pair]]:
        """One more word: scores float [B, V] of the token at `place`, of which softmax makes probabilities, and the
        cache with what it adds.

        before: embedding [B, width] of the token before it. place: int64 [], from 0. The cost is the same at every
        place, since all of the cache is looked at, and what lies ahead is masked.
        """
        places = torch.arange(cache[0][0].shape[2], device=place.device)
        past = (places <= place)[None, None]
        here = place.expand(before.shape[0], self.config.heads, 1, self.config.width // self.config.heads)
        x = self._embed(before[:, None], self.position.index_select(0, place[None]), memory)
        grown = []
        for index, block in enumerate(self.blocks):
            assert isinstance(block, DecoderBlock)
            pair = memory.pairs[index] if memory.pairs else None
            x, longer = block.step(x, cache[index], here, past, pair, memory.mask)
            grown.append(longer)
        return self._scores(x[:, 0]), grown

    def forward(self, noise: Tensor, keywords: Tensor) -> Tensor:
        batch, length, _ = noise.shape
        memory, cache = self.encode_keywords(keywords), self.empty_cache(batch, length)
        before = self.embedding.weight[END].expand(batch, -1)
        ended = torch.zeros(batch, 1, dtype=torch.bool, device=noise.device)
        padding = F.one_hot(torch.tensor(PADDING, device=noise.device), self.config.vocabulary).to(noise.dtype)
        sentence = []
        for place in range(length):
            scores, cache = self.step(before, torch.tensor(place, device=noise.device), cache, memory)
            word = _straight_through(scores + noise[:, place], self.temperature)
            word = torch.where(ended, padding, word)
            ended = ended | (word[:, END : END + 1] > 0.5)
            before = word @ self.embedding.weight
            sentence.append(word)
        return torch.stack(sentence, 1)

    def _embed(self, words: Tensor, position: Tensor, memory: Memory) -> Tensor:
        """Embeddings [B, N, width] at positions [N, width]; without cross-attention with the key words' mean too."""
        x = words * math.sqrt(self.config.width) + position
        return self.dropout(x if self.config.cross_attention else x + memory.mean[:, None])

    def _scores(self, x: Tensor) -> Tensor:
        """[..., width] → [..., V], by the transposed embedding (Press and Wolf 2017). Padding is never written."""
        places = torch.arange(self.config.vocabulary, device=x.device)
        bias = torch.where(places == PADDING, float("-inf"), self.bias)
        return F.linear(self.norm(x), self.embedding.weight, bias)


class DecoderBlock(nn.Module):
    """x + attention to the words before, x + attention to the key words, x + mlp, each normalised first."""

    def __init__(self, width: int, heads: int, crosses: bool, dropout: float) -> None:
        super().__init__()
        self.before_attention, self.attention = nn.LayerNorm(width), MultiHeadAttention(width, heads)
        self.before_cross = nn.LayerNorm(width) if crosses else None
        self.cross_attention = MultiHeadAttention(width, heads) if crosses else None
        self.before_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, looked_up: Pair | None, mask: Tensor, attended: list[Tensor] | None = None) -> Tensor:
        """x [B, T, width], keys and values of the key words and their mask [B, K] → [B, T, width].

        attended: collects the shares of the key words at each place, [B, T, K], mean over heads.
        """
        h = self.before_attention(x)
        x = x + self.dropout(self.attention(h, h, h, is_causal=True)[0])
        return self._rest(x, looked_up, mask, attended)

    def step(
        self, x: Tensor, cache: Pair, here: Tensor, past: Tensor, looked_up: Pair | None, mask: Tensor
    ) -> tuple[Tensor, Pair]:
        """The same for one word [B, 1, width], with the keys and values [B, H, L, D] of those before it.

        here: int64 [B, H, 1, D], the place where its own go. past: bool [1, 1, L], the words up to it.
        """
        h = self.before_attention(x)
        keys, values = (_written(cache[i], here, self.attention.project(h, 1 + i)) for i in range(2))
        x = x + self.attention.attend(self.attention.project(h, 0), keys, values, past)
        return self._rest(x, looked_up, mask, None), (keys, values)

    def _rest(self, x: Tensor, looked_up: Pair | None, mask: Tensor, attended: list[Tensor] | None) -> Tensor:
        if self.cross_attention is not None and self.before_cross is not None and looked_up is not None:
            queries = self.cross_attention.project(self.before_cross(x), 0)
            if attended is not None:
                attended.append(attention_weights(queries, looked_up[0], key_mask=mask[:, None]).mean(1))
            found = self.cross_attention.attend(queries, *looked_up, mask[:, None])
            # A sentence without key words takes nothing from them, and not the output projection's bias either.
            x = x + self.dropout(found * mask.any(1)[:, None, None].to(found.dtype))
        return x + self.dropout(self.mlp(self.before_mlp(x)))


def _written(cache: Tensor, here: Tensor, new: Tensor) -> Tensor:
    """The cache [B, H, L, D] with new [B, H, 1, D] where `here` says, in its own dtype: float32, under autocast too."""
    return cache.scatter(2, here, new if new.dtype == cache.dtype else new.to(cache.dtype))


def _straight_through(scores: Tensor, temperature: float) -> Tensor:
    """One-hots [B, V] of the largest scores, with the gradient of softmax(scores / temperature)."""
    soft = (scores / temperature).softmax(-1)
    hard = F.one_hot(scores.argmax(-1), scores.shape[-1]).to(soft.dtype)
    return hard + soft - soft.detach()


class TextDiscriminator(nn.Module):
    """sentences float [B, T, V], a one-hot a word, and key words int64 [B, K] → logits [B], larger = more real.

    The logit is a mean over learned read-outs, each an attention over the words, and over the key words, which look
    for themselves in the sentence (in place of a projection: Miyato and Koyama 2018).
    """

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        width, heads = config.width, config.heads
        self.embedding = nn.Linear(config.vocabulary, width, bias=False)
        self.position = nn.Parameter(torch.zeros(config.length, width))
        self.layers = nn.ModuleList(TextLayer(width, heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.readouts = nn.Parameter(torch.randn(config.readouts, width))
        self.attention = MultiHeadAttention(width, heads)
        self.realism = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1))
        self.agreement = nn.Linear(width, width)
        nn.init.normal_(self.embedding.weight, std=1.0)
        nn.init.normal_(self.position, std=0.1)

    def forward(self, sentences: Tensor, keywords: Tensor) -> Tensor:
        return self.judge(self.features(sentences), keywords)

    def features(self, sentences: Tensor) -> Tensor:
        """What is seen of sentences whatever their key words: float [B, T, width + 1], of which the last value is 1
        for a word and 0 for padding.
        """
        mask = _present(sentences)
        x = self.embedding(sentences) + self.position[: sentences.shape[1]]
        for layer in self.layers:
            x = layer(x, mask)
        return torch.cat([self.norm(x), mask[:, :, None].to(x.dtype)], 2)

    def judge(self, features: Tensor, keywords: Tensor) -> Tensor:
        """Logits [B] of features [B, T, width + 1] under key words [B, K]."""
        x, mask = features[:, :, :-1], features[:, :, -1] > 0.5
        asked = self.embedding.weight.T[keywords]
        queries = torch.cat([self.readouts.expand(len(x), -1, -1), asked], 1)
        read, _ = self.attention(queries, x, x, key_padding_mask=~mask)
        learned, found = read.split([len(self.readouts), keywords.shape[1]], 1)
        present = (keywords != PADDING).to(x.dtype)
        agreement = (self.agreement(found) * asked).sum(2) * present / math.sqrt(x.shape[2])
        return self.realism(learned).mean((1, 2)) + agreement.sum(1) / present.sum(1).clamp_min(1.0)


def _present(sentences: Tensor) -> Tensor:
    """bool [B, T]: the words of one-hots up to the sentence's end, which counts among them."""
    ends = sentences.detach()[:, :, END] > 0.5
    return ends.cumsum(1) - ends.long() == 0


def gumbel(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Standard Gumbel numbers float32 of this shape, a function of the seed alone: −log(−log u)."""
    return -torch.empty(shape).exponential_(generator=torch.Generator().manual_seed(seed)).log()
