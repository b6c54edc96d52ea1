"""Generators that draw: seeds, and what a picture is to show, in; pictures out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from attngan_runtime.bundle import Bundle
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.base import Generator, Parameter, Reply, Seeds, Strength, warn
from attngan_runtime.generators.inputs import (
    class_numbers,
    name_or_number,
    seed_numbers,
    style_numbers,
    truncations,
    z_values,
)
from attngan_runtime.generators.pixels import to_uint8
from attngan_runtime.tokenizers.prompts import Tokenizer, Tokens

Classes = int | str | Iterable[int | str] | np.ndarray
Prompts = str | Iterable[str]

_BATCH = 64  # pictures a call up to 64×64, fewer above: bounds the memory of activations


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

    makes, verb = "pictures", "draw"
    PARAMETERS: ClassVar = {
        "seed": Parameter("seed", int, "seeds"),
        "class": Parameter("class", str, "classes"),
        "truncation": Parameter("truncation", float, "truncation"),
    }

    def __init__(self, bundle: Bundle, tokenizer: Tokenizer | None, session: Any) -> None:
        self.classes, self.styles = bundle.classes, bundle.styles
        self.channels, self.height, self.width = bundle.shape
        self.z_dim = bundle.z_dim
        self._outputs = {given["name"]: tuple(given["shape"][1:]) for given in bundle.outputs}
        super().__init__(bundle, tokenizer, session)

    def run(
        self, seeds: Seeds | None = None, classes: Classes | None = None, truncation: Strength = 1.0,
        z: np.ndarray | None = None, *, prompts: Prompts | None = None, style: Classes | None = None,
    ) -> np.ndarray:  # fmt: skip
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
        return self._pictures(feeds)

    def run_float(
        self, seeds: Seeds | None = None, classes: Classes | None = None, truncation: Strength = 1.0,
        z: np.ndarray | None = None, *, prompts: Prompts | None = None, style: Classes | None = None,
    ) -> np.ndarray:  # fmt: skip
        """The graph's own output, float32 [B, C, H, W] in [−1, 1], for the same arguments as `run`."""
        feeds, tokens = self._feeds(seeds, classes, truncation, z, prompts, style)
        warn(tokens.warnings() if tokens else ())
        return np.concatenate([pictures for (pictures,) in self._parts(feeds)])

    def attention(
        self, prompts: Prompts, seeds: Seeds | None = None, truncation: Strength = 1.0, z: np.ndarray | None = None,
        style: Classes | None = None,
    ) -> Attended:  # fmt: skip
        """Pictures as `run` draws them, with one map for each word of their prompts.

        Raises AttnGANError as `run` does, and if the bundle was exported without `--attention`.
        """
        raise AttnGANError("attention", f"{self.name} gives none", "export a generator from words with --attention")

    def reply(self, **arguments: Any) -> Reply:
        """A PNG; what can't be read in its prompt stands in the header X-Warnings, a JSON list."""
        from attngan_runtime.generators.grid import encode_png  # with Pillow: 20 ms, which a library does not wait for

        for argument, names in (("classes", self.classes), ("style", self.styles)):
            if argument in arguments:
                arguments[argument] = name_or_number(arguments[argument], names)
        feeds, tokens = self._feeds(**arguments)
        (picture,) = self._pictures(feeds)
        return Reply(encode_png(picture), "image/png", {"X-Warnings": json.dumps(tokens.warnings() if tokens else [])})

    def about(self) -> dict[str, Any]:
        return {"width": self.width, "height": self.height, "channels": self.channels}

    def check_prompts(self, prompts: Sequence[str]) -> None:
        """Raises AttnGANError for prompts on a command line that can't be read, are missing or of no use."""
        if prompts:
            raise AttnGANError(f"prompt '{prompts[0][:40]}'", f"{self.name} draws without words", "leave it out")

    def _feeds(
        self, seeds: Any = None, classes: Any = None, truncation: Any = 1.0, z: Any = None, prompts: Any = None,
        style: Any = None,
    ) -> tuple[dict[str, np.ndarray], Tokens | None]:  # fmt: skip
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
        return self._as_many(feeds), tokens

    def _tokens(self, prompts: Any) -> Tokens | None:
        if prompts is not None:
            raise AttnGANError("prompts", f"{self.name} draws without words", "leave them out")
        return None

    def _pictures(self, feeds: dict[str, np.ndarray]) -> np.ndarray:
        """uint8 [B, H, W, C]."""
        return np.concatenate([to_uint8(pictures) for (pictures,) in self._parts(feeds)])

    def _parts(self, feeds: dict[str, np.ndarray], count: int = 1) -> Iterator[list[np.ndarray]]:
        """The first `count` of the graph's outputs, some pictures at a time."""
        outputs = dict(list(self._outputs.items())[:count])
        # Maps are as many as words, pictures as deep as four channels.
        places = max(self.height * self.width, *(math.prod(shape) // 4 for shape in outputs.values()))
        for rows, drawn in self._batches(feeds, list(outputs), max(1, min(_BATCH, _BATCH * 64 * 64 // places))):
            for values, shape in zip(drawn, outputs.values(), strict=True):
                if values.shape != (rows, *shape) or values.dtype != np.float32:
                    raise AttnGANError(
                        self.name, f"drew {values.dtype} {values.shape}, not what its sidecar says", "export it again"
                    )
                if not np.isfinite(values).all():
                    raise AttnGANError(self.name, "drew NaN or infinity", "export it again")
            yield drawn
