"""A task that the package doesn't know, 16 numbers in and 16 out, is exported by one line in each table."""

from dataclasses import dataclass

import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from attngan import config, generators, networks
from attngan.checkpoint import save_tensors
from attngan.config import NetworkConfig, RunConfig, TrainingConfig
from attngan.generators import LoadedGenerator
from attngan_export import forms
from attngan_export.export import compare_files, form_of, load
from attngan_export.folder import PT2, TORCHSCRIPT
from attngan_export.formats import FORMATS
from attngan_export.formats.onnx_graph import onnx_bytes
from attngan_export.forms.base import GeneratorForm, Output
from attngan_export.sidecar import build_sidecar, metadata
from attngan_runtime.errors import AttnGANError
from attngan_runtime.sidecar import MODEL

NUMBERS = {"name": "numbers", "dtype": "float32", "shape": ["batch", 16]}


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
    @property
    def module(self):
        return self.network

    @property
    def inputs(self):
        return [NUMBERS]

    @property
    def outputs(self):
        return {"made": Output(NUMBERS | {"name": "made"}, range=2.0)}

    def sample(self, batch, draw=0):
        return {"numbers": torch.randn(batch, 16, generator=torch.Generator().manual_seed(draw))}


load_torch = LoadedNumbersGenerator


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setitem(config.CONFIGS, "numbers", (NumbersConfig, TrainingConfig))
    monkeypatch.setitem(
        networks.NETWORKS, "numbers", networks.Networks(NumbersGenerator, nn.Identity, DeployedNumbersGenerator)
    )
    monkeypatch.setitem(generators.GENERATORS, "numbers", __name__)
    monkeypatch.setitem(forms.FORMS, "numbers", forms.Forms(f"{__name__}:NumbersForm", ""))
    found = RunConfig("", NumbersConfig(width=8), TrainingConfig(images=1))
    (tmp_path / "config.json").write_text(found.to_json())
    save_tensors(tmp_path / "generator.safetensors", networks.build_generator(found.network).state_dict())
    return load(str(tmp_path))


@pytest.mark.parametrize("target", ["ort", "portable"])
def test_every_file_of_it_equals_pytorch(run, target):
    form = form_of(run, "seed", "fp32")
    content = onnx_bytes(form, target, metadata(run))
    files = {MODEL: content} | {name: entry.write(form) for name, entry in FORMATS.items()}
    found = compare_files(files, form)
    assert [entry.file for entry in found] == [MODEL, TORCHSCRIPT, PT2]
    numbers = form.sample(5, draw=9)
    (made,) = onnxruntime.InferenceSession(content).run(["made"], {"numbers": numbers["numbers"].numpy()})
    assert torch.allclose(torch.from_numpy(made), form.run(numbers)[0], atol=1e-5)
    model = onnx.load_from_string(content)
    assert [entry.value for entry in model.metadata_props if entry.key == "task"] == ["numbers"]


def test_a_file_that_differs_is_refused(run):
    form = form_of(run, "seed", "fp32")
    content = onnx_bytes(form, "ort", metadata(run))
    run.network.generator.layers[2].bias.add_(1e-3)
    with pytest.raises(AttnGANError, match=r"of the range of made, beyond 1\.0e-05 \(batch 1\); refused"):
        compare_files({MODEL: content}, form)


def test_its_sidecar_says_what_it_takes_and_gives(run):
    form = form_of(run, "seed", "fp16-weights")
    sidecar = build_sidecar(run, form, target="ort", precision="fp16-weights", files={MODEL: b""}, comparisons=[])
    assert sidecar["task"] == "numbers" and sidecar["inputs"] == [NUMBERS]
    assert sidecar["output"]["name"] == "made" and sidecar["golden"]["inputs"].keys() == {"numbers"}
    assert len(sidecar["golden"]["values"]) == len(sidecar["golden"]["indices"]) == 64


def test_options_that_it_has_not_are_refused(run):
    with pytest.raises(AttnGANError, match=r"--attention: .* attends to no words"):
        form_of(run, "seed", "fp32", attention=True)
