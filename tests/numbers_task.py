"""A task that no package knows: sixteen numbers in, sixteen numbers out, learnt from a file of such rows.

All that a task needs stands here and in tests/runtime/numbers_{bundle,generator}.py; `add` puts it into the tables.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from torch import nn

from attngan import config, generators, networks, presets, tasks
from attngan.config import NetworkConfig, RunConfig, TrainingConfig
from attngan.data import Dataset
from attngan.data.dataset import hash_samples
from attngan.data.split import holdout_seed
from attngan.generators import LoadedGenerator, open_generator
from attngan.networks import deploy
from attngan.random import derive, normals
from attngan.streams import Stream
from attngan.tasks.base import Task
from attngan.training.batches import Batches
from attngan.training.task_run import TaskRun
from attngan_export import forms
from attngan_export.forms.base import GeneratorForm
from attngan_export.forms.workloads import Workload
from attngan_runtime import generators as runtime
from tests.runtime.numbers_bundle import add_task

WIDTH = 16


@dataclass(frozen=True)
class NumbersConfig(NetworkConfig):
    task = "numbers"
    width: int = 8


@dataclass(frozen=True, eq=False)
class NumbersDataset(Dataset):
    noun = unit = "rows"
    group = "row"
    rows: np.ndarray
    skipped: list = field(default_factory=list)

    def __len__(self):
        return len(self.rows)

    @cached_property
    def fingerprint(self):
        return hashlib.sha256(self.rows.tobytes()).hexdigest()

    @cached_property
    def keys(self):
        return hash_samples(row.tobytes() for row in self.rows)

    def describe(self):
        return f"{len(self)} rows"

    def take(self, places):
        return replace(self, rows=self.rows[places])

    def choose_held_out(self, count, seed):
        return np.isin(np.arange(len(self)), np.random.default_rng(holdout_seed(seed)).permutation(len(self))[:count])


class NumbersGenerator(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.layers = nn.Sequential(nn.Linear(WIDTH, config.width), nn.Tanh(), nn.Linear(config.width, WIDTH))

    def forward(self, numbers, condition=None):
        return self.layers(numbers)


class NumbersDiscriminator(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(WIDTH, config.width), nn.SiLU(), nn.Linear(config.width, 1))

    def forward(self, rows, condition=None):
        return self.layers(rows)[:, 0]


class DeployedNumbersGenerator(nn.Module):
    def __init__(self, generator):
        super().__init__()
        self.generator = generator

    def forward(self, numbers):
        return self.generator(numbers)

    def from_seed(self, seed, condition=None, strength=None):
        return self(normals(seed, WIDTH))


class LoadedNumbersGenerator(LoadedGenerator):
    def __init__(self, source):
        self.source, self.network = source, source.load_deployed()

    @torch.no_grad()
    def sample(self, seeds, conditions=None, **strength):
        return self.network.from_seed(torch.as_tensor(seeds)).numpy()


load_torch = LoadedNumbersGenerator


class NumbersBatches(Batches):
    def __init__(self, run):
        super().__init__(run.dataset, run.plan, run.device)
        self.dataset = run.dataset

    def samples(self, places, seen):
        return torch.from_numpy(self.dataset.rows[places]), None

    def noise(self, step, real):
        z = normals(derive(self.seed, Stream.LATENTS, step, torch.arange(2 * len(real))), WIDTH)
        return z[: len(real)], z[len(real) :]


class NumbersRun(TaskRun):
    def __init__(self, config, dataset, device):
        super().__init__(config, dataset, device)
        self.batches = NumbersBatches(self)

    def open_validation(self):
        return None, ""

    def save_samples(self, generator, logger, seen):
        with torch.no_grad():
            logger.save_text(text_of(deploy(generator).from_seed(torch.arange(4)).numpy()), seen)


class NumbersTask(Task):
    does, has_words, sample_options = "makes numbers", False, ()

    def read(self, path, network, training=None):
        return NumbersDataset(np.array(json.loads(path.read_text()), np.float32))

    def configure(self, network, training, options):
        return network, training

    def hold_out(self, training, options, dataset):
        return replace(training, holdout=options.holdout or 0)

    def complete(self, network, training, options, dataset):
        return RunConfig(options.preset, network, training), b""

    def prepare(self, config, dataset, device, tokenizer):
        return NumbersRun(config, dataset, device)

    def summarise(self, config):
        return f"numbers, {config.training.images} rows"

    def describe_result(self, folder, best, stopped_early):
        return f"done: {folder} holds a generator of numbers"

    def sample(self, source, seeds, attention, out):
        click.echo(text_of(open_generator(source).sample(seeds or [0])), nl=False)

    def evaluate(self, generator, beside, data, samples, features, temperature):
        raise NotImplementedError


class NumbersForm(GeneratorForm):
    parts, names = {}, ("numbers",)

    @property
    def module(self):
        return self.network

    def sample(self, batch, draw=0):
        return {"numbers": torch.randn(batch, WIDTH, generator=torch.Generator().manual_seed(draw))}


class NumbersWorkload(Workload):
    sample, other = "row", "makes other numbers"

    def arguments(self, generator, seeds):
        return {"numbers": [[float(seed)] * WIDTH for seed in seeds]}


def text_of(rows: np.ndarray) -> str:
    """The rows, a line each."""
    return "".join(",".join(f"{value:.6f}" for value in row) + "\n" for row in rows)


def write_rows(path: Path) -> Path:
    """200 rows of sixteen numbers that rise."""
    rows = np.sort(np.random.default_rng(0).normal(size=(200, WIDTH)), 1).round(3)
    path.write_text(json.dumps(rows.tolist()))
    return path


def add(patch: pytest.MonkeyPatch) -> None:
    """A line in each table, until the test ends."""
    preset = NumbersConfig(), TrainingConfig(images=320, batch=16)
    made = networks.Networks(NumbersGenerator, NumbersDiscriminator, DeployedNumbersGenerator)
    patch.setitem(config.CONFIGS, "numbers", (NumbersConfig, TrainingConfig))
    patch.setitem(networks.NETWORKS, "numbers", made)
    patch.setitem(generators.GENERATORS, "numbers", __name__)
    patch.setitem(tasks.TASKS, "numbers", NumbersTask())
    patch.setitem(presets.PRESETS, "numbers-tiny", preset)
    patch.setitem(forms.FORMS, "numbers", forms.Forms(f"{__name__}:NumbersForm", f"{__name__}:NumbersWorkload"))
    add_task(patch)
    opened = "tests.runtime.numbers_generator"
    patch.setitem(runtime.GENERATORS, "numbers", runtime.Task(f"{opened}:NumbersGenerator", opened))
