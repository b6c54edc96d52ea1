"""docs/trust.md: its code is run as it stands, its bounds are those of the code, its figures those of the last run."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from attngan_runtime import Generator, entries, onnx_file, sentences, sidecar, tokens
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
    for change, said in [(for_ever, "status -9"), (too_much, "bad_alloc|bfc_arena|allocate|requested")]:
        changed = onnx.load_from_string(model.SerializeToString())
        change(changed)
        with_file(folder, "model.onnx", changed.SerializeToString())
        page.CHILD = page.CHILD.replace("CPU, FILE = 2 * 2**30, 10", "CPU, FILE = 2 * 2**30, 1")
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


def test_the_childs_surroundings_hold_no_secrets(
    page: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "s")
    page.CHILD = "import os, sys; sys.exit(str(dict(os.environ)))"
    with pytest.raises(RuntimeError) as raised:
        page.draw("bundle", str(tmp_path / "out.npy"))
    assert "SECRET" not in str(raised.value) and "OPENBLAS_NUM_THREADS" in str(raised.value)


def test_the_bounds_are_those_of_the_code() -> None:
    assert (sidecar.SIDECAR_LIMIT, sidecar.TOKENIZER_LIMIT) == (4 * 2**20, 32 * 2**20)
    assert (entries.MOST_PIXELS, entries.MOST_VALUES, entries.MOST_WORDS) == (2**24, 2**26, 4096)
    schema = json.loads(Path(sidecar.__file__).with_name("sidecar.schema.json").read_text())
    definitions = schema["definitions"]
    assert schema["properties"]["files"]["maxProperties"] == 32 and onnx_file._MOST_FIELDS == 2**20
    assert definitions["row"]["items"][1] == {"$ref": "#/definitions/length"}
    assert definitions["length"]["maximum"] == entries.MOST_WORDS
    assert definitions["sentence"]["properties"]["maximum"]["maximum"] == entries.LARGEST_VOCABULARY - 1
    for number in (
        entries.LARGEST_VOCABULARY, entries.LARGEST_Z, definitions["names"]["maxItems"], tokens._MOST_TEXT,
        definitions["line"]["maxLength"], definitions["side"]["maximum"], entries.MOST_KEYWORDS, entries.MOST_WORDS,
        sentences._MOST_LETTERS,
    ):  # fmt: skip
        assert re.search(rf"\| .*\b({number}|{number:,})\b.* \|", PAGE), number


def test_the_figures_are_those_of_the_last_run() -> None:
    shown = " ".join(PAGE.split())
    for kind, counts in RESULTS["classes"].items():
        assert f"| `{kind}` | {counts['cases']:,} |" in shown
    graph = RESULTS["classes"]["graph"]
    crashes = sum(count for name, count in graph.items() if name.startswith("signal"))
    for said in (f"{crashes} crashed", f"{graph.get('timed out', 0)} were stopped"):
        assert said in shown, said
    assert len([case for case in RESULTS["neither_drawn_nor_refused"] if case["outcome"] == "signal"]) == crashes
    assert sys.version_info >= (3, 11) and RESULTS["onnxruntime"] in shown
