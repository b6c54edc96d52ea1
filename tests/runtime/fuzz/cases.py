"""One case of fuzzing: a bundle made wrong by a seed, and what becomes of it. The same seed is the same case."""

from __future__ import annotations

import json
import re
import traceback
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnxruntime

from attngan_runtime import AttnGANError, Generator
from attngan_runtime.bundle import MODEL, SIDECAR, TOKENIZER
from tests.runtime.fuzz import mutate_bytes, mutate_json, mutate_onnx, texts
from tests.runtime.fuzz.bases import SMALL, Files, signed, unsigned, write

KINDS = ("damaged", "described", "graph")  #: classes (a), (b) and (c) of docs/trust.md
_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")
_WORDY = ("words", "writer")

Case = Callable[[], None]


def make(kind: str, seed: int, bases: Mapping[str, Files], folder: Path) -> tuple[str, Case]:
    """(what was changed, what must give a result or AttnGANError); writes the bundle into `folder`."""
    rng = Random(f"{kind} {seed}")
    return {"damaged": _damaged, "described": _described, "graph": _graph}[kind](rng, bases, folder)


def outcome(case: Case) -> dict[str, Any]:
    """`drew`, `refused` (AttnGANError of one line, and by whom), `out of memory` or `raised`, which is a failure."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            case()
        for warning in caught:
            if warning.category is not UserWarning or not _one_line(str(warning.message)):
                return {"outcome": "raised", "what": f"warned {warning.category.__name__} {warning.message!s:.300}"}
    except AttnGANError as error:
        if not _one_line(str(error)):
            return {"outcome": "raised", "what": f"a message that is not one line: {error!s:.300}"}
        return {"outcome": "refused", "by": _who(str(error)), "what": str(error)}
    except MemoryError:
        return {"outcome": "out of memory"}
    except BaseException:  # a Rust panic is no Exception
        return {"outcome": "raised", "what": traceback.format_exc()[-1500:]}
    return {"outcome": "drew"}


def _one_line(text: str) -> bool:
    return len(f"{text}x".splitlines()) == 1 and not _CONTROL.search(text)


def _who(message: str) -> str:
    if re.search("bad_alloc|bad allocation|Failed to allocate|MemoryError|bfc_arena", message):
        return "ONNX Runtime, for want of memory"
    if "ONNX Runtime failed" in message:
        return "ONNX Runtime, drawing"
    if "can't open it" in message or "its inputs or outputs can't be read" in message:
        return "ONNX Runtime, opening"
    if "the graph" in message or "not what its sidecar says" in message or "drew NaN" in message:
        return "the runtime, after opening"
    return "the runtime, before ONNX Runtime"


def _damaged(rng: Random, bases: Mapping[str, Files], folder: Path) -> tuple[str, Case]:
    """(a) Files changed in any way, their hashes not renewed."""
    name = rng.choice((*SMALL, *SMALL, *SMALL, *(name for name in bases if name not in SMALL)))
    files = dict(bases[name])
    file = rng.choice(sorted(files))
    others = [content for base in bases.values() for content in base.values() if content != files[file]]
    while _same(file, files[file], bases[name][file]):
        change, files[file] = mutate_bytes.mutated(rng, files[file])
        if rng.random() < 0.1:
            change, files[file] = "another's", rng.choice(others)
    write(folder, files)

    def case() -> None:
        def seen(*_: Any, **__: Any) -> None:
            raise AssertionError("ONNX Runtime was shown a damaged bundle")

        onnxruntime.InferenceSession = seen
        Generator.load(folder)
        raise AssertionError("a damaged bundle was opened")

    return f"{name}/{file}: {change}", case


def _same(file: str, changed: bytes, content: bytes) -> bool:
    """Whether they are equal but for the line ends that git changes on Windows."""
    if file == MODEL:
        return changed == content
    return changed.replace(b"\r\n", b"\n") == content.replace(b"\r\n", b"\n")


def _described(rng: Random, bases: Mapping[str, Files], folder: Path) -> tuple[str, Case]:
    """(b) Sidecars and tokenizers changed and hashed again, and whatever callers ask of a bundle that is intact."""
    kind = rng.choice(("sidecar", "sidecar", "tokenizer", "asked", "asked"))
    name = rng.choice(SMALL if kind != "tokenizer" else _WORDY)
    files = dict(bases[name])
    if kind == "asked":
        write(folder, files)
        asked = _asked(rng, name)
        return f"{name}: {asked!r:.500}", lambda: _draw(folder, asked)
    if kind == "tokenizer":
        files[TOKENIZER] = _changed(rng, json.loads(files[TOKENIZER])).encode("utf-8", "surrogatepass")
    text = _changed(rng, unsigned(files)) if kind == "sidecar" else mutate_json.written(unsigned(files))
    files[SIDECAR] = signed(text)
    write(folder, files)
    return f"{name}/{kind}", lambda: _draw(folder, _plain(name))


def _changed(rng: Random, value: Any) -> str:
    form = rng.random()
    text = mutate_json.written(mutate_json.mutated(rng, value) if form < 0.75 else value)
    return mutate_json.mutated_text(rng, text) if form > 0.65 else text


def _graph(rng: Random, bases: Mapping[str, Files], folder: Path) -> tuple[str, Case]:
    """(c) Models changed and hashed again."""
    name = rng.choice([*SMALL * 6, *(name for name in bases if name not in SMALL)])
    files = dict(bases[name])
    change, files[MODEL] = mutate_onnx.mutated(rng, files[MODEL])
    files[SIDECAR] = signed(mutate_json.written(unsigned(files)))
    write(folder, files)
    return f"{name}: {change}", lambda: _draw(folder, _plain(name))


def _plain(name: str) -> dict[str, Any]:
    """What anybody asks of a bundle."""
    asked: dict[str, Any] = {"z": np.zeros((2, 4), np.float32)} if name == "noise" else {"seeds": [3, 2**32 - 1]}
    if name in ("words", "emoji-64"):
        asked["prompts"] = "red heart, unicorn"
    if name in ("writer", "captions"):
        asked["keywords"] = "dog, beach"
    return asked


def _asked(rng: Random, name: str) -> dict[str, Any]:
    """The arguments of one call, text of every kind among them, and things that are no text."""
    asked = _plain(name)
    for argument in ("prompts", "keywords"):
        if argument in asked and rng.random() < 0.8:
            asked[argument] = texts.texts(rng)
    possible = (
        ("seeds", "temperature", "top_k", "top_p")
        if name == "writer"
        else ("seeds", "truncation", "z", "classes", "style")
    )
    for _ in range(rng.choice((0, 0, 0, 1, 2)) if name in _WORDY else 1):
        asked[rng.choice(possible)] = texts.strange(rng)
    return asked


def _draw(folder: Path, asked: dict[str, Any]) -> None:
    """Loads and draws, or writes, and looks at what comes out."""
    generator = Generator.load(folder, threads=1)
    made = generator.run(**asked)
    if generator.makes == "sentences":
        assert all(isinstance(sentence, str) and _one_line(sentence) for sentence in made), made
        return
    assert isinstance(made, np.ndarray) and made.dtype == np.uint8 and made.ndim == 4, made
    assert made.shape[1:] == (generator.height, generator.width, generator.channels), made.shape
