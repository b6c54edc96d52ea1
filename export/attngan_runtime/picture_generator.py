"""A generator that draws: seeds, and what a picture is to show, in; pictures out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from attngan_runtime.bundle import Bundle
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generator import Generator, Seeds, Strength, warn
from attngan_runtime.inputs import (
    as_many,
    class_numbers,
    prompt_texts,
    seed_numbers,
    style_numbers,
    truncations,
    z_values,
)
from attngan_runtime.pixels import to_uint8
from attngan_runtime.tokens import Tokenizer, Tokens

Classes = int | str | Iterable[int | str] | np.ndarray
Prompts = str | Iterable[str]

_BATCH = 64  # pictures a call up to 64×64, fewer above: bounds the memory of activations
_ARGUMENTS = {"seed": "seeds", "class": "classes", "tokens": "prompts", "mask": "prompts"}  # where it isn't the input


@dataclass(frozen=True, eq=False)
class Attended:
    """Pictures, and where in them each word was looked at."""

    pictures: np.ndarray  #: uint8 [B, H, W, C], as `PictureGenerator.run` gives them
    maps: np.ndarray  #: float32 [B, L, h, w]: each word's share of every place; their sum is 1, or 0 without words
    words: tuple[tuple[str, ...], ...]  #: maps[i, j] belongs to words[i][j], as the user wrote it; maps beyond are 0


class PictureGenerator(Generator):
    """A generator of pictures; make one with `Generator.load`.

    name: such as `fashion-32`. classes, styles: names in the order of their numbers, empty where there are none.
    channels, height, width: of a picture. z_dim: numbers in a z, 0 if it draws from seeds.
    tokenizer: what reads prompts (`tokenizer.length` words each); None if it draws without words.
    """

    makes, _verb = "pictures", "draw"

    def __init__(self, bundle: Bundle, tokenizer: Tokenizer | None, session: Any) -> None:
        self.classes, self.styles = bundle.classes, bundle.styles
        self.channels, self.height, self.width = bundle.shape
        self.z_dim = bundle.z_dim
        self.tokenizer = tokenizer
        output, attention = bundle.sidecar["output"], bundle.sidecar.get("attention")
        self._outputs = {output["name"]: bundle.shape}
        if attention:
            self._outputs[attention["name"]] = tuple(attention["shape"][1:])
        super().__init__(bundle, session, list(self._outputs))

    def run(
        self,
        seeds: Seeds | None = None,
        classes: Classes | None = None,
        truncation: Strength = 1.0,
        z: np.ndarray | None = None,
        *,
        prompts: Prompts | None = None,
        style: Classes | None = None,
    ) -> np.ndarray:
        """Pictures uint8 [B, H, W, C]: C is 1 grey, 3 RGB or 4 RGBA with straight alpha.

        seeds: 0 … 2³²−1; the same seed, class, prompt, style and truncation give the same picture.
        classes: numbers or names; without them picture i is of class i modulo the number of classes.
        truncation: 0 … 2 multiplies z; below 1 draws more typical pictures, 1 changes nothing.
        z: float [B, z_dim], in place of seeds where the bundle was exported with `--input z`.
        prompts: what to draw, for a generator that draws from words; what it can't read in them is a UserWarning.
        style: a number or name, where it has styles; 0 if not given.
        One value serves all pictures; several must be as many as the pictures. Raises AttnGANError otherwise.
        """
        feeds, tokens = self._feeds(seeds, classes, truncation, z, prompts, style)
        warn(tokens.warnings() if tokens else ())
        return np.concatenate([to_uint8(pictures) for (pictures,) in self._parts(feeds)])

    def run_float(
        self,
        seeds: Seeds | None = None,
        classes: Classes | None = None,
        truncation: Strength = 1.0,
        z: np.ndarray | None = None,
        *,
        prompts: Prompts | None = None,
        style: Classes | None = None,
    ) -> np.ndarray:
        """The graph's own output, float32 [B, C, H, W] in [−1, 1], for the same arguments as `run`."""
        feeds, tokens = self._feeds(seeds, classes, truncation, z, prompts, style)
        warn(tokens.warnings() if tokens else ())
        return np.concatenate([pictures for (pictures,) in self._parts(feeds)])

    def attention(
        self,
        prompts: Prompts,
        seeds: Seeds | None = None,
        truncation: Strength = 1.0,
        z: np.ndarray | None = None,
        style: Classes | None = None,
    ) -> Attended:
        """Pictures as `run` draws them, with one map for each word of their prompts.

        Raises AttnGANError as `run` does, and if the bundle was exported without `--attention`.
        """
        if len(self._outputs) == 1:
            raise AttnGANError("attention", f"{self.name} gives none", "export a generator from words with --attention")
        feeds, tokens = self._feeds(seeds, None, truncation, z, prompts, style)
        warn(tokens.warnings() if tokens else ())
        words = () if tokens is None else tokens.words
        parts = list(self._parts(feeds, with_attention=True))
        pictures, maps = np.concatenate([to_uint8(part[0]) for part in parts]), [part[1] for part in parts]
        return Attended(pictures, np.concatenate(maps), words * len(pictures) if len(words) == 1 else words)

    def _feeds(
        self, seeds: Any, classes: Any, truncation: Any, z: Any, prompts: Any = None, style: Any = None
    ) -> tuple[dict[str, np.ndarray], Tokens | None]:
        """The graph's inputs, all of one length, and what became of the prompts; None without words."""
        tokens = self._tokens(prompts)
        feeds = {"truncation": truncations(truncation)}
        if tokens is not None:
            feeds |= {"tokens": tokens.ids, "mask": tokens.mask}
        if self.z_dim:
            feeds["z"] = z_values(z, seeds, self.z_dim)
        else:
            feeds["seed"] = seed_numbers(seeds, z)
        if self.classes and classes is not None:
            feeds["class"] = class_numbers(classes, self.classes)
        elif classes is not None:
            raise AttnGANError("classes", f"{self.name} has no classes", "leave them out")
        if style is not None and not self.styles:
            raise AttnGANError("style", f"{self.name} has no styles to choose from", "leave it out")
        if self.styles:
            feeds["style"] = style_numbers(0 if style is None else style, self.styles)
        if self.classes and classes is None:
            feeds["class"] = np.arange(max(map(len, feeds.values())), dtype=np.int64) % len(self.classes)
        return as_many(feeds, _ARGUMENTS, "pictures"), tokens

    def _tokens(self, prompts: Any) -> Tokens | None:
        if self.tokenizer is None:
            if prompts is not None:
                raise AttnGANError("prompts", f"{self.name} draws without words", "leave them out")
            return None
        if prompts is None:
            raise AttnGANError(
                "prompts", f"none given, and {self.name} draws what words say", "pass prompts='red heart'"
            )
        return self.tokenizer.encode(prompt_texts(prompts))

    def _parts(self, feeds: dict[str, np.ndarray], with_attention: bool = False) -> Iterator[list[np.ndarray]]:
        """What the graph gives, some pictures at a time: [pictures], or [pictures, maps]."""
        outputs = dict(list(self._outputs.items())[: 2 if with_attention else 1])
        # Maps are as many as words, pictures as deep as four channels.
        places = max(self.height * self.width, *(math.prod(shape) // 4 for shape in outputs.values()))
        for count, drawn in self._batches(feeds, list(outputs), max(1, min(_BATCH, _BATCH * 64 * 64 // places))):
            for values, shape in zip(drawn, outputs.values(), strict=True):
                if values.shape != (count, *shape) or values.dtype != np.float32:
                    raise AttnGANError(
                        self.name, f"drew {values.dtype} {values.shape}, not what its sidecar says", "export it again"
                    )
                if not np.isfinite(values).all():
                    raise AttnGANError(self.name, "drew NaN or infinity", "export it again")
            yield drawn
