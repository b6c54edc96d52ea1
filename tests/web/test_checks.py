"""The module refuses the sidecars and tokenizers that the Python runtime refuses, and no others."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attngan_runtime import AttnGANError
from attngan_runtime.bundle import find_bundle, shipped_names, validate_sidecar
from attngan_runtime.bundle.publish import javascript_values
from attngan_runtime.generators.pixels import to_uint8
from attngan_runtime.tokenizers.prompts import Tokenizer
from attngan_runtime.tokenizers.sentences import SentenceTokenizer
from tests.runtime.numbers_bundle import add_task, sidecar_of_numbers
from tests.web.conftest import JavaScript, values_of

KEPT = Path(__file__).parents[1] / "runtime" / "kept"

NONSENSE = [
    None,
    True,
    -1,
    0,
    1,
    2,
    3,
    1.5,
    2**40,
    "",
    "x",
    "a\nb",
    [],
    [None],
    {},
    {"x": 1},
    [1, 2],
    "MISSING",
    "MORE",
]


def changed(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Copies of a value from JSON, each with nonsense in one place; of long lists the first places alone."""
    for nonsense in NONSENSE:
        yield "/".join(map(str, path)), nonsense
    places = value.items() if isinstance(value, dict) else enumerate(value[:6]) if isinstance(value, list) else ()
    for key, part in places:
        yield from changed(part, (*path, key))


def put(value: Any, path: str, nonsense: Any) -> Any:
    """The value with nonsense at a place: taken away for MISSING, with one more beside it for MORE."""
    made = {"": value}
    *way, last = ["", *path.split("/")] if path else [""]
    spot: Any = made
    for step in way:  # only what is on the way is copied
        key: Any = int(step) if isinstance(spot, list) else step
        spot[key] = copy.copy(spot[key])
        spot = spot[key]
    key = int(last) if isinstance(spot, list) else last
    if nonsense == "MISSING":
        del spot[key]
    elif nonsense == "MORE" and isinstance(spot[key], list):
        spot[key] = [*spot[key], spot[key][-1] if spot[key] else 1]
    elif nonsense == "MORE" and isinstance(spot[key], dict):
        spot[key] = {**spot[key], "more": 1}
    else:
        spot[key] = nonsense
    return made.get("")


PUT = """(value, path, nonsense) => {
  const made = structuredClone({ "": value }), way = path ? ["", ...path.split("/")] : [""], last = way.pop();
  const spot = way.reduce((part, step) => part[step], made), there = spot[last];
  if (nonsense === "MISSING") Array.isArray(spot) ? spot.splice(last, 1) : delete spot[last];
  else if (nonsense === "MORE" && Array.isArray(there)) there.push(there.length ? there.at(-1) : 1);
  else if (nonsense === "MORE" && there !== null && typeof there === "object") there.more = 1;
  else spot[last] = nonsense;
  return made[""];
}"""


def messages(node: JavaScript, check: str, value: Any, changes: list[tuple[str, Any]]) -> list[str]:
    """What the module says of each change: empty where it takes it. check: statements that have `changed`."""
    return list(node(f"""
        const put = {PUT};
        const check = await (async () => {{ {check} }})();
        return given[1].map(([path, nonsense]) => {{
          try {{ return check(put(given[0], path, nonsense)) ?? ""; }} catch (error) {{
            return error instanceof module.AttnGANError ? error.message : `not ours: ${{error.stack}}`;
          }}
        }});
    """, value, changes))  # fmt: skip


def compare(changes: list[tuple[str, Any]], found: list[str], refused: list[bool], own: str | None = None) -> None:
    """Both runtimes refuse the same, but for the place that is `own` to one of them."""
    for (path, nonsense), message, is_refused in zip(changes, found, refused, strict=True):
        if path != own:
            assert bool(message) == is_refused, f"{path} = {nonsense!r}: {message or 'taken'}"
        assert "\n" not in message and "not ours" not in message and len(message) < 600
    assert sum(refused) > 300


def is_refused(check: Any, value: Any) -> bool:
    """By the Python runtime."""
    try:
        check(value)
    except AttnGANError:
        return True
    return False


# What parseSidecar asks, but for the file's own hash.
CHECK = """
    const { sidecarProblem } = await import("./rules.js"), { isObject } = await import("./json.js");
    return sidecar => (isObject(sidecar) ? sidecarProblem(sidecar) : "no object");
"""


@pytest.mark.parametrize("name", [*shipped_names(), KEPT / "words", KEPT / "shapes-z"], ids=str)
def test_sidecars(node: JavaScript, name: str | Path) -> None:
    sidecar = json.loads((find_bundle(name) / "model.onnx.json").read_text(encoding="utf-8"))
    changes = list(changed(sidecar))
    refused = [is_refused(validate_sidecar, put(sidecar, *change)) for change in changes]
    compare(changes, messages(node, CHECK, sidecar, changes), refused)


