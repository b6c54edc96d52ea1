"""Generators that draw what words say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.base import Parameter, Reply, Seeds, Strength, warn
from attngan_runtime.generators.image import Attended, Classes, PictureGenerator, Prompts
from attngan_runtime.generators.inputs import texts
from attngan_runtime.generators.pixels import to_uint8
from attngan_runtime.tokenizers.prompts import Tokenizer, Tokens


class TextToImageGenerator(PictureGenerator):
    """A `PictureGenerator` of prompts and styles, with a map for each word where the bundle has them."""

    tokenizer: Tokenizer
    PARAMETERS: ClassVar = {
        **PictureGenerator.PARAMETERS,
        "tokens": Parameter("prompt", str, "prompts"),
        "style": Parameter("style", str, "style"),
    }

    def attention(
        self, prompts: Prompts, seeds: Seeds | None = None, truncation: Strength = 1.0, z: np.ndarray | None = None,
        style: Classes | None = None,
    ) -> Attended:  # fmt: skip
        if len(self._outputs) == 1:
            return super().attention(prompts)
        feeds, tokens = self._feeds(seeds, None, truncation, z, prompts, style)
        assert tokens is not None
        warn(tokens.warnings())
        parts = list(self._parts(feeds, count=2))
        pictures, maps = np.concatenate([to_uint8(part[0]) for part in parts]), [part[1] for part in parts]
        words = tokens.words
        return Attended(pictures, np.concatenate(maps), words * len(pictures) if len(words) == 1 else words)

    def reply(self, **arguments: Any) -> Reply:
        if "prompts" not in arguments:
            raise AttnGANError("prompt", f"none given, and {self.name} draws what words say", "add prompt=red+heart")
        return super().reply(**arguments)

    def check_prompts(self, prompts: Sequence[str]) -> None:
        if not prompts:
            raise AttnGANError("prompt", f"{self.name} draws what words say", "give some, such as --prompt 'red heart'")
        self.tokenizer.encode(prompts)

    def _tokens(self, prompts: Any) -> Tokens:
        if prompts is None:
            raise AttnGANError(
                "prompts", f"none given, and {self.name} draws what words say", "pass prompts='red heart'"
            )
        return self.tokenizer.encode(texts("prompts", prompts))
