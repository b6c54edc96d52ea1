"""Loaded generators of pictures from words."""

from __future__ import annotations

from typing import Any

import numpy as np

from attngan.checkpoint import read_tokenizer
from attngan.data.conditioning import Conditions
from attngan.generators.base import Seeds, check_vocabulary
from attngan.generators.image import LoadedImageGenerator, OnnxImageGenerator, TorchImageGenerator
from attngan.generators.source import Source
from attngan_runtime.bundle import TOKENIZER
from attngan_runtime.generators.pixels import to_uint8
from attngan_runtime.tokenizers.prompts import Tokenizer, Tokens


class LoadedTextToImageGenerator(LoadedImageGenerator):
    """Conditions are int64 [B, 1 + L]: the style, then the words as tokens, 0 where there is none."""

    choices = "styles"
    tokenizer: Tokenizer

    def conditions_of(self, dataset: Any) -> np.ndarray:
        """Of the pictures' main captions, in their styles."""
        return Conditions(dataset, self.tokenizer).main(np.arange(len(dataset)))

    def choice_names_of(self, dataset: Any) -> list[str]:
        names: list[str] = dataset.style_names
        return names


class TorchTextToImageGenerator(LoadedTextToImageGenerator, TorchImageGenerator):
    """In PyTorch."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        path = source.folder / TOKENIZER
        self.tokenizer = Tokenizer.from_json(read_tokenizer(source.folder), str(path))
        check_vocabulary(source, self.tokenizer)


class OnnxTextToImageGenerator(LoadedTextToImageGenerator, OnnxImageGenerator):
    """A bundle under ONNX Runtime."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.choice_names = list(self.runtime.styles)

    def sample(
        self, seeds: Seeds, conditions: np.ndarray | None = None, truncation: float = 1.0, **strength: Any
    ) -> np.ndarray:
        """Captions go into the graph as tokens, so that none is read twice."""
        assert conditions is not None
        tokens = conditions[:, 1:]
        feeds = {"tokens": tokens, "mask": (tokens > 0).astype(np.int64), "seed": np.asarray(seeds, np.int64)}
        feeds["truncation"] = np.full(len(feeds["seed"]), truncation, np.float32)
        if self.choice_names:
            feeds["style"] = conditions[:, 0]
        return to_uint8(self.runtime.session.run(None, feeds)[0])


def prompt_conditions(tokens: Tokens, style: int | None) -> np.ndarray:
    """int64 [B, 1 + L] of prompts in one style; None is style 0."""
    return np.concatenate([np.full((len(tokens.ids), 1), style or 0, np.int64), tokens.ids], 1)


def load_torch(source: Source) -> LoadedTextToImageGenerator:
    return TorchTextToImageGenerator(source)


def load_onnx(source: Source) -> LoadedTextToImageGenerator:
    return OnnxTextToImageGenerator(source)
