"""The table of compatibility: which versions, what a cell says however its process ends, and what the page shows."""

import json
import math
import shutil
import sys
from pathlib import Path

import compatibility
import onnx
import pytest
from compatibility import answer, command_cell, markdown, node_cell, python_cell, row, write_page
from compatibility_installs import ROOT, InstallError, newest_patches, run
from onnx import TensorProto, helper

from attngan_runtime.bundle import write_sidecar
from tests.runtime.sidecars import with_file

KEPT = ROOT / "tests/runtime/kept"


def test_the_newest_patch_of_each_minor_release():
    versions = [
        "1.25.0", "1.24.2", "1.24.10", "1.23.9", "1.26.0rc1", "1.27.0-dev.20260114-c343143a49", "0.99.0", "2.0.1",
    ]  # fmt: skip
    assert newest_patches(versions) == ["1.24.10", "1.25.0", "2.0.1"]


@pytest.mark.parametrize(("name", "module"), [("shapes", "onnxruntime-node"), ("sentences", "onnxruntime-web")])
def test_bundles_of_earlier_commits_in_python_and_in_modules(installed, name, module):
    in_python = python_cell(sys.executable, {}, "CPUExecutionProvider", KEPT / name)
    in_a_module = node_cell(installed / "node_modules" / module, KEPT / name)
    for cell in (in_python, in_a_module):
        assert cell.get("within") and cell["difference"] < 1e-4, cell


@pytest.mark.parametrize(("name", "key"), [("shapes", "values"), ("sentences", "log_probability")])
def test_a_difference_that_is_no_number_has_a_reason(installed, tmp_path, name, key):
    folder = Path(shutil.copytree(KEPT / name, tmp_path / name))
    model = onnx.load(folder / "model.onnx")
    output = {"values": "image"}.get(key, key)
    (last,) = (node for node in model.graph.node if output in node.output)
    last.output[list(last.output).index(output)] = "finite"
    model.graph.initializer.append(helper.make_tensor("nan", TensorProto.FLOAT, [], [math.nan]))
    model.graph.node.append(helper.make_node("Add", ["finite", "nan"], [output]))
    with_file(folder, "model.onnx", model.SerializeToString())
    module = installed / "node_modules/onnxruntime-node"
    for cell in (python_cell(sys.executable, {}, "CPUExecutionProvider", folder), node_cell(module, folder)):
        assert cell == {"reason": "gives NaN or infinity"}


@pytest.mark.parametrize(("name", "field"), [("sentences", "tokens"), ("shapes", "values")])
def test_other_words_are_said_of_sentences_alone(installed, tmp_path, name, field):
    folder = Path(shutil.copytree(KEPT / name, tmp_path / name))
    sidecar = json.loads((folder / "model.onnx.json").read_text(encoding="utf-8"))
    golden = sidecar["golden"]
    if field == "tokens":
        golden["tokens"][0][0] += 1
    else:
        golden["values"][0] += 0.5
    write_sidecar(folder, sidecar)
    module = installed / "node_modules/onnxruntime-node"
    for cell in (python_cell(sys.executable, {}, "CPUExecutionProvider", folder), node_cell(module, folder)):
        assert cell.get("reason") == ("writes other words" if field == "tokens" else None), cell
        assert cell.get("within") is (None if field == "tokens" else False)


def test_a_cell_without_an_answer_says_why():
    said = python_cell(sys.executable, {}, "NoExecutionProvider", KEPT / "shapes")["reason"]
    assert "provider NoExecutionProvider: this ONNX Runtime has" in said
    assert "no such bundle" in python_cell(sys.executable, {}, "CPUExecutionProvider", KEPT / "nothing")["reason"]
    assert answer(["sh", "-c", "kill -s SEGV $$"], {}) == {"reason": "ended by signal 11"}
    assert answer(["sh", "-c", "echo first; echo last >&2"], {}) == {"reason": "last"}
    assert answer(["true"], {}) == {"reason": "no output"}


def test_no_answer_in_time(monkeypatch, tmp_path):
    monkeypatch.setattr(compatibility, "_LONGEST", 0.2)
    assert answer(["sleep", "9"], {}) == {"reason": "no answer in 0.2 s"}
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nexec sleep 9\n")
    slow.chmod(0o755)
    assert command_cell(str(slow), {}, tmp_path, KEPT / "shapes") == {"reason": "no answer in 0.2 s"}


def test_what_attngan_run_says_is_the_reason(tmp_path):
    said = command_cell(sys.executable, {}, tmp_path, KEPT / "nothing")["reason"]
    assert "no such bundle" in said


def test_a_version_that_cannot_be_installed_and_reasons_without_folders():
    def fails():
        run(["sh", "-c", "echo 'ERROR: none at https://registry/x' >&2; exit 1"])

    folder = Path("/somewhere/here/shapes")
    with pytest.raises(InstallError):
        fails()
    assert row(fails, lambda _: {}, {"a": folder}) == {"a": {"reason": "can't be installed: ERROR: none at …"}}
    for said, shown in {
        f"{folder}/model.onnx: broken": "broken",
        f"{folder}: FAIL : Exception: /onnxruntime/core/backend.cc:136 onnxruntime::Backend": "FAIL : Exception …",
    }.items():
        assert row(lambda: None, lambda _, said=said: {"reason": said}, {"a": folder}) == {"a": {"reason": shown}}


def test_the_page(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    marks = ["runtimes -->\nold\n<!-- end of runtimes", "environments", "end of environments"]
    page.write_text("\n".join(["before", *(f"<!-- {mark} -->" for mark in marks), "after\n"]))
    monkeypatch.setattr(compatibility, "PAGE", page)
    fine, far = {"difference": 1.64e-6, "within": True}, {"difference": 1.297, "within": False}
    no = {"reason": "no GPU here"}
    runtimes = [
        {
            "runtime": "onnxruntime",
            "version": "1.24.4",
            "provider": "CPUExecutionProvider",
            "cells": {"a": fine, "b": far},
        },
        {
            "runtime": "onnxruntime-gpu",
            "version": "1.31.1",
            "provider": "CUDAExecutionProvider",
            "cells": {"a": no, "b": no},
        },
    ]
    environments = [{"python": "3.11", "versions": "lowest", "cells": {"a": fine}}]
    for _ in range(2):  # the second time it replaces its own
        write_page({"bundles": ["a", "b"], "runtimes": runtimes, "environments": environments})
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert (
        text.count("| onnxruntime 1.24.4 | CPU | 2e-6 | **1.3** |\n| onnxruntime-gpu 1.31.1 | CUDA | — (1) | — (1) |")
        == 1
    )
    page.write_text("a page without marks\n")
    with pytest.raises(AssertionError, match=r"page\.md: has no <!-- runtimes --> with <!-- end of runtimes --> after"):
        write_page({"bundles": ["a", "b"], "runtimes": runtimes, "environments": environments})
    assert "\n1. no GPU here\n" in text and "| Python 3.11 | lowest | 2e-6 |" in text


def test_an_empty_table():
    assert markdown(("a", "b"), ["c"], []).splitlines()[0] == "| a | b | c |"
