"""What the rules of a sidecar refuse, each in one line that names the key at fault; and the fuzzing's sidecars."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attngan_runtime.bundle import validate_sidecar
from attngan_runtime.errors import AttnGANError
from tests.runtime.sidecars import input_entry, output_entry, set_at
from tests.runtime.words_bundle import STYLES

OUTPUT = {"name": "image", "dtype": "float32", "layout": "NCHW", "channels": 1, "minimum": -1, "maximum": 1}
MAPS = output_entry("text-to-image", "attention?", words=3, map_height=2, map_width=2)


def as_large_as_can_be(sidecar: dict[str, Any]) -> None:
    for entry in (*sidecar["inputs"][:2], sidecar["attention"]):
        entry["shape"][1] = 4096
    sidecar["attention"]["shape"][2:] = [4096, 4096]
    sidecar["output"] |= {"height": 4096, "width": 4096}


PICTURES = [
    (set_at("task", "video"), 'task is "video"'),
    (set_at("model", "other.onnx"), 'model is "other.onnx"'),
    (set_at("name", ""), 'name is ""'),
    (set_at("files/model.onnx", "00"), 'files.model.onnx is "00"'),
    (set_at("files", {}), "files is {}"),
    (set_at("target", "tensorrt"), 'target is "tensorrt"'),
    (set_at("precision", "int8"), 'precision is "int8"'),
    (set_at("extra", 1), 'holds "extra", which format 1 has not'),
    (set_at("inputs/0/maximum", 7), "inputs.seed.maximum is 7"),
    (set_at("inputs/0/shape", ["batch", 1]), 'inputs.seed.shape is ["batch", 1]'),
    (set_at("inputs/0/name", "noise"), "inputs are noise, class, truncation"),
    (set_at("inputs/0/name", "z"), 'inputs.z holds "minimum", which format 1 has not'),
    (set_at("inputs/1/maximum", 3), 'inputs.class.classes is ["T-shirt/top", "Sneaker", "Bag"]; i'),
    (set_at("inputs/1/classes", ["Bag", "Bag", "Shoe"]), 'inputs.class.classes is ["Bag", "Bag", "Shoe"]'),
    (set_at("inputs/1/name", "truncation"), "inputs are seed, truncation, truncation"),
    (set_at("inputs/2/maximum", 9), "inputs.truncation.maximum is 9"),
    (set_at("inputs", [{"name": "seed"}, {"name": "truncation"}]), "inputs.seed lacks dtype"),
    (set_at("output/channels", 2), "output.channels is 2"),
    (set_at("output/channels", True), "output.channels is true"),
    (set_at("output/channels", 1.0), "output.channels is 1.0"),
    (set_at("output/height", 8.0), "output.height is 8.0"),
    (set_at("output/height", 8193), "output.height is 8193"),
    (
        set_at("output", OUTPUT | {"height": 4096, "width": 4097}),
        "height × width is 16,781,312, where 16,777,216 is the limit",
    ),
    (
        set_at("output", OUTPUT | {"channels": 4, "height": 4096, "width": 4096}),
        "golden outputs have 134,217,728 values, where 67,108,864 is the limit",
    ),
    (set_at("output/name", "image\n"), r'output.name is "image\n"'),
    (set_at("name", "waves\x1b[2J"), r'name is "waves\u001b[2J"'),
    (set_at("name", "w" * 256), 'name is "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww'),
    (set_at("inputs/1/classes", ["Bag", "Shoe\u2028", "Hat"]), r'inputs.class.classes.1 is "Shoe\u2028"'),
    (set_at("inputs/1", input_entry("class", classes=[str(i) for i in range(65537)])), "inputs.class.maximum is 65536"),
    (set_at("inputs/0/shape", [["batch"]]), 'inputs.seed.shape.0 is ["batch"]'),
    (
        set_at("files", {"model.onnx": "0" * 64} | {f"f{i}": "0" * 64 for i in range(32)}),
        'files is {"model.onnx": "00000000000000000000000000000000000',
    ),
    (set_at("golden/indices/0", 0.0), "golden.indices.0 is 0.0"),
    (set_at("output/height", 0), "output.height is 0"),
    (set_at("output/layout", "NHWC"), 'output.layout is "NHWC"'),
    (
        set_at("tolerance", {"fp16-weights": {"CPUExecutionProvider": {"asked": 1, "measured": 0}}}),
        "tolerance lacks fp32 on CPUExecutionProvider",
    ),
    (
        set_at("tolerance/fp32", {"CUDAExecutionProvider": {"asked": 1, "measured": 0}}),
        "tolerance lacks fp32 on CPUExecutionProvider",
    ),
    (
        set_at("tolerance/fp32/CPUExecutionProvider/measured", 1e-4),
        "tolerance on CPUExecutionProvider: measured 0.0001 is beyond the 1e-05 asked",
    ),
    (
        set_at("tolerance/fp32/CPUExecutionProvider/measured", float("nan")),
        "tolerance.fp32.CPUExecutionProvider.measured is NaN",
    ),
    (set_at("golden/inputs", {"seed": [0]}), "golden.inputs lacks class"),
    (
        set_at("golden/inputs/seed", [0, 1, 2]),
        "golden.inputs.class is [0, 2]; it must be a list of 3, to agree on rows",
    ),
    (set_at("golden/indices/63", 128), "golden.indices.63 is 128"),
    (set_at("golden/values", [0.0] * 63), "golden.values is [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0."),
    (set_at("golden/values/0", 2.0), "golden.values.0 is 2.0"),
    (set_at("license", None), "license is null"),
    (set_at("created_with", {}), "created_with is {}"),
]

WORDS = [
    (set_at("task", "image"), "inputs are tokens, mask, seed, style, truncation"),
    (set_at("inputs/3/name", "class"), "inputs are tokens, mask, seed, class, truncation"),
    (set_at("inputs/0/maximum", 6.5), "inputs.tokens.maximum is 6.5"),
    (set_at("inputs/0/maximum", 1), "inputs.tokens.maximum is 1"),
    (set_at("inputs/0/shape", ["batch", 0]), "inputs.tokens.shape.1 is 0"),
    (set_at("inputs/0/shape", ["batch"]), 'inputs.tokens.shape is ["batch"]'),
    (set_at("inputs/0/shape", ["batch", 5]), "inputs.mask.shape.1 is 4; it must be 5, to agree on words"),
    (set_at("inputs/1/maximum", 2), "inputs.mask.maximum is 2"),
    (set_at("inputs/1/dtype", "float32"), 'inputs.mask.dtype is "float32"'),
    (set_at("inputs/3/default", 1), "inputs.style.default is 1"),
    (set_at("inputs/3/maximum", 2), 'inputs.style.styles is ["google", "twitter"]; it must be a l'),
    (set_at("inputs/3/styles", ["google"]), 'inputs.style.styles is ["google"]'),
    (set_at("inputs/3", input_entry("style", styles=["google"])), "inputs.style.maximum is 0"),
    (set_at("inputs/3/styles", ["google", "google"]), 'inputs.style.styles is ["google", "google"]'),
    (set_at("inputs/3/classes", STYLES), 'inputs.style holds "classes", which format 1 has not'),
    (set_at("attention/shape", ["batch", 5, 2, 2]), "attention.shape.1 is 5; it must be 4, to agree on words"),
    (set_at("attention/shape", ["batch", 4, 2]), 'attention.shape is ["batch", 4, 2]'),
    (set_at("attention/shape", ["batch", 4, 2, 0]), "attention.shape.3 is 0"),
    (set_at("attention/shape", ["batch", 4.0, 2, 2]), "attention.shape.1 is 4.0"),
    (set_at("attention/shape", ["batch", 4, 2, 9]), "attention.shape.3 is 9"),
    (set_at("attention/shape", ["batch", 4097, 2, 2]), "attention.shape.1 is 4097"),
    (set_at("inputs/0/maximum", 2**20), "inputs.tokens.maximum is 1048576"),
    (set_at("inputs/0/shape", ["batch", 4097]), "inputs.tokens.shape.1 is 4097"),
    (set_at("inputs/1/shape", ["batch", 4097]), "inputs.mask.shape.1 is 4097"),
    (as_large_as_can_be, "words × map_height × map_width is 68,719,476,736, where 67,1"),
    (set_at("attention/name", "maps"), 'attention.name is "maps"'),
    (set_at("output/name", "attention"), "two outputs are called attention"),
    (set_at("files", {"model.onnx": "0" * 64}), "files lacks tokenizer.json"),
    (set_at("golden/inputs/tokens", [[1, 2, 0], [0, 0, 0]]), "golden.inputs.tokens.0 is [1, 2, 0]"),
    (set_at("golden/inputs/mask", [1, 1]), "golden.inputs.mask.0 is 1"),
    (set_at("golden/inputs/seed", [[1], [2]]), "golden.inputs.seed.0 is [1]"),
]

SENTENCES = [
    (set_at("task", "image"), "inputs are keywords, mask, seed, temperature, top_k, top_p"),
    (set_at("attention", MAPS), 'holds "attention", which format 1 has not'),
    (set_at("inputs/2/name", "z"), "inputs are keywords, mask, z, temperature, top_k, top_p"),
    (set_at("inputs", []), "inputs are none"),
    (set_at("inputs/0/name", "tokens"), "inputs are tokens, mask, seed, temperature, top_k, top_p"),
    (set_at("inputs/0/maximum", 13), "inputs.top_k.maximum is 13; it must be 14, to agree on vocabulary"),
    (set_at("inputs/0/maximum", 12.5), "inputs.keywords.maximum is 12.5"),
    (set_at("inputs/0/maximum", 2), "inputs.keywords.maximum is 2"),
    (set_at("inputs/0/shape", ["batch", 0]), "inputs.keywords.shape.1 is 0"),
    (set_at("inputs/0/shape", ["batch", 10**9]), "inputs.keywords.shape.1 is 1000000000"),
    (set_at("inputs/0/shape", ["batch", "3"]), 'inputs.keywords.shape.1 is "3"'),
    (set_at("inputs/0/shape", ["batch"]), 'inputs.keywords.shape is ["batch"]'),
    (set_at("inputs/0/shape", ["batch", 2]), "inputs.mask.shape.1 is 3; it must be 2, to agree on words"),
    (set_at("inputs/1/maximum", 2), "inputs.mask.maximum is 2"),
    (set_at("inputs/2/maximum", 7), "inputs.seed.maximum is 7"),
    (set_at("inputs/3/minimum", 0), "inputs.temperature.minimum is 0"),
    (set_at("inputs/3/dtype", "int64"), 'inputs.temperature.dtype is "int64"'),
    (set_at("inputs/4/maximum", 12), "inputs.top_k.maximum is 12; it must be 13, to agree on vocabulary"),
    (set_at("inputs/4/maximum", 13.5), "inputs.top_k.maximum is 13.5"),
    (set_at("inputs/4/default", 1), "inputs.top_k.default is 1"),
    (set_at("inputs/5/exclusiveMinimum", -1), "inputs.top_p.exclusiveMinimum is -1"),
    (set_at("inputs/5/minimum", 0), 'inputs.top_p holds "minimum", which format 1 has not'),
    (set_at("output/name", "sentence"), 'output.name is "sentence"'),
    (set_at("output/dtype", "int32"), 'output.dtype is "int32"'),
    (set_at("output/shape", ["batch", 0]), "output.shape.1 is 0"),
    (set_at("output/shape", ["batch", 4097]), "output.shape.1 is 4097"),
    (set_at("output/maximum", 2**20), "output.maximum is 1048576"),
    (set_at("inputs/0/maximum", 2**20), "inputs.keywords.maximum is 1048576"),
    (set_at("inputs/0/shape", ["batch", 1025]), "inputs.keywords.shape.1 is 1025"),
    (set_at("inputs/4/maximum", 2**20 + 1), "inputs.top_k.maximum is 1048577"),
    (set_at("output/shape", [6, 6]), "output.shape.0 is 6"),
    (set_at("output/shape", ["batch", 6, 6]), 'output.shape is ["batch", 6, 6]'),
    (set_at("output/shape", ["batch", 7]), "log_probability.shape.1 is 6; it must be 7, to agree on length"),
    (set_at("output/minimum", 1), "output.minimum is 1"),
    (set_at("output/maximum", 13), "output.maximum is 13; it must be 12, to agree on vocabulary"),
    (set_at("output/maximum", 1), "output.maximum is 1"),
    (set_at("output/layout", "NCHW"), 'output holds "layout", which format 1 has not'),
    (set_at("log_probability/name", "probability"), 'log_probability.name is "probability"'),
    (set_at("log_probability/maximum", 1), "log_probability.maximum is 1"),
    (set_at("log_probability/shape", ["batch", 5]), "log_probability.shape.1 is 5; it must be 6, to agree on length"),
    (set_at("log_probability/minimum", -9), 'log_probability holds "minimum", which format 1 has not'),
    (set_at("files", {"model.onnx": "0" * 64}), "files lacks tokenizer.json"),
    (set_at("golden/indices", [0] * 16), 'golden holds "indices", which format 1 has not'),
    (set_at("golden/tolerance", 0), "golden.tolerance is 0"),
    (set_at("golden/tolerance", 1), "golden.tolerance is 1"),
    (set_at("golden/inputs/z", [0] * 4), 'golden.inputs holds "z", which format 1 has not'),
    (
        set_at("golden/inputs/seed", [0, 1, 2]),
        "golden.inputs.seed is [0, 1, 2]; it must be a list of 4, to agree on rows",
    ),
    (set_at("golden/inputs/seed", [0, 1, 2, -1]), "golden.inputs.seed.3 is -1"),
    (set_at("golden/inputs/seed", [0, 1, 2, 2**32]), "golden.inputs.seed.3 is 4294967296"),
    (set_at("golden/inputs/seed", [0, 1, 2, 3.0]), "golden.inputs.seed.3 is 3.0"),
    (set_at("golden/inputs/seed", [0, 1, 2, True]), "golden.inputs.seed.3 is true"),
    (set_at("golden/inputs/seed", [[0], [1], [2], [3]]), "golden.inputs.seed.0 is [0]"),
    (set_at("golden/inputs/keywords/0", [4, 8]), "golden.inputs.keywords.0 is [4, 8]"),
    (set_at("golden/inputs/keywords/0", [4, 8, 13]), "golden.inputs.keywords.0.2 is 13"),
    (set_at("golden/inputs/keywords/0", 4), "golden.inputs.keywords.0 is 4"),
    (set_at("golden/inputs/mask/0/0", 2), "golden.inputs.mask.0.0 is 2"),
    (set_at("golden/inputs/temperature/0", 0.01), "golden.inputs.temperature.0 is 0.01"),
    (set_at("golden/inputs/temperature/0", float("nan")), "golden.inputs.temperature.0 is NaN"),
    (set_at("golden/inputs/temperature/0", "1"), 'golden.inputs.temperature.0 is "1"'),
    (set_at("golden/inputs/top_k/0", 14), "golden.inputs.top_k.0 is 14"),
    (set_at("golden/inputs/top_p/0", 0), "golden.inputs.top_p.0 is 0"),
    (set_at("golden/inputs/top_p/0", 1.5), "golden.inputs.top_p.0 is 1.5"),
    (set_at("golden/tokens", []), "golden.tokens is []"),
    (set_at("golden/tokens", [[2, 0, 0, 0, 0, 0]] * 3), "golden.tokens is [[2, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0], [2"),
    (set_at("golden/tokens/0", [2, 0, 0, 0, 0]), "golden.tokens.0 is [2, 0, 0, 0, 0]"),
    (set_at("golden/tokens/0/0", 13), "golden.tokens.0.0 is 13"),
    (set_at("golden/tokens/0/0", -1), "golden.tokens.0.0 is -1"),
    (set_at("golden/tokens/0/0", 2.0), "golden.tokens.0.0 is 2.0"),
    (set_at("golden/log_probability/0", [-1.0]), "golden.log_probability.0 is [-1.0]"),
    (set_at("golden/log_probability/0/0", 0.1), "golden.log_probability.0.0 is 0.1"),
    (set_at("golden/log_probability/0/0", float("-inf")), "golden.log_probability.0.0 is -Infinity"),
    (set_at("golden/log_probability/0/0", -(10**400)), "golden.log_probability.0.0 is -10000000000000000000000000000"),
    (set_at("golden/log_probability/0/0", None), "golden.log_probability.0.0 is null"),
]


@pytest.fixture
def sidecars(make_bundle: Any, words_bundle: Path, sentences_bundle: Path) -> dict[str, dict[str, Any]]:
    """Valid ones: `pictures` from seeds and classes, `z`, `words` with styles and maps, `sentences`."""
    folders = {
        "pictures": make_bundle(), "z": make_bundle("z", takes_z=True), "words": words_bundle,
        "sentences": sentences_bundle,
    }  # fmt: skip
    return {name: json.loads((folder / "model.onnx.json").read_text()) for name, folder in folders.items()}


def refusal(sidecar: dict[str, Any]) -> str:
    """What is said of a sidecar that is refused."""
    with pytest.raises(AttnGANError) as raised:
        validate_sidecar(sidecar)
    assert raised.value.subject == "model.onnx.json" and raised.value.remedy.endswith("export the generator again")
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400
    return raised.value.problem


TABLES = [("pictures", *row) for row in PICTURES] + [("words", *row) for row in WORDS]
TABLES += [("sentences", *row) for row in SENTENCES]


@pytest.mark.parametrize(("name", "change", "problem"), TABLES, ids=[f"{i}-{row[2]}" for i, row in enumerate(TABLES)])
def test_every_contradiction_is_refused_and_named(
    sidecars: dict[str, Any], name: str, change: Callable[[dict[str, Any]], None], problem: str
) -> None:
    validate_sidecar(sidecars[name])
    change(sidecars[name])
    assert refusal(sidecars[name]).startswith(problem)


@pytest.mark.parametrize("name", ["pictures", "z", "words", "sentences"])
def test_every_field_is_needed(sidecars: dict[str, Any], name: str) -> None:
    sidecar = sidecars[name]
    for field in sidecar.keys() - {"sha256", "attention"}:
        assert field in refusal({key: value for key, value in sidecar.items() if key != field})
    validate_sidecar({key: value for key, value in sidecar.items() if key not in ("sha256", "attention")})


def test_other_outputs_are_of_their_tasks_alone(sidecars: dict[str, Any]) -> None:
    likely = output_entry("text", "log_probability", length=6)
    assert 'holds "log_probability"' in refusal(sidecars["pictures"] | {"log_probability": likely})
    assert 'holds "attention"' in refusal(sidecars["pictures"] | {"attention": MAPS})


@pytest.mark.parametrize(
    ("name", "path", "value", "problem"),
    [
        ("pictures", "golden/inputs/seed/0", "0", 'golden.inputs.seed.0 is "0"'),
        ("pictures", "golden/inputs/class/0", 3, "golden.inputs.class.0 is 3"),
        ("pictures", "golden/inputs/truncation/0", 2.5, "golden.inputs.truncation.0 is 2.5"),
        ("z", "inputs/0/shape", ["batch", 65537], "inputs.z.shape.1 is 65537"),
        ("z", "golden/inputs/z/0/0", float("inf"), "golden.inputs.z.0.0 is Infinity"),
        ("z", "golden/inputs/z/0/0", 1e39, "golden.inputs.z.0.0 is 1e+39"),
    ],
)
def test_golden_inputs_and_z_are_in_range(
    sidecars: dict[str, Any], name: str, path: str, value: Any, problem: str
) -> None:
    set_at(path, value)(sidecars[name])
    assert refusal(sidecars[name]).startswith(problem)
