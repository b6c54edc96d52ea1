"""A task that no package knows is trained, resumed, sampled, exported and run by one line in each table."""

import os
import signal

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from refusals import refuses
from tiny_runs import same_bits, untimed

from attngan.cli import main as attngan
from attngan.trainer import Trainer
from attngan_export.bench import bench
from attngan_export.cli import main as attngan_export
from attngan_export.export import compare_files, form_of, load
from attngan_export.formats.onnx_graph import onnx_bytes
from attngan_export.sidecar import metadata
from attngan_export.verify import verify
from attngan_runtime import Generator
from attngan_runtime.bundle import MODEL
from attngan_runtime.cli import main as attngan_run
from tests import numbers_task


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        numbers_task.add(patch)
        untimed(patch)
        folder = tmp_path_factory.mktemp("numbers")
        numbers_task.write_rows(folder / "rows.json")
        yield folder


def call(command, *arguments):
    result = CliRunner().invoke(command, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.stdout


def train(space, name):
    return call(attngan, "train", "--preset", "numbers-tiny", "--data", space / "rows.json", "--out", space / name,
                "--holdout", 8)  # fmt: skip


@pytest.fixture(scope="module")
def run(space):
    assert "done" in train(space, "run")
    return space / "run"


@pytest.fixture(scope="module")
def bundle(run, space):
    options = ["--target", "portable", "--torchscript", "--pt2", "--precision", "fp16-weights"]
    call(attngan_export, run, "--out", space / "bundle", *options)
    return space / "bundle"


def test_a_run_that_was_stopped_ends_in_the_same_bits(space, run, monkeypatch):
    original = Trainer.step

    def step(trainer, *arguments):
        if trainer.steps == 7:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(trainer, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", step)
        train(space, "stopped")
    assert not (space / "stopped" / "samples" / "000000320.txt").exists()
    call(attngan, "sample", space / "stopped")
    train(space, "stopped")
    assert same_bits(run, space / "stopped")
    assert (run / "generator.safetensors").read_bytes() == (space / "stopped" / "generator.safetensors").read_bytes()
    assert len((run / "samples" / "000000320.txt").read_text().splitlines()) == 4


def test_it_is_sampled(run):
    lines = call(attngan, "sample", run, "--seeds", "0-2").splitlines()
    assert len(lines) == 3 and all(len(line.split(",")) == 16 for line in lines)


def test_it_is_exported_verified_and_run(bundle, run):
    assert all(row[2].startswith("ok") for row in verify(bundle, str(run)))
    numbers = form_of(load(str(run)), "seed", "fp16-weights").sample(5, draw=9)["numbers"]
    expected = form_of(load(str(run)), "seed", "fp16-weights").run({"numbers": numbers})[0]
    assert torch.allclose(torch.from_numpy(Generator.load(bundle).run(numbers.numpy())), expected, atol=1e-5)
    printed = call(attngan_run, bundle, "--numbers", ",".join(map(str, numbers[0].tolist())))
    np.testing.assert_allclose(list(map(float, printed.split(","))), expected[0].numpy(), rtol=1e-4, atol=1e-5)


def test_it_is_measured_beside_pytorch(bundle, run, monkeypatch):
    for name, value in {"THREADS": 1, "_ROUNDS": 1, "_ROUND": 0.0, "_PROCESSES": 1}.items():
        monkeypatch.setattr(bench, name, value)
    # A process of its own would not know the task.
    monkeypatch.setattr(bench, "_start_process", lambda task, runner: (1.0, 50_000_000, 60_000_000))
    figures = bench.run_bench(str(bundle), str(run))
    assert list(figures["forms"]) == ["ONNX Runtime", "TorchScript", ".pt2", "PyTorch, eager"]
    assert "first row, s" in bench.report(figures)


def test_a_file_that_differs_is_refused(run):
    generator = load(str(run))
    form = form_of(generator, "seed", "fp32")
    content = onnx_bytes(form, "ort", metadata(generator))
    generator.network.generator.layers[2].bias.add_(1e-3)
    with refuses("model.onnx on CPUExecutionProvider: of the range of twice, beyond"):
        compare_files({MODEL: content}, form)


def test_options_that_it_has_not_are_refused(run):
    with refuses("--attention: run attends to no words"):
        form_of(load(str(run)), "seed", "fp32", attention=True)
    result = CliRunner().invoke(attngan, ["sample", str(run), "--classes", "1"])
    assert result.exit_code == 2 and "makes numbers" in result.output
