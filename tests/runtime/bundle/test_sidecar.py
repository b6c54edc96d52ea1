"""The sidecar's file: what is no sidecar at all, that no byte of it can change unnoticed, and how it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from refusals import refuses

from attngan_runtime.bundle import Bundle, golden_indices, parse_sidecar, validate_sidecar, write_sidecar
from attngan_runtime.errors import AttnGANError


@pytest.fixture
def sidecar(make_bundle: Any) -> dict[str, Any]:
    return json.loads((make_bundle() / "model.onnx.json").read_text())


@pytest.mark.parametrize("version", [0, 2, "1", 1.5, True, None, [1]])
def test_unknown_format_version_says_what_is_read_and_the_remedy(sidecar: dict[str, Any], version: Any) -> None:
    with refuses(": this attngan reads 1; install the attngan that wrote it"):
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
    with refuses(": leads out of the bundle") as raised:
        validate_sidecar(sidecar)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["console.onnx", "com.onnx", "nul-1", "lpt10", "a..b", "x" * 255, "_"])
def test_other_file_names_are_let_pass(sidecar: dict[str, Any], name: str) -> None:
    sidecar["files"][name] = "0" * 64
    validate_sidecar(sidecar)


def test_files_that_are_one_where_capitals_do_not_count_are_refused(sidecar: dict[str, Any]) -> None:
    sidecar["files"]["Model.onnx"] = "0" * 64
    with refuses(": two of its files differ in capitals alone"):
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
        with refuses(": cut short"):
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
    with refuses(": license"):
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


def test_a_sidecar_of_sentences_is_written_as_it_is(sentences_bundle: Path, tmp_path: Path) -> None:
    sidecar = parse_sidecar((sentences_bundle / "model.onnx.json").read_bytes())
    assert parse_sidecar(write_sidecar(tmp_path, sidecar).read_bytes()) == sidecar
