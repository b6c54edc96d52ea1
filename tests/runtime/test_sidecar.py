"""The sidecar's format: what is valid, what is refused and why, and that no byte of it can change unnoticed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from refusals import refuses

from attngan_runtime.bundle import Bundle
from attngan_runtime.errors import AttnGANError
from attngan_runtime.sidecar import (
    attention_output,
    class_input,
    golden_indices,
    log_probability_output,
    parse_sidecar,
    validate_sidecar,
    write_sidecar,
)
from tests.runtime.sidecars import set_at


@pytest.fixture
def sidecar(make_bundle: Any) -> dict[str, Any]:
    return json.loads((make_bundle() / "model.onnx.json").read_text())


OUTPUT = {"name": "image", "dtype": "float32", "layout": "NCHW", "channels": 1, "minimum": -1, "maximum": 1}

WRONG = [
    (set_at("task", "video"), "task"),
    (set_at("model", "other.onnx"), "model"),
    (set_at("name", ""), "name"),
    (set_at("files/model.onnx", "00"), "files"),
    (set_at("files", {}), "files"),
    (set_at("target", "tensorrt"), "target"),
    (set_at("precision", "int8"), "precision"),
    (set_at("extra", 1), "extra"),
    (set_at("inputs/0/maximum", 7), "input seed"),
    (set_at("inputs/0/shape", ["batch", 1]), "input seed"),
    (set_at("inputs/0/name", "noise"), "inputs"),
    (set_at("inputs/0/name", "z"), "input z"),
    (set_at("inputs/1/maximum", 3), "input class"),
    (set_at("inputs/1/classes", ["Bag", "Bag", "Shoe"]), "classes"),
    (set_at("inputs/1/name", "truncation"), "inputs are seed, truncation, truncation"),
    (set_at("inputs/2/maximum", 9), "input truncation"),
    (set_at("inputs", [{"name": "seed"}, {"name": "truncation"}]), "inputs"),
    (set_at("output/channels", 2), "channels"),
    (set_at("output/channels", True), "channels|whole numbers"),
    (set_at("output/channels", 1.0), "its sides must be whole numbers"),
    (set_at("output/height", 8.0), "its sides must be whole numbers"),
    (set_at("output/height", 8193), "height"),
    (set_at("output", OUTPUT | {"height": 4096, "width": 4097}), "has 4096×4097 pixels, where 16,777,216 is the limit"),
    (set_at("output", OUTPUT | {"channels": 4, "height": 4096, "width": 4096}), "golden pictures have 134,217,728 val"),
    (set_at("output/name", "image\n"), "output.name"),
    (set_at("name", "waves\x1b[2J"), "name"),
    (set_at("name", "w" * 256), "name"),
    (set_at("inputs/1/classes", ["Bag", "Shoe\u2028", "Hat"]), "classes"),
    (set_at("inputs/1", class_input([str(i) for i in range(65537)])), "classes"),
    (set_at("inputs/0/shape", [["batch"]]), "shape"),
    (set_at("files", {"model.onnx": "0" * 64} | {f"f{i}": "0" * 64 for i in range(32)}), "files"),
    (set_at("golden/indices/0", 0.0), "golden indices must be whole numbers"),
    (set_at("output/height", 0), "height"),
    (set_at("output/layout", "NHWC"), "layout"),
    (set_at("tolerance", {"fp16-weights": {"CPUExecutionProvider": {"asked": 1, "measured": 0}}}), "tolerance"),
    (set_at("tolerance/fp32", {"CUDAExecutionProvider": {"asked": 1, "measured": 0}}), "CPUExecutionProvider"),
    (set_at("tolerance/fp32/CPUExecutionProvider/measured", 1e-4), "beyond"),
    (set_at("tolerance/fp32/CPUExecutionProvider/measured", float("nan")), "beyond"),
    (set_at("golden/inputs", {"seed": [0]}), "golden inputs"),
    (set_at("golden/inputs/seed", [0, 1, 2]), "differ in length"),
    (set_at("golden/indices/63", 128), "golden indices"),
    (set_at("golden/values", [0.0] * 63), "golden indices"),
    (set_at("golden/values/0", 2.0), "golden"),
    (set_at("license", None), "license"),
    (set_at("created_with", {}), "created_with"),
]


@pytest.mark.parametrize(("change", "named"), WRONG, ids=[f"{i}-{named}" for i, (_, named) in enumerate(WRONG)])
def test_every_contradiction_is_refused_and_named(
    sidecar: dict[str, Any], change: Callable[[dict[str, Any]], None], named: str
) -> None:
    validate_sidecar(sidecar)
    changed = copy.deepcopy(sidecar)
    change(changed)
    with refuses(f"model.onnx.json: {named}"):
        validate_sidecar(changed)


def test_every_field_is_needed(sidecar: dict[str, Any]) -> None:
    for field in sidecar.keys() - {"sha256"}:
        with refuses(f"model.onnx.json: {field}"):
            validate_sidecar({key: value for key, value in sidecar.items() if key != field})


@pytest.mark.parametrize("version", [0, 2, "1", 1.5, True, None, [1]])
def test_unknown_format_version_says_what_is_read_and_the_remedy(sidecar: dict[str, Any], version: Any) -> None:
    with refuses("model.onnx.json: install the attngan"):
        validate_sidecar(sidecar | {"format_version": version})


@pytest.mark.parametrize(
    "name",
    [
        "../model.onnx", "/etc/passwd", "a/b", "a\\b", "..\\x", "C:x", "..", ".", "", "x\n", "model.onnx.json", ".x",
        "x.",        "Model.ONNX.json", "NUL", "con.onnx", "Lpt1.tar.gz", "x" * 256, "é", "x:y", "x y",
    ],
)  # fmt: skip
def test_file_names_that_may_lead_out_are_refused(sidecar: dict[str, Any], name: str) -> None:
    sidecar["files"][name] = "0" * 64
    with refuses("model.onnx.json: leads out of the bundle"):
        validate_sidecar(sidecar)


@pytest.mark.parametrize("name", ["console.onnx", "com.onnx", "nul-1", "lpt10", "a..b", "x" * 255, "_"])
def test_other_file_names_are_let_pass(sidecar: dict[str, Any], name: str) -> None:
    sidecar["files"][name] = "0" * 64
    validate_sidecar(sidecar)


def test_files_that_are_one_where_capitals_do_not_count_are_refused(sidecar: dict[str, Any]) -> None:
    sidecar["files"]["Model.onnx"] = "0" * 64
    with refuses("model.onnx.json: capitals alone"):
        validate_sidecar(sidecar)


@pytest.mark.parametrize("anything", [None, [], 1, "x", {}, {"format_version": 1}, {"format_version": 1, "files": []}])
def test_what_is_no_sidecar_is_refused(anything: Any) -> None:
    with pytest.raises(AttnGANError):
        validate_sidecar(anything)


def test_no_byte_of_a_sidecar_changes_unnoticed(make_bundle: Any) -> None:
    data = (make_bundle() / "model.onnx.json").read_bytes()
    assert parse_sidecar(data)["name"] == "waves"
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        with pytest.raises(AttnGANError):
            parse_sidecar(bytes(flipped))


def test_a_truncated_sidecar_is_refused_at_every_length(make_bundle: Any) -> None:
    data = (make_bundle() / "model.onnx.json").read_bytes()
    for length in range(0, len(data) - 1, 7):
        with refuses("model.onnx.json: cut short"):
            parse_sidecar(data[:length])


def test_line_ends_that_git_changes_on_windows_are_harmless(make_bundle: Any) -> None:
    data = (make_bundle() / "model.onnx.json").read_bytes()
    assert parse_sidecar(data.replace(b"\n", b"\r\n")) == parse_sidecar(data)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000, b'{"format_version": NaN}', b"1" * 5000, b"\xff\xfe", b"", b"null", b'"\\ud800"',
        b'{"sha256": "\\ud800", "format_version": 1}', b'{"format_version": 1, "a": 1e999}',
        b'{"format_version": 1, "format_version": 1}', b'{"a\\n\\u001b": 1, "a\\n\\u001b": 2}',
        *(b'{"format_version": 1, "inputs": ' + b"[" * depth + b"]" * depth + b"}" for depth in (16, 100, 980, 990)),
    ],
)  # fmt: skip
def test_hostile_json_gives_one_line(data: bytes) -> None:
    with pytest.raises(AttnGANError) as raised:
        parse_sidecar(data)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 300 and str(raised.value).isprintable()


def test_writing_keeps_every_value_and_its_order_of_classes(sidecar: dict[str, Any], tmp_path: Path) -> None:
    classes = ["a, b]", "[1, 2]", "日本", '"quoted"']
    sidecar["inputs"][1] |= {"classes": classes, "maximum": 3}
    sidecar["source"] = "[\n1,\n2]"
    path = write_sidecar(tmp_path, sidecar)
    found = parse_sidecar(path.read_bytes())
    assert found | {"sha256": ""} == sidecar | {"sha256": ""}
    assert list(tmp_path.glob("*.part")) == []


def test_writing_refuses_what_reading_would(sidecar: dict[str, Any], tmp_path: Path) -> None:
    with refuses("model.onnx.json: license"):
        write_sidecar(tmp_path, sidecar | {"license": ""})
    assert not (tmp_path / "model.onnx.json").exists()


def test_golden_indices_reach_both_ends_and_every_column() -> None:
    indices = golden_indices(2 * 32 * 32)
    assert len(set(indices)) == 64 and indices[0] == 0 and indices[-1] == 2047
    assert {index % 32 for index in indices} >= set(range(31))


def test_golden_values_are_what_the_bundle_draws(make_bundle: Any) -> None:
    from attngan_runtime import Generator

    for name, takes_z in (("from-seeds", False), ("from-z", True)):
        folder = make_bundle(name, shape=(3, 8, 8), takes_z=takes_z)
        golden = Bundle.load(folder).sidecar["golden"]
        given = golden["inputs"]
        noise = {"z": given["z"]} if takes_z else {"seeds": given["seed"]}
        drawn = Generator.load(folder).run_float(**noise, classes=given["class"], truncation=given["truncation"])
        assert drawn.ravel()[golden["indices"]].tolist() == golden["values"]


WRONG_TEXT = [
    (set_at("task", "image"), "output must contain"),
    (set_at("attention", attention_output(3, 2, 2)), "attention must not be there"),
    (set_at("inputs/2/name", "z"), "inputs are keywords, mask, z, temperature"),
    (set_at("inputs", []), "inputs"),
    (set_at("inputs/0/name", "tokens"), "they must be keywords, mask, seed, temperature, top_k, top_p"),
    (set_at("inputs/0/maximum", 13), r"tokens is .*; it must be .*\"maximum\": 13"),
    (set_at("inputs/0/maximum", 12.5), "input keywords"),
    (set_at("inputs/0/maximum", 2), "input keywords"),
    (set_at("inputs/0/shape", ["batch", 0]), "input keywords"),
    (set_at("inputs/0/shape", ["batch", 10**9]), "input keywords"),
    (set_at("inputs/0/shape", ["batch", "3"]), "input keywords"),
    (set_at("inputs/0/shape", ["batch"]), "input keywords"),
    (set_at("inputs/0/shape", ["batch", 2]), "keywords and mask differ in length"),
    (set_at("inputs/1/maximum", 2), "input mask"),
    (set_at("inputs/2/maximum", 7), "input seed"),
    (set_at("inputs/3/minimum", 0), "input temperature"),
    (set_at("inputs/3/dtype", "int64"), "input temperature"),
    (set_at("inputs/4/maximum", 12), "top_k is"),
    (set_at("inputs/4/maximum", 13.5), "input top_k"),
    (set_at("inputs/4/default", 1), "input top_k"),
    (set_at("inputs/5/exclusiveMinimum", -1), "input top_p"),
    (set_at("inputs/5/minimum", 0), "input top_p"),
    (set_at("output/name", "sentence"), "output.name"),
    (set_at("output/dtype", "int32"), "output.dtype"),
    (set_at("output/shape", ["batch", 0]), "output.shape"),
    (set_at("output/shape", ["batch", 4097]), "output.shape"),
    (set_at("output/maximum", 2**20), "output.maximum"),
    (set_at("inputs/0/maximum", 2**20), "input keywords"),
    (set_at("inputs/0/shape", ["batch", 1025]), "input keywords"),
    (set_at("inputs/4/maximum", 2**20 + 1), "input top_k"),
    (set_at("output/shape", [6, 6]), "output.shape"),
    (set_at("output/shape", ["batch", 6, 6]), "output.shape"),
    (set_at("output/shape", ["batch", 7]), r"log_probability is .*; it must be .*7"),
    (set_at("output/minimum", 1), "output.minimum"),
    (set_at("output/maximum", 13), "tokens is"),
    (set_at("output/maximum", 1), "output.maximum"),
    (set_at("output/layout", "NCHW"), "output"),
    (set_at("log_probability/name", "probability"), "log_probability.name"),
    (set_at("log_probability/maximum", 1), "log_probability.maximum"),
    (set_at("log_probability/shape", ["batch", 5]), "log_probability is"),
    (set_at("log_probability/minimum", -9), "log_probability"),
    (set_at("files", {"model.onnx": "0" * 64}), "tokenizer.json is not among its files, and no sentence can be"),
    (set_at("golden/indices", [0] * 16), "golden"),
    (set_at("golden/tolerance", 0), "golden.tolerance"),
    (set_at("golden/tolerance", 1), "golden.tolerance"),
    (set_at("golden/inputs/z", [0] * 4), "golden inputs are"),
    (set_at("golden/inputs/seed", [0, 1, 2]), "differ in length"),
    (set_at("golden/inputs/seed", [0, 1, 2, -1]), "golden inputs of seed are not of its range"),
    (set_at("golden/inputs/seed", [0, 1, 2, 2**32]), "golden inputs of seed are not of its range"),
    (set_at("golden/inputs/seed", [0, 1, 2, 3.0]), "golden inputs of seed are not of its dtype"),
    (set_at("golden/inputs/seed", [0, 1, 2, True]), "golden inputs of seed are not of its dtype"),
    (set_at("golden/inputs/seed", [[0], [1], [2], [3]]), "golden inputs of seed are not of its shape"),
    (set_at("golden/inputs/keywords/0", [4, 8]), "golden inputs of keywords are not of its shape"),
    (set_at("golden/inputs/keywords/0", [4, 8, 13]), "golden inputs of keywords are not of its range"),
    (set_at("golden/inputs/keywords/0", 4), "golden inputs of keywords are not of its shape"),
    (set_at("golden/inputs/mask/0/0", 2), "golden inputs of mask are not of its range"),
    (set_at("golden/inputs/temperature/0", 0.01), "golden inputs of temperature are not of its range"),
    (set_at("golden/inputs/temperature/0", float("nan")), "golden inputs of temperature are not of its range"),
    (set_at("golden/inputs/temperature/0", "1"), "golden inputs of temperature are not of its dtype"),
    (set_at("golden/inputs/top_k/0", 14), "golden inputs of top_k are not of its range"),
    (set_at("golden/inputs/top_p/0", 0), "golden inputs of top_p are not of its range"),
    (set_at("golden/inputs/top_p/0", 1.5), "golden inputs of top_p are not of its range"),
    (set_at("golden/tokens", []), "golden.tokens"),
    (set_at("golden/tokens", [[2, 0, 0, 0, 0, 0]] * 3), "golden tokens are not of their number: 4 rows of 6"),
    (set_at("golden/tokens/0", [2, 0, 0, 0, 0]), "golden tokens are not of their shape: 4 rows of 6"),
    (set_at("golden/tokens/0/0", 13), "golden tokens are not of their range"),
    (set_at("golden/tokens/0/0", -1), "golden tokens are not of their range"),
    (set_at("golden/tokens/0/0", 2.0), "golden tokens are not of their dtype"),
    (set_at("golden/log_probability/0", [-1.0]), "golden log_probability are not of their shape"),
    (set_at("golden/log_probability/0/0", 0.1), "golden log_probability are not of their range"),
    (set_at("golden/log_probability/0/0", float("-inf")), "golden log_probability are not of their range"),
    (set_at("golden/log_probability/0/0", -(10**400)), "golden log_probability are not of their range"),
    (set_at("golden/log_probability/0/0", None), "golden log_probability are not of their dtype"),
]


@pytest.mark.parametrize(
    ("change", "named"), WRONG_TEXT, ids=[f"{i}-{named}" for i, (_, named) in enumerate(WRONG_TEXT)]
)
def test_every_contradiction_of_sentences_is_refused_and_named(
    sentences_bundle: Path, change: Callable[[dict[str, Any]], None], named: str
) -> None:
    sidecar = json.loads((sentences_bundle / "model.onnx.json").read_text())
    validate_sidecar(sidecar)
    change(sidecar)
    with refuses(f"model.onnx.json: {named}") as raised:
        validate_sidecar(sidecar)
    assert len(str(raised.value)) < 400


def test_every_field_of_sentences_is_needed(sentences_bundle: Path) -> None:
    sidecar = json.loads((sentences_bundle / "model.onnx.json").read_text())
    for field in sidecar.keys() - {"sha256"}:
        with refuses(f"model.onnx.json: {field}"):
            validate_sidecar({key: value for key, value in sidecar.items() if key != field})


def test_log_probabilities_are_of_sentences_alone(sidecar: dict[str, Any]) -> None:
    with refuses("model.onnx.json: log_probability must not"):
        validate_sidecar(sidecar | {"log_probability": log_probability_output(6)})


def test_a_sidecar_of_sentences_is_written_as_it_is(sentences_bundle: Path, tmp_path: Path) -> None:
    sidecar = parse_sidecar((sentences_bundle / "model.onnx.json").read_bytes())
    assert parse_sidecar(write_sidecar(tmp_path, sidecar).read_bytes()) == sidecar


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("seed/0", "0", "golden inputs of seed are not of its dtype"),
        ("class/0", 3, "golden inputs of class are not of its range"),
        ("truncation/0", 2.5, "golden inputs of truncation are not of its range"),
    ],
)
def test_golden_inputs_of_pictures_are_in_range(sidecar: dict[str, Any], path: str, value: Any, named: str) -> None:
    set_at(f"golden/inputs/{path}", value)(sidecar)
    with refuses(f"model.onnx.json: {named}"):
        validate_sidecar(sidecar)


def test_a_z_is_bounded(make_bundle: Any) -> None:
    sidecar = json.loads((make_bundle("z", takes_z=True) / "model.onnx.json").read_text())
    set_at("inputs/0/shape", ["batch", 65537])(sidecar)
    with refuses("model.onnx.json: input z is"):
        validate_sidecar(sidecar)


def test_a_golden_z_is_finite(make_bundle: Any) -> None:
    sidecar = json.loads((make_bundle("z", takes_z=True) / "model.onnx.json").read_text())
    set_at("golden/inputs/z/0/0", float("inf"))(sidecar)
    with refuses("model.onnx.json: golden inputs of z"):
        validate_sidecar(sidecar)
