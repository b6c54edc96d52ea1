"""A generator of a fourth task, which no package knows, with its command; numbers_bundle.py has its bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import click
import numpy as np

from attngan_runtime import AttnGANError, Bundle, Generator
from attngan_runtime.generators.base import Parameter, Reply

WIDTH = 16
OPTIONS = (click.Option(["--numbers"], multiple=True, help="Numbers: sixteen of them, such as 1,2,3."),)


class NumbersGenerator(Generator):
    """A generator of numbers."""

    makes, verb = "numbers", "double"
    PARAMETERS: ClassVar = {"numbers": Parameter("numbers", str, "numbers")}

    def run(self, numbers: Any) -> np.ndarray:
        """float32 [B, 16] of as many."""
        rows = np.asarray(numbers, np.float32)
        if rows.shape[1:] != (WIDTH,):
            raise AttnGANError("numbers", f"{rows.shape[-1]} of them", f"give {WIDTH}")
        return np.concatenate([found for _, (found,) in self._batches({"numbers": rows}, ["twice"], 2)])

    def reply(self, **arguments: Any) -> Reply:
        (row,) = self.run([numbers_of(arguments["numbers"])])
        return Reply(json.dumps(row.tolist()).encode(), "application/json")

    def about(self) -> dict[str, Any]:
        return {"width": WIDTH}


def numbers_of(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def run(bundle: Bundle, seeds: Any, provider: str, out: Path | None, *, numbers: tuple[str, ...]) -> None:
    """What `attngan-run` does."""
    generator = NumbersGenerator.open(bundle, providers=provider)
    for row in generator.run([numbers_of(text) for text in numbers]):
        click.echo(",".join(f"{value:g}" for value in row))
