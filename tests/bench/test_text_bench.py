"""The benchmark of sentences with a tiny generator: every form writes the same, and `--quick` leaves the disk alone."""

import json
from dataclasses import replace

import bench_text
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from attngan.networks.decoding import DeployedTextGenerator
from attngan.networks.text import TextGenerator
from attngan.presets import preset


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    """One thread, and the preset tiny-text with 40 words and 24 tokens in place of captions."""
    before = torch.get_num_threads()
    monkeypatch.setattr(bench_text, "THREADS", 1)
    monkeypatch.setattr(bench_text, "PLACES", (0, 7, 23))
    monkeypatch.setattr(bench_text, "endless", tiny)
    yield
    torch.set_num_threads(before)


def tiny():
    torch.manual_seed(0)
    generator = TextGenerator(replace(preset("tiny-text")[0], vocabulary=40)).eval().requires_grad_(False)
    generator.bias[2] = -1e4
    return generator


@pytest.mark.slow
def test_quick_measures_everything_and_writes_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(bench_text, "RESULTS", tmp_path / "text_speed.json")
    result = CliRunner().invoke(bench_text.main, ["--quick"])
    assert result.exit_code == 0, result.exception
    figures = json.loads(result.stdout)
    assert figures["tokens"] == 24 and figures["threads"] == 1 and figures["versions"]["torch"] == torch.__version__
    assert len(figures["ms_a_token"]) == 4 and list(figures["ms_a_step_at_place"]) == ["0", "7", "23"]
    for entry in (*figures["ms_a_token"].values(), *figures["ms_a_step_at_place"].values()):
        assert 0 < entry["p10"] <= entry["median"] <= entry["p90"]
    loop, _, *eager = (entry["median"] for entry in figures["ms_a_token"].values())
    assert figures["times_eager"] == pytest.approx(min(eager) / loop) and figures["places_spread"] >= 0
    assert list(tmp_path.iterdir()) == []


def test_a_form_that_writes_otherwise_is_not_measured(monkeypatch):
    class Wrong:
        run = staticmethod(lambda *given: [np.zeros((1, 24), np.int64)])

    monkeypatch.setattr(bench_text, "onnx_bytes", lambda *given: b"")
    monkeypatch.setattr(bench_text, "open_session", lambda *given: Wrong)
    monkeypatch.setattr(bench_text, "step_session", lambda network, asked: (None, {}))
    with pytest.raises(AssertionError, match="one graph with its loop"):
        bench_text.measure(1)


def test_sentences_never_end(monkeypatch):
    monkeypatch.undo()
    generator = bench_text.endless()
    assert generator.config.vocabulary == bench_text.VOCABULARY and max(bench_text.PLACES) < generator.config.length
    tokens = DeployedTextGenerator(generator).from_seed(torch.arange(2), None, torch.ones(2))
    assert (tokens > 2).all() and tokens.shape == (2, 64)
