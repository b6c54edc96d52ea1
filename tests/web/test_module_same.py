"""The module makes what the Python runtime makes, in Node and in Chromium."""

from __future__ import annotations

import json
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attngan_runtime import Generator
from attngan_runtime import bundle as format_1
from attngan_runtime.generators.pixels import to_uint8
from tests.runtime.conftest import make_sidecar, model_bytes
from tests.runtime.serving.test_application import client
from tests.runtime.words_bundle import write_words_bundle
from tests.web.conftest import JavaScript, values_of

PICTURES: dict[str, list[dict[str, Any]]] = {
    "fashion-32": [
        {},
        {"seed": 7, "class": "Sneaker"},
        {"seed": 2**32 - 1, "class": 9, "truncation": 0.5},
        {"seed": 123456789, "class": "bag", "truncation": 2},
        {"seed": 5, "class": "3", "truncation": 0},
    ],
    "emoji-64": [
        {"prompt": "red heart"},
        {"seed": 7, "prompt": "red heart", "style": "twitter"},
        {"seed": 2**32 - 1, "prompt": "Grinning, FACE with a héart zxq Zxq", "style": 1, "truncation": 0.7},
        {"seed": 11, "prompt": ""},
        {"seed": 12, "prompt": "smiling " * 20 + "dragon", "style": "google", "truncation": 1.3},
    ],
}
SENTENCES: list[dict[str, Any]] = [
    {"topK": 1},
    {"seed": 7, "keywords": "dog, beach, ball", "topK": 1},
    {"seed": 8, "keywords": "Dog dog zxq a cat on the beach with a man", "topP": 0.9},
    {"seed": 2**32 - 1, "keywords": "", "topP": 0.9, "temperature": 0.7},
    {"seed": 9, "keywords": "kitchen", "topP": 0.9, "temperature": 1.5, "topK": 50},
]

DRAW = """
    const [url, asked] = given, generator = await module.load(url), made = [];
    for (const options of asked) {
      if (options.z) options.z = Float32Array.from(options.z);
      const { output, data, width, height, warnings } = await generator.generate(options);
      made.push({ output: bytes64(output), data: bytes64(data), width, height, warnings });
    }
    await generator.release();
    return made;
"""
WRITE = """
    const [url, asked] = given, writer = await module.load(url), made = [];
    for (const options of asked) {
      const { sentence, tokens, logProbability, warnings } = await writer.generate(options);
      made.push({ sentence, tokens: bytes64(tokens), likely: bytes64(logProbability), warnings });
    }
    await writer.release();
    return made;
"""


