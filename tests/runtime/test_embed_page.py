"""What docs/embed-python.md gives to copy runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attngan_runtime import Generator

PAGE = Path(__file__).parents[2] / "docs" / "embed-python.md"


def code(containing: str) -> str:
    blocks: list[str] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    (found,) = [block for block in blocks if containing in block]
    return found


def test_onnx_runtime_alone_gives_the_same_pixels(make_bundle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_bundle("bundle")
    monkeypatch.chdir(folder.parent)
    names: dict[str, Any] = {}
    exec(code("InferenceSession"), names)
    golden = names["golden"]["inputs"]
    expected = Generator.load(folder).run(
        seeds=golden["seed"], classes=golden["class"], truncation=golden["truncation"]
    )
    np.testing.assert_array_equal(names["pixels"].transpose(0, 2, 3, 1), expected)


def test_the_web_service_answers() -> None:
    from starlette.testclient import TestClient

    names: dict[str, Any] = {}
    exec(code("starlette"), names)
    client = TestClient(names["app"])
    answer = client.get("/sticker", params={"prompt": "red heart"})
    assert (answer.status_code, answer.content[:4]) == (200, b"\x89PNG")
    assert client.get("/sticker", params={"prompt": "red\x00"}).status_code == 400


def test_the_page_for_cpp_quotes_its_example() -> None:
    page = (PAGE.parent / "embed-native.md").read_text(encoding="utf-8")
    example = "".join((PAGE.parents[1] / "examples" / "embed.cpp").read_text(encoding="utf-8").split())
    quoted = re.findall(r"```cpp\n(.*?)```", page, re.S)
    assert len(quoted) == 3  # the last is of z, which the example has not
    for block in quoted[:2]:
        assert "".join(block.split()) in example
