"""What is asked of a bundle of each task while it is measured. Without torch, for bundles run without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

PROMPT = "red heart"  #: what generators from words draw here; words that one doesn't know take it as long
KEYWORDS = "dog, beach, ball"  #: what sentences are about
SENTENCES = 16  #: written for each figure, since some are longer than others

Seeds = Sequence[int]


class Workload:
    """What a user asks for until it is in hand: words become tokens, and what the graph gives pictures or text.

    Pictures without words, of one class after another where there are some.
    """

    sample: ClassVar[str] = "image"  #: what is in hand then, one of it
    other: ClassVar[str] = "draws other pictures"  #: what other weights do
    tries_sdpa: ClassVar[bool] = False  #: whether torch's own attention is tried too

    def calls(self, batch: int) -> list[Seeds]:
        """The seeds of each call that a figure is a mean of."""
        return [range(batch)]

    def arguments(self, generator: Any, seeds: Seeds) -> dict[str, Any]:
        """What `attngan_runtime.Generator.run` is given for so many samples."""
        if generator.z_dim:
            return {"z": np.ones((len(seeds), generator.z_dim), np.float32)}
        return {"seeds": seeds}

    def conditions(self, generator: Any, batch: int) -> np.ndarray | None:
        """What `attngan.generators.LoadedGenerator.sample` is given beside so many seeds."""
        return np.zeros(batch, np.int64) if generator.choice_names else None

    def tokens(self, generator: Any) -> float | None:
        """In a sample of those that `calls` asks for, a mean; None where samples are no tokens."""
        return None


class PromptWorkload(Workload):
    """Pictures of `PROMPT`."""

    def arguments(self, generator: Any, seeds: Seeds) -> dict[str, Any]:
        return super().arguments(generator, seeds) | {"prompts": [PROMPT] * len(seeds)}

    def conditions(self, generator: Any, batch: int) -> np.ndarray:
        from attngan.generators.text_to_image import prompt_conditions

        return prompt_conditions(generator.tokenizer.encode([PROMPT] * batch), None)


class SentenceWorkload(Workload):
    """`SENTENCES` sentences about `KEYWORDS`, with every token to choose from."""

    sample, other, tries_sdpa = "sentence", "writes other sentences", True

    def calls(self, batch: int) -> list[Seeds]:
        return [range(start, start + batch) for start in range(0, SENTENCES, batch)]

    def arguments(self, generator: Any, seeds: Seeds) -> dict[str, Any]:
        return {"seeds": seeds, "keywords": [KEYWORDS] * len(seeds)}

    def conditions(self, generator: Any, batch: int) -> np.ndarray:
        return generator.read_keywords([KEYWORDS] * batch).ids

    def tokens(self, generator: Any) -> float:
        """Their ends among them."""
        tokens = generator.write(**self.arguments(generator, range(SENTENCES))).tokens
        return float((tokens > 0).sum(1).mean())
