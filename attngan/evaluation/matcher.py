"""Matchers judge whether a picture shows what a caption says: trained on real pictures, never on generated ones.

Each has two towers over a frozen feature extractor and a bag of words, trained contrastively. There are five: each
picture and caption is judged by the one that has seen nothing of its concept, so that real and generated pictures are
judged alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from attngan.damsm import damsm_loss, sentence_scores
from attngan.data import CaptionedDataset, Captions
from attngan.data.conditioning import Conditions
from attngan.data.tokenizer import build_tokenizer
from attngan.errors import AttnGANError
from attngan.features.cache import load_or_make
from attngan.features.extractor import Extractor
from attngan.progress import progress
from attngan_runtime.tokenizers.prompts import Tokenizer

#: raise it when anything below changes what a matcher learns, so that none cached before is used
VERSION = "2"

_FOLDS = 5
_LENGTH = 32  # words of a caption with its tags
_PRINCIPAL, _HIDDEN, _SHARED = 256, 256, 128  # values of a picture, of the towers' inner layer, and of both in common
_STEPS, _BATCH = 200, 512
_RATE, _DECAY, _DROPPED, _DROPPED_WORDS = 8e-3, 0.1, 0.3, 0.1
_SHARPNESS = 2.0  # over damsm_loss's own 10: cosines near 1 have to be told apart


class Tower(nn.Module):
    """float [B, values] → [B, 128]: a linear map, and one inner layer beside it."""

    def __init__(self, values: int, dropped: float) -> None:
        super().__init__()
        self.enter, self.straight = nn.Dropout(dropped), nn.Linear(values, _SHARED)
        self.inner = nn.Sequential(
            nn.Linear(values, _HIDDEN), nn.GELU(), nn.Dropout(dropped), nn.Linear(_HIDDEN, _SHARED)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        return self.straight(x) + self.inner(x)


class Matcher(nn.Module):
    """Captions and pictures as vectors of 128 values, whose cosine says how well they match."""

    def __init__(self, words: int, values: int, principal: int) -> None:
        super().__init__()
        self.words, self.weight = nn.Embedding(words, _SHARED), nn.Embedding(words, 1)
        for table in (self.words, self.weight):
            nn.init.zeros_(table.weight)  # words that it never saw say nothing
        self.principal = nn.Linear(values, principal).requires_grad_(False)
        self.caption_tower, self.picture_tower = Tower(_SHARED, _DROPPED_WORDS), Tower(principal, _DROPPED)

    def embed_caption(self, tokens: Tensor) -> Tensor:
        """int64 [B, L], 0 = padding → [B, 128]. The order of the words does not count."""
        shares = self.weight(tokens).squeeze(2).masked_fill(tokens == 0, -1e9).softmax(1)
        return self.caption_tower((self.words(tokens) * shares[:, :, None]).sum(1))

    def embed_picture(self, features: Tensor) -> Tensor:
        """float [B, d] → [B, 128]."""
        return self.embed_principal(self.principal(features))

    def embed_principal(self, values: Tensor) -> Tensor:
        """The same from what `principal` makes of the features."""
        return self.picture_tower(values)


@dataclass(frozen=True, eq=False)
class Matchers:
    """The five, and which of them may judge a picture and its caption."""

    folds: np.ndarray  #: int64 [N]: of each picture the matcher that has seen nothing of its concept
    captions: np.ndarray  #: int64 [N, L]: main captions as tokens; equal captions have equal rows
    matchers: list[Matcher]

    @torch.no_grad()
    def scores(self, features: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float32 [B, B] twice: [i, j] is of the caption at places[i] and the picture with features[j].

        In the first one caption i's matcher judges; in the second one that of the caption which picture j is to show.
        """
        by_caption, by_picture = np.empty((2, len(places), len(places)), np.float32)
        for fold, matcher in enumerate(self.matchers):
            words = matcher.embed_caption(torch.from_numpy(self.captions[places]))
            found = sentence_scores(words, matcher.embed_picture(torch.from_numpy(features))).numpy()
            own = self.folds[places] == fold
            by_caption[own], by_picture[:, own] = found[own], found[:, own]
        return by_caption, by_picture


