"""docs/trust.md: its code is run as it stands, its bounds are those of the code, its figures those of the last run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from attngan_runtime import Generator
from attngan_runtime.bundle import MODEL, SIDECAR, TOKENIZER, onnx_check, spec
from attngan_runtime.tokenizers import text
from tests.runtime.fuzz.mutate_onnx import bomb
from tests.runtime.sidecars import with_file

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
RESULTS = json.loads((ROOT / "bench" / "results" / "fuzz.json").read_text(encoding="utf-8"))


@pytest.fixture
def page() -> ModuleType:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    module = ModuleType("draw")
    exec(code, module.__dict__)
    return module


def test_a_good_bundle_is_drawn(page: ModuleType, make_bundle: Any, tmp_path: Path) -> None:
    folder = make_bundle()
    found = page.draw(str(folder), str(tmp_path / "out.npy"))
    np.testing.assert_array_equal(found, Generator.load(folder).run(7))


def test_a_bad_bundle_ends_the_child_alone(page: ModuleType, make_bundle: Any, tmp_path: Path) -> None:
    folder = make_bundle()
    model = onnx.load(folder / "model.onnx")
    whole, page.CHILD = page.CHILD, page.CHILD.replace("CPU, FILE = 2 * 2**30, 10", "CPU, FILE = 2 * 2**30, 1")
    assert whole != page.CHILD
    for change, said in [(for_ever, "status -9"), (too_much, "bad_alloc|bfc_arena|allocate|requested")]:
        changed = onnx.load_from_string(model.SerializeToString())
        change(changed)
        with_file(folder, "model.onnx", changed.SerializeToString())
        with pytest.raises(RuntimeError, match=rf"waves: not drawn, .*({said})"):
            page.draw(str(folder), str(tmp_path / "out.npy"))
    with_file(folder, "model.onnx", b"junk")
    with pytest.raises(RuntimeError, match=r"status 1 .*AttnGANError: .*is no ONNX model or is damaged"):
        page.draw(str(folder), str(tmp_path / "out.npy"))


def for_ever(model: onnx.ModelProto) -> None:
    exploded(model, rows=10, turns=2**62)


def too_much(model: onnx.ModelProto) -> None:
    exploded(model, rows=2**40, turns=1)


def exploded(model: onnx.ModelProto, rows: int, turns: int) -> None:
    bomb(Random(0), model)
    held = {tensor.name: tensor for tensor in model.graph.initializer}
    held["bomb_size"].CopyFrom(helper.make_tensor("bomb_size", onnx.TensorProto.INT64, [2], [rows, 1]))
    held["bomb_again"].CopyFrom(helper.make_tensor("bomb_again", onnx.TensorProto.INT64, [], [turns]))


def test_a_child_that_waits_is_ended(page: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page.CHILD = "import time; time.sleep(60)"
    run = page.subprocess.run
    monkeypatch.setattr(page.subprocess, "run", lambda *args, **named: run(*args, **named | {"timeout": 0.2}))
    with pytest.raises(RuntimeError, match="took more than 30 seconds"):
        page.draw("bundle", str(tmp_path / "out.npy"))


def test_nothing_beside_the_program_is_imported(
    page: ModuleType, make_bundle: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    page.draw(str(make_bundle()), str(tmp_path / "out.npy"))
    assert not (tmp_path / "ran").exists()


def test_the_childs_surroundings_hold_no_secrets(
    page: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "s")
    page.CHILD = "import os, sys; sys.exit(str(dict(os.environ)))"
    with pytest.raises(RuntimeError) as raised:
        page.draw("bundle", str(tmp_path / "out.npy"))
    assert "SECRET" not in str(raised.value) and "OPENBLAS_NUM_THREADS" in str(raised.value)


def test_the_bounds_are_those_of_the_code() -> None:
    mebi = 2**20
    assert (spec.MOST_PIXELS, spec.MOST_VALUES, spec.LARGEST_FILE) == (2**24, 2**26, 2**31 - 1)
    assert spec.FILE_LIMITS[MODEL] == spec.LARGEST_FILE and onnx_check._MOST_FIELDS == 2**20
    bounds = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]*\|$", PAGE, re.M))
    for row, *said in [
        ("sidecar", f"{spec.FILE_LIMITS[SIDECAR] // mebi} MiB"),
        ("`tokenizer.json`", f"{spec.FILE_LIMITS[TOKENIZER] // mebi} MiB", f"{spec.LARGEST_VOCABULARY:,} words"),
        ("`model.onnx`", "2 GiB − 1", "a million protobuf fields"),
        ("files", f"{spec.MOST_FILES}, of 2 GiB − 1 each"),
        ("classes, styles", f"{spec.MOST_NAMES:,}, of {spec.LONGEST_NAME} letters"),
        ("sides of a picture", f"{spec.LARGEST_SIDE}, together 2²⁴ pixels"),
        ("golden sample", "2²⁶ values"),
        ("maps of attention", "2²⁶ values"),
        ("words of a prompt, tokens of a sentence", f"{spec.MOST_WORDS}"),
        ("key words", f"{spec.MOST_KEYWORDS}"),
        ("letters of a word in sentences", f"{spec.MOST_LETTERS}"),
        ("z", f"{spec.LARGEST_Z:,} numbers"),
        ("a caller's prompt or key words", f"{text._MOST_TEXT:,} characters"),
    ]:
        assert all(re.search(rf"(^|\b){re.escape(bound)}\b", bounds[row]) for bound in said), (row, bounds[row], said)


def test_the_figures_are_those_of_the_last_run() -> None:
    shown = " ".join(PAGE.split())
    damaged, described, graph = (RESULTS["classes"][name] for name in ("damaged", "described", "graph"))
    before = "refused by the runtime, before ONNX Runtime"
    refused = {name: counted(counts, "refused") for name, counts in RESULTS["classes"].items()}
    crashes = counted(graph, "signal")
    assert damaged[before] == damaged["cases"]
    for said in (
        f"| `damaged` | {damaged['cases']:,} | any byte",
        f"| `described` | {described['cases']:,} | sidecars",
        f"| `graph` | {graph['cases']:,} | models",
        f"{described['drew']:,} gave a result, {refused['described']:,} an `AttnGANError`",
        f"{graph['drew']:,} drew, {graph[before]:,} were refused before ONNX Runtime saw them, "
        f"{refused['graph'] - graph[before]:,} after",
        f"{graph.get('timed out', 0)} were stopped for their time, and **{crashes} crashed ONNX Runtime**",
        f"Of the crashes {graph['signal SIGSEGV']} were `SIGSEGV`",
        f"; {graph['signal SIGABRT']} were `SIGABRT`",
        f"ONNX Runtime {RESULTS['onnxruntime']} on Linux",
    ):
        assert said in shown, said
    for counts in (damaged, described, graph):  # nothing else became of any case
        assert counted(counts, "drew", "refused", "signal", "timed out") == counts["cases"]
    assert len([case for case in RESULTS["neither_drawn_nor_refused"] if case["outcome"] == "signal"]) == crashes


def counted(counts: dict[str, Any], *starts: str) -> int:
    """Cases whose outcome begins with one of these words."""
    return sum(count for name, count in counts.items() if name.startswith(starts))
