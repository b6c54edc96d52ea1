"""That the comparison behind `make same-bits` sees every difference, and allows what may differ."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from tests.interface.comparison import differences


def write(folder: Path, values: list[float], about: dict[str, Any]) -> None:
    content = save({"a": np.array(values, np.float32), "b": np.zeros(2, np.int64)}, {"attngan": json.dumps(about)})
    (folder / "checkpoint.safetensors").write_bytes(content)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two equal ones."""
    one = tmp_path / "one"
    (one / "samples").mkdir(parents=True)
    write(one, [1.0, -0.0], {"about": {"images": 16, "machine": {"cpu": "old"}}, "sha256": "0"})
    (one / "config.json").write_text('{"network": {"heads": 2}}')
    (one / "metrics.jsonl").write_text('{"images": 16}\n')
    (one / "model.onnx.json").write_text('{"name": "run", "files": {"model.onnx": "0"}}')
    (one / "samples" / "1.png").write_bytes(b"picture")
    (one / "model.pt2").write_bytes(b"one")
    return one, Path(shutil.copytree(one, tmp_path / "other"))


def test_what_may_differ(folders: tuple[Path, Path]) -> None:
    one, other = folders
    write(other, [1.0, -0.0], {"about": {"images": 16, "more": 1, "machine": {"cpu": "new"}}, "sha256": "1"})
    (other / "config.json").write_text('{"network": {"heads": 2, "more": 1}}')
    (other / "model.onnx.json").write_text('{"name": "run", "files": {"model.onnx": "1"}}')
    (other / "model.pt2").write_bytes(b"other")
    assert differences(one, other) == []


CHANGES: dict[str, Callable[[Path], object]] = {
    "checkpoint.safetensors: tensor a: other bits": lambda other: write(other, [1.0, 0.0], {"about": {"images": 16}}),
    "checkpoint.safetensors: images: 16 → 17": lambda other: write(other, [1.0, -0.0], {"about": {"images": 17}}),
    "checkpoint.safetensors: images: gone": lambda other: write(other, [1.0, -0.0], {"about": {}}),
    "config.json: network.heads: 2 → 3": lambda other: (other / "config.json").write_text('{"network": {"heads": 3}}'),
    "config.json: network: gone": lambda other: (other / "config.json").write_text("{}"),
    "metrics.jsonl: other bytes (15 and 15)": lambda other: (other / "metrics.jsonl").write_text('{"images": 17}\n'),
    "model.onnx.json: name: 'run' → 'ran'": lambda other: (other / "model.onnx.json").write_text(
        '{"name": "ran", "files": {"model.onnx": "0"}}'
    ),
    "samples/1.png: only in the base": lambda other: (other / "samples" / "1.png").unlink(),
    "model.pt: only in the working tree": lambda other: (other / "model.pt").touch(),
}


@pytest.mark.parametrize("line", CHANGES)
def test_what_may_not(line: str, folders: tuple[Path, Path]) -> None:
    one, other = folders
    CHANGES[line](other)
    assert differences(one, other) == [line]
