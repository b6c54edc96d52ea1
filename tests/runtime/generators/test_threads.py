"""One session, many threads: a picture or sentence is the same bits whoever else is drawing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from attngan_runtime import Generator
from attngan_runtime.bundle import shipped_names

THREADS = 16


def asked(name: str, call: int) -> dict[str, Any]:
    """Arguments that differ from call to call, in number too."""
    seeds = [call * 7 + i for i in range(1 + call % 3)]
    if name == "captions":
        keywords = ["dog, beach", "man", "a red bus", ""][call % 4]
        return {
            "seeds": seeds[:2],
            "keywords": keywords or None,
            "temperature": 0.7 + call % 4 / 5,
            "top_k": call % 3 * 5,
        }
    if name == "emoji-64":
        prompts = ["red heart", "green dragon", "face with tears of joy", "cat"][call % 4]
        return {"seeds": seeds, "prompts": prompts, "truncation": 1 - call % 2 / 4}
    return {"seeds": seeds, "classes": call % 10, "truncation": 1 - call % 2 / 4}


def made(generator: Any, arguments: dict[str, Any]) -> list[bytes]:
    """The bits of the graph's own outputs."""
    if generator.makes == "sentences":
        written = generator.write(**arguments)
        return [written.tokens.tobytes(), written.log_probability.tobytes()]
    return [np.asarray(generator.run_float(**arguments)).tobytes()]


@pytest.mark.parametrize("name", shipped_names())
def test_sixteen_threads_get_the_bits_that_one_gets(name: str) -> None:
    generator = Generator.load(name)
    calls = [asked(name, call) for call in range(THREADS)]
    alone = [made(generator, arguments) for arguments in calls]
    assert len({bits[0] for bits in alone}) == THREADS
    together = threading.Barrier(THREADS)

    def draw(call: int) -> list[list[bytes]]:
        together.wait(timeout=60)
        # Each thread starts elsewhere, so that the same call runs beside others in the second round.
        return [made(generator, calls[(call + shift) % THREADS]) for shift in (0, 5)]

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(draw, range(THREADS)))
    for call, rounds in enumerate(found):
        assert rounds == [alone[call], alone[(call + 5) % THREADS]]
