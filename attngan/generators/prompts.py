"""Prompts as the conditions of a generator that draws from words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attngan.checkpoint import LoadedGenerator
from attngan.errors import AttnGANError
from attngan_runtime.tokenizers.prompts import Tokens


def read_prompts(generator: LoadedGenerator, prompts: Sequence[str]) -> tuple[Tokens, list[str]]:
    """The tokens of prompts, and a line for each thing that won't be drawn: unknown words, words too many.

    Raises AttnGANError if the generator doesn't draw from words, and for prompts that are no text.
    """
    if generator.tokenizer is None:
        raise AttnGANError(prompts[0], f"{generator.name} does not draw from words", "leave prompts out")
    tokens = generator.tokenizer.encode(prompts)
    return tokens, tokens.warnings()


def conditions(tokens: Tokens, style: int | None) -> np.ndarray:
    """int64 [B, 1 + L] of prompts in one style; None is style 0."""
    return np.concatenate([np.full((len(tokens.ids), 1), style or 0, np.int64), tokens.ids], 1)
