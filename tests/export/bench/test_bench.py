"""`bench` measures every form side by side; its figures are not judged here."""

import json
import shutil
import subprocess
import sys

import pytest
from refusals import refuses

from attngan_export.bench import bench


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    for name, value in {"THREADS": 1, "_ROUNDS": 1, "_ROUND": 0.0, "_PROCESSES": 1}.items():
        monkeypatch.setattr(bench, name, value)


def test_every_form_side_by_side(bundle, run_by_class, tmp_path, monkeypatch):
    copy, process = shutil.copytree(bundle, tmp_path / "copy"), bench._start_process

    def swapped(task, runner):
        if runner.name != "ONNX Runtime":  # which checks all hashes itself
            for name in ("model.pt2", "model.torchscript.pt", "model.onnx.json"):
                (copy / name).write_bytes(b"others")
        return process(task, runner)

    monkeypatch.setattr(bench, "_start_process", swapped)
    figures = bench.run_bench(str(copy), str(run_by_class))
    assert list(figures["forms"]) == ["ONNX Runtime", "TorchScript", ".pt2", "PyTorch, eager"]
    for entry in figures["forms"].values():
        for key in ("batch_1_ms", "batch_16_ms", "first_image_s"):
            assert entry[key]["p10"] > 0
        assert 20 < entry["resident_mb"] <= entry["peak_mb"]
    lines = bench.report(figures).splitlines()
    assert len(lines) == 6 and "(1.0×)" in lines[-1]
    bench.write_json(figures, tmp_path / "figures.json")
    assert json.loads((tmp_path / "figures.json").read_text()) == figures


def test_without_weights_a_note_stands_in_the_table(z_bundle):
    figures = bench.run_bench(str(z_bundle))
    assert "--against" in figures["notes"][0] and "note:" in bench.report(figures)
    assert list(figures["forms"]) == ["ONNX Runtime", "TorchScript", ".pt2"]


def test_weights_of_another_generator_are_refused(bundle, run_plain):
    with refuses("--against: draws other pictures"):
        bench.run_bench(str(bundle), str(run_plain))


@pytest.mark.slow
def test_prompts_are_measured_beside_pytorch(words_bundle, run_of_words, run_of_words_alone):
    figures = bench.run_bench(str(words_bundle), str(run_of_words))
    assert list(figures["forms"]) == ["ONNX Runtime", "TorchScript", ".pt2", "PyTorch, eager"]
    assert all(entry["batch_1_ms"]["p10"] > 0 and entry["peak_mb"] > 20 for entry in figures["forms"].values())
    with refuses(": draws other pictures"):
        bench.run_bench(str(words_bundle), str(run_of_words_alone))


@pytest.mark.slow
def test_sentences_are_measured_beside_pytorch(text_bundle, text_run, text_run_by_mean):
    figures = bench.run_bench(str(text_bundle), str(text_run))
    names = list(figures["forms"])
    assert names[:3] == ["ONNX Runtime", "TorchScript", ".pt2"] and len(names) == 4
    assert names[3].startswith("PyTorch, eager")
    for entry in figures["forms"].values():
        assert entry["first_sentence_s"]["p10"] > 0 and entry["batch_16_tokens_per_s"] > 0 and entry["peak_mb"] > 20
    assert 1 < figures["tokens_a_sentence"] <= 12 and "tokens a sentence" in bench.report(figures)
    with refuses(": writes other sentences than"):
        bench.run_bench(str(text_bundle), str(text_run_by_mean))


def test_results_need_a_folder(tmp_path):
    bench.write_json({}, tmp_path / "new" / "figures.json")
    assert (tmp_path / "new" / "figures.json").read_text() == "{}\n"
    with refuses("--json: figures.json is a file"):
        bench.write_json({}, tmp_path / "new" / "figures.json" / "figures.json")


def test_memory_is_this_process():
    # In a process of its own: what earlier tests left behind is freed and taken at any time.
    script = """if True:
        from attngan_export.bench.first_sample import memory
        before, more = memory(peak=False), bytearray(b"x") * 64_000_000
        assert 4e6 < before < memory(peak=False) - len(more) / 2 < memory(peak=True) < 1e9
        del more
        assert memory(peak=False) < memory(peak=True) - 32e6
    """
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