def train_matchers(
    pictures: CaptionedDataset, places: np.ndarray, features: np.ndarray, extractor: Extractor
) -> Matchers:
    """Matchers that learn from the real pictures at these places, or come from the cache if they did so before.

    features: float32 [len(places), d], what the extractor makes of them.
    The same arguments give the same matchers, to the bit on one kind of machine.
    Raises AttnGANError if the pictures show one concept alone.
    """
    names, concepts = np.unique(pictures.captions.concepts, return_inverse=True)
    if len(names) < _FOLDS:
        raise AttnGANError(
            "--data", f"its pictures show {len(names)} concepts", f"telling them apart needs {_FOLDS} or more"
        )
    folds = (np.random.default_rng(0).permutation(len(names)) % _FOLDS)[concepts]
    tokenizer = _build_vocabulary(pictures.captions)
    captions = tokenizer.encode([texts[0] for texts in pictures.captions.texts]).ids
    seen = [np.flatnonzero(folds[places] != fold) for fold in range(_FOLDS)]
    matchers = [_build(tokenizer.size, features.shape[1], len(some)) for some in seen]
    sizes = [len(parameters_to_vector(matcher.parameters())) for matcher in matchers]

    def learn() -> np.ndarray:
        said = Conditions(pictures, tokenizer)
        for matcher, some in zip(progress(matchers, "learning", "matchers"), seen, strict=True):
            _learn(matcher, features[some], places[some], captions, said)
        return torch.cat([parameters_to_vector(matcher.parameters()) for matcher in matchers]).detach().numpy()[None]

    values = load_or_make(extractor, pictures, places, 1, learn, f"matchers {VERSION}")
    for matcher, own in zip(matchers, torch.from_numpy(values[0].copy()).split(sizes), strict=True):
        vector_to_parameters(own, matcher.parameters())
        matcher.eval().requires_grad_(False)
    return Matchers(folds, captions, matchers)


def _build_vocabulary(captions: Captions) -> Tokenizer:
    """Every word of the captions and tags."""
    return Tokenizer.from_json(build_tokenizer(dict.fromkeys(captions.all_texts()), _LENGTH), "the words of --data")


def _build(words: int, values: int, pictures: int) -> Matcher:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Matcher(words, values, min(_PRINCIPAL, values, pictures))


def _learn(matcher: Matcher, features: np.ndarray, places: np.ndarray, captions: np.ndarray, said: Conditions) -> None:
    """Trains on pictures with features [B, d], at `places` of those that captions [N, L] and `said` are about."""
    _set_principal(matcher.principal, features)
    seen = matcher.principal(torch.from_numpy(features))
    _, same = np.unique(captions[places], axis=0, return_inverse=True)
    alike = torch.from_numpy(same.reshape(-1))
    parameters = [parameter for parameter in matcher.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=_DECAY)
    random, order = np.random.default_rng(0), np.empty(0, np.int64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # of dropout
        for step in range(_STEPS):
            while len(order) < min(_BATCH, len(places)):
                order = np.concatenate([order, random.permutation(len(places))])
            chosen, order = order[:_BATCH], order[_BATCH:]
            called = said.draw(places[chosen], random.integers(2**32, size=len(chosen)), always=True)[:, 1:]
            words = matcher.embed_caption(torch.from_numpy(called[:, : max((called != 0).sum(1).max(), 1)]))
            scores = sentence_scores(words, matcher.embed_principal(seen[chosen]))
            loss = damsm_loss(_SHARPNESS * scores, alike[chosen][:, None] == alike[chosen])
            for group in optimizer.param_groups:
                group["lr"] = _RATE * (0.5 + 0.5 * math.cos(math.pi * step / _STEPS))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()


def _set_principal(layer: nn.Linear, features: np.ndarray) -> None:
    """Features less their mean, along their principal axes, each scaled by its spread but the smallest ones."""
    values = features.astype(np.float64)
    variances, axes = np.linalg.eigh(np.cov(values.T).reshape(values.shape[1], -1))
    variances, axes = variances[::-1][: layer.out_features], axes[:, ::-1][:, : layer.out_features]
    weight = axes.T / np.sqrt(variances + variances[-1] + 1e-6 * variances[0] + 1e-12)[:, None]
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(-weight @ values.mean(0)))
