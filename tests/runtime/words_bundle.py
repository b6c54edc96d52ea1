"""A small bundle that draws from words, whose pictures and maps are known in closed form."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from attngan_runtime.bundle import write_sidecar
from tests.runtime.sidecars import input_entry, output_entry, sidecar_of

WORDS = ["red", "green", "heart", "dragon", "e"]
STYLES = ["google", "twitter"]
LENGTH, SIDE = 4, 2
SHAPE = (4, 8, 8)


def tokenizer_json(words: list[str] = WORDS, length: int = LENGTH) -> dict[str, Any]:
    """What a tokenizer.json of these words holds, with tokens from 2 up."""
    pieces = [{"type": "Punctuation", "behavior": "Removed"}, {"type": "WhitespaceSplit"}]
    return {
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": length, "strategy": "LongestFirst", "stride": 0},
        "padding": {
            "strategy": {"Fixed": length}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "[PAD]",
        },
        "added_tokens": [],
        "normalizer": {
            "type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]
        },
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": pieces},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {word: number for number, word in enumerate(["[PAD]", "[UNK]", *words])},
            "unk_token": "[UNK]",
        },
    }  # fmt: skip


def drawn(tokens: Any, seeds: Any, style: Any = 0, truncation: Any = 1.0) -> np.ndarray:
    """The model's pictures: sin(seed mod 1000 + sum of (token + 20)·mask + 10·style + position / 7) · truncation."""
    phase = np.asarray(seeds) % 1000 + _masked(tokens).sum(1) + 10 * np.asarray(style)
    position = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE) / np.float32(7)
    waves = np.sin(phase.astype(np.float32)[:, None, None, None] + position)
    return waves * np.broadcast_to(np.float32(truncation), len(waves))[:, None, None, None]


def maps(tokens: Any) -> np.ndarray:
    """The model's maps: the same share everywhere, in proportion to (token + 20)·mask."""
    words = _masked(tokens).astype(np.float32)
    shares = words / np.maximum(words.sum(1, keepdims=True), 1)
    return np.broadcast_to(shares[:, :, None, None], (*shares.shape, SIDE, SIDE))


def _masked(tokens: Any) -> np.ndarray:
    return (np.asarray(tokens) + 20) * (np.asarray(tokens) > 0)


@cache
def model_bytes(styles: bool, attention: bool) -> bytes:
    """An ONNX file with the inputs of a bundle that draws from words."""
    position = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(1, *SHAPE) / np.float32(7)
    constants = {
        "position": position, "rest": np.array([1, 2, 3]), "thousand": np.int64(1000), "ten": np.int64(10),
        "twenty": np.int64(20),
        "last": np.array([1]), "one": np.int64(1), "places": np.array([2, 3]),
        "room": np.ones((1, 1, SIDE, SIDE), np.float32),
    }  # fmt: skip
    floats, ints = TensorProto.FLOAT, TensorProto.INT64
    node, value = helper.make_node, helper.make_tensor_value_info
    inputs = [value("tokens", ints, ["batch", LENGTH]), value("mask", ints, ["batch", LENGTH])]
    inputs += [value("seed", ints, ["batch"]), *([value("style", ints, ["batch"])] if styles else [])]
    nodes = [
        node("Add", ["tokens", "twenty"], ["shifted"]),
        node("Mul", ["shifted", "mask"], ["words"]),
        node("ReduceSum", ["words", "last"], ["sum"], keepdims=0),
        node("Mod", ["seed", "thousand"], ["short"]),
        node("Add", ["short", "sum"], ["said"]),
        *([node("Mul", ["style", "ten"], ["step"]), node("Add", ["said", "step"], ["whole"])] if styles else []),
        node("Cast", ["whole" if styles else "said"], ["phase"], to=floats),
        node("Unsqueeze", ["phase", "rest"], ["phase4"]),
        node("Add", ["phase4", "position"], ["angle"]),
        node("Sin", ["angle"], ["waves"]),
        node("Unsqueeze", ["truncation", "rest"], ["truncation4"]),
        node("Mul", ["waves", "truncation4"], ["image"]),
    ]
    outputs = [value("image", floats, ["batch", *SHAPE])]
    if attention:
        outputs.append(value("attention", floats, ["batch", LENGTH, SIDE, SIDE]))
        nodes += [
            node("ReduceSum", ["words", "last"], ["total"], keepdims=1),
            node("Max", ["total", "one"], ["some"]),
            node("Cast", ["some"], ["divisor"], to=floats),
            node("Cast", ["words"], ["parts"], to=floats),
            node("Div", ["parts", "divisor"], ["shares"]),
            node("Unsqueeze", ["shares", "places"], ["shares4"]),
            node("Mul", ["shares4", "room"], ["attention"]),
        ]
    inputs.append(value("truncation", floats, ["batch"]))
    held = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "words", inputs, outputs, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@cache
def sidecar_json(styles: bool, attention: bool, words: tuple[str, ...], length: int) -> str:
    """A valid sidecar of that model, with a tokenizer of these words."""
    model, tokenizer = model_bytes(styles, attention), tokenizer_bytes(words, length)
    golden: dict[str, Any] = {
        "tokens": [[1, 2, 0, 0], [0, 0, 0, 0]], "mask": [[1, 1, 0, 0], [0, 0, 0, 0]], "seed": [0, 4294967295],
        **({"style": [0, 1]} if styles else {}), "truncation": [1.0, 0.5],
    }  # fmt: skip
    feeds = {name: np.array(rows, np.float32 if name == "truncation" else np.int64) for name, rows in golden.items()}
    (pictures,) = onnxruntime.InferenceSession(model).run(["image"], feeds)
    parts: dict[str, Any] = {"words": LENGTH, "vocabulary": len(WORDS) + 2, "styles": STYLES}
    names = ["tokens", "mask", "seed", *(["style"] if styles else [])]
    inputs = [input_entry(name, **parts) for name in names]
    files = {"model.onnx": model, "tokenizer.json": tokenizer}
    sidecar = sidecar_of("words", "text-to-image", files, inputs, SHAPE, golden, pictures)
    if attention:
        parts |= {"map_height": SIDE, "map_width": SIDE}
        sidecar["attention"] = output_entry("text-to-image", "attention?", **parts)
    return json.dumps(sidecar)


def tokenizer_bytes(words: tuple[str, ...], length: int) -> bytes:
    return json.dumps(tokenizer_json(list(words), length), ensure_ascii=False, indent=2).encode()


def write_words_bundle(
    folder: Path, *, styles: bool = True, attention: bool = True, words: list[str] = WORDS, length: int = LENGTH
) -> Path:
    """Writes the bundle into `folder`; other words or another length than the sidecar's make a wrong one."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model_bytes(styles, attention))
    (folder / "tokenizer.json").write_bytes(tokenizer_bytes(tuple(words), length))
    write_sidecar(folder, json.loads(sidecar_json(styles, attention, tuple(words), length)))
    return folder
