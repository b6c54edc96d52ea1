"""Generators that write: seeds, and what a sentence is to be about, in; sentences out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from attngan_runtime.bundle import Bundle
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.base import Generator, Parameter, Reply, Seeds, Strength, warn
from attngan_runtime.generators.inputs import seed_numbers, temperatures, texts, top_ks, top_ps
from attngan_runtime.tokenizers.sentences import END, KeyWords, SentenceTokenizer
from attngan_runtime.tokenizers.word_level import PADDING

_BATCH = 64  # sentences a call: the graph keeps what each has said so far, for every layer and place
_OUTPUTS = ("tokens", "log_probability")


@dataclass(frozen=True, eq=False)
class Written:
    """Sentences, and how likely the generator held each of their tokens to be."""

    sentences: list[str]
    tokens: np.ndarray  #: int64 [B, L]: a sentence's tokens, 2 where it ends within L, then 0
    log_probability: np.ndarray  #: float32 [B, L]: natural logarithm, at temperature 1 and of all words; then 0


class SentenceGenerator(Generator):
    """A generator of sentences; make one with `Generator.load`.

    name: such as `captions`. keywords: key words of a sentence at most. length: its tokens at most, its end among them.
    tokenizer: what reads key words and writes sentences.
    """

    makes, verb = "sentences", "write"
    PARAMETERS: ClassVar = {
        "keywords": Parameter("keywords", str, "keywords"),
        "seed": Parameter("seed", int, "seeds"),
        "temperature": Parameter("temperature", float, "temperature"),
        "top_k": Parameter("top_k", int, "top_k"),
        "top_p": Parameter("top_p", float, "top_p"),
    }

    def __init__(self, bundle: Bundle, tokenizer: SentenceTokenizer, session: Any) -> None:
        self.keywords, self.length = bundle.keywords, bundle.length
        super().__init__(bundle, tokenizer, session)

    def run(
        self, seeds: Seeds | None = None, *, keywords: str | Iterable[str] | None = None, temperature: Strength = 1.0,
        top_k: int | Iterable[int] | np.ndarray = 0, top_p: Strength = 1.0,
    ) -> list[str]:  # fmt: skip
        """Sentences in lower case.

        seeds: 0 … 2³²−1; the same seed, key words and sampling give the same sentence.
        keywords: what a sentence is to be about, in one string such as "dog, beach, ball"; their order and case don't
        count. Without them sentences are about anything. What is unknown or too many is a UserWarning.
        temperature: 0.05 … 5 divides the logits; below 1 writes likelier sentences, 1 changes nothing.
        top_k: 0 … V, draws from the so many likeliest tokens alone; 1 = always the likeliest, 0 = all of them.
        top_p: above 0 … 1, draws from the likeliest tokens that have this much probability together; 1 = all of them.
        One value serves all sentences; several must be as many as the sentences. Raises AttnGANError otherwise.
        """
        feeds, words = self._feeds(seeds, keywords, temperature, top_k, top_p)
        warn(words.warnings() if words else ())
        return [sentence for tokens, _ in self._parts(feeds) for sentence in self._sentences(tokens)]

    def write(
        self, seeds: Seeds | None = None, *, keywords: str | Iterable[str] | None = None, temperature: Strength = 1.0,
        top_k: int | Iterable[int] | np.ndarray = 0, top_p: Strength = 1.0,
    ) -> Written:  # fmt: skip
        """Sentences as `run` writes them, with their tokens and how likely each was."""
        feeds, words = self._feeds(seeds, keywords, temperature, top_k, top_p)
        warn(words.warnings() if words else ())
        tokens, log_probability = (np.concatenate(rows) for rows in zip(*self._parts(feeds), strict=True))
        return Written(self._sentences(tokens), tokens, log_probability)

    def reply(self, **arguments: Any) -> Reply:
        """JSON: the sentence, and what of its key words it isn't about."""
        keywords = arguments.pop("keywords", "").strip() or None
        feeds, words = self._feeds(keywords=keywords, **arguments)
        ((tokens, _),) = self._parts(feeds)
        (sentence,) = self._sentences(tokens)
        answer = {"sentence": sentence, "warnings": words.warnings() if words else []}
        return Reply(json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode(), "application/json")

    def _feeds(
        self, seeds: Any = None, keywords: Any = None, temperature: Any = 1.0, top_k: Any = 0, top_p: Any = 1.0
    ) -> tuple[dict[str, np.ndarray], KeyWords | None]:
        """The graph's inputs, all of one length, and what became of the key words; None without any."""
        words = None if keywords is None else self.tokenizer.key_words(texts("keywords", keywords), self.keywords)
        nothing = np.full((1, self.keywords), PADDING, np.int64)
        feeds = {
            "keywords": words.ids if words else nothing,
            "mask": words.mask if words else nothing,
            "seed": seed_numbers(seeds),
            "temperature": temperatures(temperature),
            "top_k": top_ks(top_k, self.tokenizer.size),
            "top_p": top_ps(top_p),
        }
        return self._as_many(feeds), words

    def _parts(self, feeds: dict[str, np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(tokens, log_probability), some sentences at a time."""
        for count, (tokens, log_probability) in self._batches(feeds, _OUTPUTS, _BATCH):
            problem = self._problem(tokens, log_probability, (count, self.length))
            if problem:
                raise AttnGANError(self.name, f"wrote {problem}, not what its sidecar says", "export it again")
            yield tokens, log_probability

    def _problem(self, tokens: np.ndarray, log_probability: np.ndarray, shape: tuple[int, int]) -> str | None:
        """What of the graph's outputs are no sentences; None if all are."""
        for values, kind in ((tokens, np.int64), (log_probability, np.float32)):
            if values.shape != shape or values.dtype != kind:
                return f"{values.dtype} {list(values.shape)}"
        if tokens.min() < 0 or tokens.max() >= self.tokenizer.size:
            return f"tokens {tokens.min()} to {tokens.max()}"
        special = np.cumsum(tokens <= END, 1)  # none before the end, which is the first of them; then padding alone
        if (tokens != np.where(special == 0, tokens, np.where(special == 1, END, PADDING))).any():
            return "padding or unknown words within a sentence"
        return None if (log_probability <= 0).all() else "log probabilities that are not at most 0"

    def _sentences(self, tokens: np.ndarray) -> list[str]:
        return [self.tokenizer.sentence(row) for row in tokens.tolist()]
