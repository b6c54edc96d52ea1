"""What a run folder holds, of each task: files, keys, tensors; when it is finished, and when it was stopped on the way.

run_folder.json holds it; `kept.py` says how to rewrite it. config.json and what stands in lines may gain keys.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors import safe_open
from tiny_runs import untimed, write_pictures
from tiny_text import write_sentences
from tiny_words import write_captioned

from attngan.cli import main
from attngan.config import RunConfig
from attngan.presets import PRESETS
from tests.interface.kept import kept_json, missing


def mean_colours(_: None, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    """In place of EfficientNet's session: float32 [B, 147], means of squares of 32 × 32 pixels."""
    pictures = feeds["pictures"].reshape(-1, 3, 7, 32, 7, 32)
    return [pictures.mean((3, 5)).reshape(len(pictures), -1) / 255]


def counts(tokens: torch.Tensor) -> torch.Tensor:
    """In place of MiniLM: float32 [B, 384] of length 1."""
    return torch.nn.functional.normalize((tokens[:, :, None] == torch.arange(1, 385)).sum(1) + 0.1, dim=1)


def encode(texts: list[str]) -> list[SimpleNamespace]:
    return [SimpleNamespace(ids=[1 + ord(letter) % 26 for letter in text] + [1]) for text in texts]


#: Where the two frozen networks are loaded, and what costs nothing in their place.
FROZEN = {
    "attngan.features.efficientnet._session": lambda: SimpleNamespace(
        run=mean_colours, get_inputs=lambda: [SimpleNamespace(name="pictures")]
    ),
    "attngan.features.minilm.load_minilm": lambda: (SimpleNamespace(encode_batch=encode), counts),
}
SHORT = {
    "tiny": {"kid_samples": 20}, "tiny-words": {"kid_samples": 20, "matching_images": 64},
    "tiny-text": {"kid_samples": 20, "likelihood_images": 640},
}  # fmt: skip
LONG = {"tiny-words": {"matching_images": 10**6}, "tiny-text": {"likelihood_images": 20_000}}
RUNS: dict[str, tuple[str, ...]] = {
    "image": ("tiny", "--augment", "adaptive", "--holdout", "12"),
    "text-to-image": ("tiny-words", "--holdout", "12"),
    "text": ("tiny-text",),
}


@pytest.fixture(scope="module", autouse=True)
def cheap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        for name, network in FROZEN.items():
            patch.setattr(name, network)
        untimed(patch)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("data")
    for name in ("pictures", "words"):
        (root / name).mkdir()
    return {
        "image": write_pictures(root / "pictures"), "text-to-image": write_captioned(root / "words"),
        "text": write_sentences(root / "lines.txt"),
    }  # fmt: skip


def trained(task: str, data: Path, out: Path, changes: dict[str, dict[str, int]], *more: str) -> Path:
    preset, *options = RUNS[task]
    words = ["train", "--preset", preset, "--data", str(data), "--out", str(out), "--images", "48", *options, *more]
    with pytest.MonkeyPatch.context() as patch:
        network, training = PRESETS[preset]
        patch.setitem(PRESETS, preset, (network, replace(training, **changes.get(preset, {}))))  # type: ignore[arg-type]
        found = CliRunner().invoke(main, words)
    assert found.exit_code == 0, found.output
    return out


@contextmanager
def stopped_when(appears: Path) -> Iterator[None]:
    """Sends SIGTERM to this process as soon as there is a file, which a run writes while it handles signals."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            if appears.exists():
                ended.wait(1.0)  # until the phase after it has made a step
                os.kill(os.getpid(), signal.SIGTERM)
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def keys(value: Any) -> Any:
    """The nested keys of an object, with the types of what stands there."""
    return {key: keys(item) for key, item in value.items()} if isinstance(value, dict) else type(value).__name__


def tensors(path: Path) -> dict[str, Any]:
    """Names, types and shapes of a safetensors file, and the keys of what is said beside them."""
    with safe_open(path, framework="pt") as file:
        found = {name: file.get_tensor(name) for name in sorted(file.keys())}
        [about] = file.metadata().values()
    shown = [f"{name} {str(tensor.dtype)[6:]} {list(tensor.shape)}" for name, tensor in found.items()]
    return {"tensors": shown, "metadata": keys(json.loads(about))}


def described(folder: Path) -> dict[str, Any]:
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    found: dict[str, Any] = {"files": files}
    for name in files:
        path = folder / name
        if name == "config.json":
            found[name] = json.loads(path.read_text())
        elif path.suffix == ".json":
            found[name] = keys(json.loads(path.read_text())) if name != "tokenizer.json" else "see tests of the runtime"
        elif path.suffix == ".jsonl":
            found[name] = keys(json.loads(path.read_text().splitlines()[0]))
        elif path.suffix == ".safetensors":
            found[name] = tensors(path)
    if found.get("checkpoint.previous.safetensors") == found.get("checkpoint.safetensors", {}):
        found["checkpoint.previous.safetensors"] = "as checkpoint.safetensors"
    return found


@pytest.fixture(scope="module")
def found(data: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("runs")
    runs = {task: trained(task, data[task], root / task, SHORT) for task in RUNS}
    for task, appears in (("text-to-image", "data.json"), ("text", "likelihood.jsonl")):
        out = root / f"{task}, stopped in its first phase"
        with stopped_when(out / appears):
            runs[out.name] = trained(task, data[task], out, LONG)
    return {name: described(folder) for name, folder in runs.items()}


@pytest.fixture(scope="module")
def kept(found: dict[str, Any]) -> dict[str, Any]:
    return dict(kept_json("run_folder.json", lambda: found))


def test_files_keys_and_tensors(kept: dict[str, Any], found: dict[str, Any]) -> None:
    assert kept.keys() == found.keys()
    for name in kept:
        assert found[name]["files"] == kept[name]["files"], name
        assert missing(kept[name], found[name], name) == []


def test_config_of_today_is_read_by_later_versions(kept: dict[str, Any]) -> None:
    for name, run in kept.items():
        text = json.dumps(run["config.json"])
        again = json.loads(RunConfig.from_json(text, "here").to_json())
        assert missing(run["config.json"], again, name) == []
