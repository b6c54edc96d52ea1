"""How picture files become arrays: what a run keeps, so that all its pictures are read alike; and what that did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

from attngan.data.depth import Kind, choose_scale

Fit = Literal["crop", "pad", "stretch"]
Scale = tuple[float, ...]  # (black, white), (black, white, opaque) with an alpha of few bits, () where none is fixed


@dataclass(frozen=True)
class Reading:
    """How pictures are read, one way for a whole set."""

    fit: Fit = "crop"  #: of pictures that are not square: their centre, all of them with a border, or all distorted
    integers: Scale = ()  #: values shown black and white in pictures of more than 8 bits a channel; () = not fixed yet
    floats: Scale = ()  #: the same of pictures whose values are floats

    def scale(self, kind: Kind) -> Scale:
        return self.integers if kind == "integers" else self.floats

    def describe(self) -> str:
        """`0 to 4095`, or `integers 0 to 4095 and floats 0 to 1`."""
        shown = {name: f"{scale[0]:.6g} to {scale[1]:.6g}" for name, scale in self._scales().items() if scale}
        if len(shown) < 2:
            return "".join(shown.values())
        return " and ".join(f"{name} {span}" for name, span in shown.items())

    def _scales(self) -> dict[Kind, Scale]:
        return {"integers": self.integers, "floats": self.floats}

    def fix(self, spans: Mapping[Kind, tuple[float, float, float]]) -> Self:
        """The same with scales for these kinds, from the lowest and highest value and the highest alpha of each."""
        scales = self._scales() | {kind: choose_scale(kind, *span) for kind, span in spans.items()}
        return replace(self, integers=scales["integers"], floats=scales["floats"])


UNFIXED = Reading()


@dataclass(frozen=True)
class Account:
    """How many pictures of a set were changed by being read."""

    oblong: int = 0  #: not square
    deep: int = 0  #: of more than 8 bits a channel
    clipped: int = 0  #: of these with values beyond the scale
    unprofiled: int = 0  #: with a colour profile that can't be used

    def describe(self, reading: Reading, channels: int) -> list[str]:
        """A part of the `data:` line for each of these that there are, and for a fit that isn't the usual one."""
        said = []
        if self.oblong or reading.fit != "crop":
            done = {
                "crop": "cropped",
                "pad": f"padded {'transparent' if channels == 4 else 'white'}",
                "stretch": "stretched",
            }
            said.append(f"{self.oblong:,} not square, {done[reading.fit]}")
        if self.deep:
            said.append(f"{self.deep:,} of more than 8 bits, {reading.describe()} as black to white")
        if self.clipped:
            said.append(f"{self.clipped:,} reach beyond and are cut off there")
        if self.unprofiled:
            said.append(f"{self.unprofiled:,} with a colour profile that can't be used, ignored")
        return said


NOTHING = Account()