def test_sidecars_of_a_fourth_task(node: JavaScript, monkeypatch: pytest.MonkeyPatch) -> None:
    add_task(monkeypatch)
    numbers = sidecar_of_numbers()
    changes = list(changed(numbers))
    refused = [is_refused(validate_sidecar, put(numbers, *change)) for change in changes]
    check = f"""
        const {{ INPUTS, TASKS }} = await import("./spec.js"), {{ sidecarProblem }} = await import("./rules.js");
        return sidecar => {{
          INPUTS.numbers = {json.dumps(javascript_values()["INPUTS"]["numbers"])};
          TASKS.numbers = {json.dumps(javascript_values()["TASKS"]["numbers"])};
          try {{
            return sidecar && typeof sidecar === "object" ? sidecarProblem(sidecar) : "no object";
          }} finally {{
            delete INPUTS.numbers;
            delete TASKS.numbers;
          }}
        }};
    """
    compare(changes, messages(node, check, numbers, changes), refused)


def test_sidecars_of_lists_within_lists(node: JavaScript) -> None:
    sidecar = json.loads((find_bundle("fashion-32") / "model.onnx.json").read_text(encoding="utf-8"))
    said = node("""
        const { sidecarProblem } = await import("./rules.js"), deep = JSON.parse("[".repeat(1e5) + "]".repeat(1e5));
        return Object.keys(given[0]).map(key => sidecarProblem({ ...given[0], [key]: deep }));
    """, sidecar)  # fmt: skip
    assert len(said) == len(sidecar) and all(said), said
    assert "license is nested too deep; it must be a text of 1 to 2000 letters" in said


@pytest.mark.parametrize(("name", "reader"), [("emoji-64", Tokenizer), ("captions", SentenceTokenizer)])
def test_tokenizers(node: JavaScript, name: str, reader: Any) -> None:
    described = json.loads((find_bundle(name) / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = described["model"]["vocab"]
    described["model"]["vocab"] = {word: i for i, word in enumerate(list(vocabulary)[:6])}
    changes = list(changed(described))
    check = f"""
        const {{ parseTokenizer }} = await import("./tokenizer.js");
        const said = {{ name: "tokens", maximum: 5, shape: ["batch", {described["truncation"]["max_length"]}] }};
        const sidecar = {{ task: {"text" if name == "captions" else "text-to-image"!r}, inputs: [said], output: said }};
        return json => {{ parseTokenizer(new TextEncoder().encode(JSON.stringify(json ?? null)), sidecar, "t"); }};
    """

    def read(value: Any) -> None:
        found = reader.from_json(json.dumps(value).encode(), "t")
        if (found.size, found.length) != (6, described["truncation"]["max_length"]):
            raise AttnGANError("t", "another size than the model's")

    refused = [is_refused(read, put(described, *change)) for change in changes]
    compare(changes, messages(node, check, described, changes), refused, "version")


def close_to_halves(chance: np.random.Generator) -> np.ndarray:
    """float32 [4, 64]: pixels whose straight red is half a level in float32, and isn't in float64."""
    floats = chance.uniform(-1, 1, (4, 2_000_000)).astype(np.float32)
    red, alpha = ((floats[i] + 1) * np.float32(127.5) for i in (0, 3))
    exact = np.divide(red * np.float32(255), alpha, dtype=np.float64)
    differ = np.rint(exact) != np.rint(exact.astype(np.float32))
    found = floats[:, differ & (exact < 255)]
    assert found.shape[1] > 0
    return found[:, np.arange(64) % found.shape[1]]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels(node: JavaScript, channels: int) -> None:
    chance = np.random.default_rng(0)
    floats = chance.uniform(-1.1, 1.1, (channels, 64, 64)).astype(np.float32)
    floats[:, :8] = (chance.integers(0, 511, (channels, 8, 64)) / 255 - 1).astype(np.float32)  # halves between levels
    floats[-1, 8:16] = chance.uniform(-1, -0.98, (8, 64))  # hardly any alpha
    if channels == 4:
        floats[:, 16] = close_to_halves(chance)
    body = """
        const { toRGBA } = await import("./pixels.js");
        return bytes64(toRGBA(Float32Array.from(given[0]), given[1]));
    """
    data = values_of(node(body, floats.ravel().tolist(), channels), np.uint8).reshape(64, 64, 4)
    wanted = to_uint8(floats[None])[0]
    assert np.array_equal(data[..., :3], np.broadcast_to(wanted[..., :3], (64, 64, 3)))
    assert np.array_equal(data[..., 3], wanted[..., 3] if channels == 4 else np.full((64, 64), 255))