def in_python(folder: Path | str, options: dict[str, Any]) -> tuple[Any, np.ndarray, np.ndarray, list[str]]:
    """The generator, its float32 [C, H, W], its uint8 [H, W, C] and its warnings."""
    generator: Any = opened(str(folder))
    names = {"seed": "seeds", "class": "classes", "prompt": "prompts"}
    asked = {"seeds": 0} | {names.get(name, name): value for name, value in options.items()}
    if asked.get("classes", generator.classes and 0) is not None and generator.classes:
        label = asked.setdefault("classes", 0)
        asked["classes"] = int(label) if str(label).isdecimal() else label
    if "z" in options:
        asked |= {"seeds": None, "z": np.array([options["z"]], np.float32)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        floats = generator.run_float(**asked)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pixels = generator.run(**asked)[0]
    return generator, floats, pixels, [str(warning.message) for warning in caught]


@cache
def opened(folder: str) -> Any:
    return Generator.load(folder)


def levels(floats: np.ndarray) -> np.ndarray:
    """0 … 255 as the output is, premultiplied."""
    return np.rint(np.clip((floats + 1) * np.float32(127.5), 0, 255))


def rgba(pixels: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 4] of 1, 3 or 4 channels."""
    if pixels.shape[2] == 4:
        return pixels
    return np.concatenate([np.broadcast_to(pixels, (*pixels.shape[:2], 3)), np.full_like(pixels[..., :1], 255)], 2)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_those_of_the_python_runtime(javascript: JavaScript, name: str) -> None:
    for options, made in zip(PICTURES[name], javascript(DRAW, javascript.url(name), PICTURES[name]), strict=True):
        compare(made, *in_python(name, options))


def compare(made: dict[str, Any], generator: Any, floats: np.ndarray, pixels: np.ndarray, said: list[str]) -> None:
    output = values_of(made["output"], np.float32).reshape(floats.shape)
    data = values_of(made["data"], np.uint8).reshape(made["height"], made["width"], 4)
    assert np.abs(levels(output) - levels(floats)).max() <= 1
    assert np.abs(output - floats).max() <= 1e-3  # as near as golden samples must be
    assert np.array_equal(data, rgba(to_uint8(output[None])[0])), "pixels.js differs from pixels.py"
    # Straight colour is the quotient of two values that are each within d of Python's, d in levels of 255; it moves by
    # at most 2·255·d / alpha. Where that is at most half a level, rounding moves it to the next one at most.
    distance = np.abs(output - floats).max() * 127.5
    seen = rgba(pixels)[..., 3] >= max(1, 4 * 255 * distance + 1)
    assert np.abs(data.astype(int) - rgba(pixels))[seen].max(initial=0) <= 1
    assert (data[..., 3] == 255).all() or seen.mean() > 0.1, "too few pixels are compared"
    assert made["warnings"] == said


def test_sentences_are_those_of_the_python_runtime(javascript: JavaScript) -> None:
    names = {"seed": "seeds", "topK": "top_k", "topP": "top_p"}
    for options, made in zip(SENTENCES, javascript(WRITE, javascript.url("captions"), SENTENCES), strict=True):
        asked = {"seeds": 0} | {names.get(name, name): value for name, value in options.items()}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            written = opened("captions").write(**asked)
        assert made["sentence"] == written.sentences[0]
        assert values_of(made["tokens"], np.int32).tolist() == written.tokens[0].tolist()
        assert np.abs(values_of(made["likely"], np.float32) - written.log_probability[0]).max() <= 1e-3
        assert made["warnings"] == [str(warning.message) for warning in caught]


def test_colours_without_alpha_and_z_in_place_of_seeds(javascript: JavaScript) -> None:
    model = model_bytes((3, 8, 8), True, True)
    (javascript.space / "model.onnx").write_bytes(model)
    format_1.write_sidecar(javascript.space, make_sidecar(model, (3, 8, 8), ["3", "one"], True))
    asked: list[dict[str, Any]] = [{"z": [0.5, -1, 2, 0.25]}, {"z": [0, 0, 0, 9], "class": "3", "truncation": 0.5}]
    made = javascript(DRAW, javascript.url(javascript.space), asked)
    compare(made[0], *in_python(javascript.space, asked[0]))
    compare(made[1], *in_python(javascript.space, asked[1] | {"class": 0}))  # 3 is the name of the first


def test_a_generator_says_what_it_is(javascript: JavaScript) -> None:
    say = """
        const { name, task, device, note, license, source, classes, styles, words, width, height, channels, sidecar } =
          await module.load(given[0]);
        return { name, task, device, note, license, source, classes, styles, words, width, height, channels, sidecar };
    """
    said = javascript(say, javascript.url("emoji-64"))
    sidecar = json.loads((javascript.folders["emoji-64"] / "model.onnx.json").read_text(encoding="utf-8"))
    assert said["sidecar"] == sidecar
    assert [said[field] for field in ("name", "task", "license", "source", "note")] == [
        sidecar["name"], sidecar["task"], sidecar["license"], sidecar["source"], ""
    ]  # fmt: skip
    assert said["device"] == ("cpu" if javascript.name == "node" else "wasm")
    assert (said["classes"], said["styles"]) == ([], ["google", "twitter"])
    assert (said["width"], said["height"], said["channels"]) == (64, 64, 4)
    assert len(said["words"]) == sidecar["inputs"][0]["maximum"] - 1 and "heart" in said["words"]


def test_known_words_are_those_of_the_server(node: JavaScript, tmp_path: Path) -> None:
    made = write_words_bundle(tmp_path / "words", words=["red", "[END]", "[MASK]", "10", "2"])
    for folder in (made, *(node.folders[name] for name in ("fashion-32", "emoji-64", "captions"))):
        with client(folder) as server:
            words = server.get("/api").json()["words"]
        assert node("return (await module.load(given[0])).words", node.url(folder)) == words
        assert folder != made or words == ["red", "[MASK]", "10", "2"]


def test_calls_that_overlap_give_what_calls_in_turn_give(javascript: JavaScript) -> None:
    body = """
        const generator = await module.load(given[0]), asked = [1, 2, 3, 4].map(seed => ({ seed, class: seed }));
        const draw = options => generator.generate(options).then(({ output }) => bytes64(output)), turns = [];
        for (const options of asked) turns.push(await draw(options));
        const [other, ...together] = await Promise.all([module.load(given[0]), ...asked.map(draw)]);
        await Promise.all([generator.release(), other.release()]);
        const late = await other.generate({}).catch(String);
        return { same: JSON.stringify(turns) === JSON.stringify(together), different: new Set(turns).size, late };
    """
    found = javascript(body, javascript.url("fashion-32"))
    assert found == {"same": True, "different": 4, "late": "AttnGANError: fashion-32: was released; load it again"}
