"""A task that the package doesn't know, 16 numbers in and 16 out, is exported by one line in each table."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import nn

from attngan import config, generators, networks
from attngan.checkpoint import save_tensors
from attngan.config import NetworkConfig, RunConfig, TrainingConfig
from attngan.generators import LoadedGenerator
from attngan_export import forms
from attngan_export.bench import bench
from attngan_export.export import compare_files, export_generator, form_of, load
from attngan_export.folder import PT2, TORCHSCRIPT
from attngan_export.formats.onnx_graph import onnx_bytes
from attngan_export.forms.base import GeneratorForm
from attngan_export.forms.workloads import Workload
from attngan_export.sidecar import metadata
from attngan_export.verify import verify
from attngan_runtime import Generator
from attngan_runtime.bundle import MODEL
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators import GENERATORS, Task
from tests.runtime.numbers_bundle import add_task


@dataclass(frozen=True)
class NumbersConfig(NetworkConfig):
    task = "numbers"
    width: int


class NumbersGenerator(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.layers = nn.Sequential(nn.Linear(16, config.width), nn.Tanh(), nn.Linear(config.width, 16))


class DeployedNumbersGenerator(nn.Module):
    def __init__(self, generator):
        super().__init__()
        self.generator = generator

    def forward(self, numbers):
        return self.generator.layers(numbers)


class LoadedNumbersGenerator(LoadedGenerator):
    def __init__(self, source):
        self.source, self.network = source, source.load_deployed()

    def sample(self, seeds, conditions=None, **strength):
        raise NotImplementedError


class NumbersForm(GeneratorForm):
    parts: ClassVar = {}
    names = ("numbers",)

    @property
    def module(self):
        return self.network

    def sample(self, batch, draw=0):
        return {"numbers": torch.randn(batch, 16, generator=torch.Generator().manual_seed(draw))}


class NumbersWorkload(Workload):
    sample, other = "row", "makes other numbers"

    def arguments(self, generator, seeds):
        return {"numbers": [[float(seed)] * 16 for seed in seeds]}


load_torch = LoadedNumbersGenerator


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setitem(config.CONFIGS, "numbers", (NumbersConfig, TrainingConfig))
    monkeypatch.setitem(
        networks.NETWORKS, "numbers", networks.Networks(NumbersGenerator, nn.Identity, DeployedNumbersGenerator)
    )
    monkeypatch.setitem(generators.GENERATORS, "numbers", __name__)
    monkeypatch.setitem(forms.FORMS, "numbers", forms.Forms(f"{__name__}:NumbersForm", f"{__name__}:NumbersWorkload"))
    add_task(monkeypatch)
    runtime = "tests.runtime.numbers_generator"
    monkeypatch.setitem(GENERATORS, "numbers", Task(f"{runtime}:NumbersGenerator", runtime))
    found = RunConfig("", NumbersConfig(width=8), TrainingConfig(images=1))
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.json").write_text(found.to_json())
    save_tensors(folder / "generator.safetensors", networks.build_generator(found.network).state_dict())
    return folder


@pytest.fixture
def bundle(run, tmp_path):
    options = {"target": "portable", "torchscript": True, "pt2": True, "precision": "fp16-weights"}
    done = export_generator(str(run), tmp_path / "out", **options)
    assert [entry.file for entry in done.comparisons] == [MODEL, TORCHSCRIPT, PT2]
    return tmp_path / "out"


def test_it_is_exported_verified_and_run(bundle, run):
    assert all(row[2].startswith("ok") for row in verify(bundle, str(run)))
    form = form_of(load(str(run)), "seed", "fp16-weights")
    numbers = form.sample(5, draw=9)
    found = Generator.load(bundle).run(numbers["numbers"].numpy())
    assert torch.allclose(torch.from_numpy(found), form.run(numbers)[0], atol=1e-5)


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
    with pytest.raises(AttnGANError, match=r"of the range of twice, beyond 1\.0e-05 \(batch 1\); refused"):
        compare_files({MODEL: content}, form)


def test_options_that_it_has_not_are_refused(run):
    with pytest.raises(AttnGANError, match="--attention: run attends to no words"):
        form_of(load(str(run)), "seed", "fp32", attention=True)
