"""A small bundle that writes, word by word in a loop, and whose sentences are known in closed form."""

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
from tests.runtime import words_bundle
from tests.runtime.sidecars import common, input_entry, output_entry

WORDS = ["a", "dog", "runs", "on", "the", "beach", ".", ",", "ball", "don't"]
SIZE, KEYWORDS, LENGTH = len(WORDS) + 3, 3, 6
KINDS = {"temperature": np.float32, "top_p": np.float32}  # of the inputs; the others are int64


def tokenizer_json(words: list[str] = WORDS, length: int = LENGTH) -> dict[str, Any]:
    """What a tokenizer.json of these words holds, with tokens from 3 up."""
    pattern = r"\p{N}+(?:[.,:]\p{N}+)+|[\p{L}\p{M}\p{N}_]+(?:['’\-][\p{L}\p{M}\p{N}_]+)*|[^\s\p{L}\p{M}\p{N}_]"
    return words_bundle.tokenizer_json(["[END]", *words], length) | {
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "NFC"}]},
        "pre_tokenizer": {
            "type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": True
        },
    }  # fmt: skip


def written(
    seeds: Any, keywords: Any = (0,) * KEYWORDS, temperature: Any = 1.0, top_k: Any = 0, top_p: Any = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """The model's tokens and log probabilities.

    Token t is 3 + (seed mod 1000 + sum of key words + 5·top_k + ⌊100·top_p⌋ + t) mod 10; the sentence ends at place
    seed mod 8, which from 6 on is beyond its length; the log probability of token t is −temperature·(t + 1).
    """
    seeds, place = np.asarray(seeds, np.int64), np.arange(LENGTH)
    sums = np.broadcast_to(np.asarray(keywords, np.int64), (len(seeds), KEYWORDS)).sum(1)
    percent = (np.asarray(top_p, np.float32) * np.float32(100)).astype(np.int64)
    start = seeds % 1000 + sums + 5 * np.asarray(top_k) + percent
    end = (seeds % 8)[:, None]
    tokens = 3 + (start[:, None] + place) % len(WORDS)
    falling = -np.broadcast_to(np.float32(temperature), len(seeds))[:, None] * (place + 1).astype(np.float32)
    return np.where(place < end, tokens, np.where(place == end, 2, 0)), np.where(place <= end, falling, np.float32(0))


@cache
def model_bytes() -> bytes:
    """An ONNX file with the inputs and outputs of a bundle that writes."""
    constants = {
        "thousand": np.int64(1000), "last": np.array([1]), "five": np.int64(5), "hundred": np.float32(100),
        "eight": np.int64(8), "words": np.int64(len(WORDS)), "first": np.int64(3), "end": np.int64(2),
        "one": np.int64(1), "padding": np.int64(0), "nothing": np.float32(0), "length": np.int64(LENGTH),
        "yes": np.bool_(True),
    }  # fmt: skip
    floats, ints, node, value = TensorProto.FLOAT, TensorProto.INT64, helper.make_node, helper.make_tensor_value_info
    nodes = [
        node("Mul", ["keywords", "mask"], ["asked"]),
        node("ReduceSum", ["asked", "last"], ["sum"], keepdims=0),
        node("Mul", ["top_k", "five"], ["shift"]),
        node("Mul", ["top_p", "hundred"], ["hundredths"]),
        node("Cast", ["hundredths"], ["percent"], to=ints),
        node("Mod", ["seed", "thousand"], ["short"]),
        node("Add", ["short", "sum"], ["start0"]),
        node("Add", ["start0", "shift"], ["start1"]),
        node("Add", ["start1", "percent"], ["start"]),
        node("Mod", ["seed", "eight"], ["stop"]),
        node("GreaterOrEqual", ["stop", "padding"], ["all"]),
        node("Loop", ["length", "yes", "all"], ["left", "rows", "falls"], body=_body()),
        node("Transpose", ["rows"], ["tokens"], perm=[1, 0]),
        node("Transpose", ["falls"], ["log_probability"], perm=[1, 0]),
    ]
    inputs = [value("keywords", ints, ["batch", KEYWORDS]), value("mask", ints, ["batch", KEYWORDS])]
    inputs += [value("seed", ints, ["batch"]), value("temperature", floats, ["batch"])]
    inputs += [value("top_k", ints, ["batch"]), value("top_p", floats, ["batch"])]
    outputs = [value("tokens", ints, ["batch", LENGTH]), value("log_probability", floats, ["batch", LENGTH])]
    held = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "sentences", inputs, outputs, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _body() -> onnx.GraphProto:
    """One word: (place, yes, alive) → (yes, alive, tokens [B], log probabilities [B])."""
    node, value = helper.make_node, helper.make_tensor_value_info
    nodes = [
        node("Add", ["start", "place"], ["sum_here"]),
        node("Mod", ["sum_here", "words"], ["word"]),
        node("Add", ["word", "first"], ["token"]),
        node("Equal", ["stop", "place"], ["stops"]),
        node("Where", ["stops", "end", "token"], ["said"]),
        node("Where", ["alive", "said", "padding"], ["row"]),
        node("Add", ["place", "one"], ["count"]),
        node("Cast", ["count"], ["count_float"], to=TensorProto.FLOAT),
        node("Mul", ["temperature", "count_float"], ["rising"]),
        node("Neg", ["rising"], ["falling"]),
        node("Where", ["alive", "falling", "nothing"], ["fall"]),
        node("Not", ["stops"], ["goes_on"]),
        node("And", ["alive", "goes_on"], ["alive_next"]),
        node("Identity", ["yes_before"], ["yes_next"]),
    ]
    inputs = [value("place", TensorProto.INT64, []), value("yes_before", TensorProto.BOOL, [])]
    inputs.append(value("alive", TensorProto.BOOL, ["batch"]))
    outputs = [value("yes_next", TensorProto.BOOL, []), value("alive_next", TensorProto.BOOL, ["batch"])]
    outputs += [value("row", TensorProto.INT64, ["batch"]), value("fall", TensorProto.FLOAT, ["batch"])]
    return helper.make_graph(nodes, "word", inputs, outputs)


@cache
def sidecar_json(words: tuple[str, ...], length: int) -> str:
    """A valid sidecar of that model, with a tokenizer of these words."""
    files = {"model.onnx": model_bytes(), "tokenizer.json": tokenizer_bytes(words, length)}
    golden: dict[str, Any] = {
        "keywords": [[4, 8, 11], [12, 0, 0], [0, 0, 0], [0, 0, 0]],
        "mask": [[1, 1, 1], [1, 0, 0], [0, 0, 0], [0, 0, 0]],
        "seed": [0, 4294967295, 5, 6],
        "temperature": [1.0, 0.5, 5.0, 1.0],
        "top_k": [0, 1, SIZE, 0],
        "top_p": [1.0, 1.0, 0.5, 0.25],
    }
    feeds = {name: np.array(rows, KINDS.get(name, np.int64)) for name, rows in golden.items()}
    tokens, log_probability = onnxruntime.InferenceSession(model_bytes()).run(None, feeds)
    return json.dumps(common("writer", "text", files) | {
        "inputs": [
            input_entry(name, words=KEYWORDS, vocabulary=SIZE)
            for name in ("keywords", "mask", "seed", "temperature", "top_k", "top_p")
        ],
        "output": output_entry("text", "output", length=LENGTH, vocabulary=SIZE),
        "log_probability": output_entry("text", "log_probability", length=LENGTH),
        "golden": {
            "inputs": golden, "tokens": tokens.tolist(), "log_probability": log_probability.tolist(), "tolerance": 1e-3
        },
    })  # fmt: skip


def tokenizer_bytes(words: tuple[str, ...], length: int) -> bytes:
    return json.dumps(tokenizer_json(list(words), length), ensure_ascii=False, indent=2).encode()


def write_sentences_bundle(folder: Path, *, words: list[str] = WORDS, length: int = LENGTH) -> Path:
    """Writes the bundle into `folder`; other words or another length than the sidecar's make a wrong one."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model_bytes())
    (folder / "tokenizer.json").write_bytes(tokenizer_bytes(tuple(words), length))
    write_sidecar(folder, json.loads(sidecar_json(tuple(words), length)))
    return folder
