"""Runs on disk: resuming to the same bits, stopping, and every way in which a folder can be wrong."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from attngan.checkpoint import load_generator
from attngan.config import RunConfig, preset
from attngan.data import load_pictures
from attngan.errors import AttnGANError
from attngan.train import Order, build, schedule, train

PRESET = "tiny"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """48 pictures in two classes."""
    from PIL import Image

    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for index in range(48):
        name = root / ("round" if index % 2 else "square")
        name.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (20, 24, 3), np.uint8)).save(name / f"{index:02}.png")
    return root


def config(pictures, images=320, **changes):
    network, training = preset(PRESET)
    names = tuple(pictures.class_names)
    training = replace(training, images=images, augment=("flip", "color"), augment_probability=(0.5, 0.5), **changes)
    return RunConfig(PRESET, replace(network, classes=len(names)), training, names)


@pytest.fixture(scope="module")
def pictures(folder):
    return load_pictures(folder, resolution=16, channels=3)


def run(config, pictures, out):
    return train(config, pictures, out, torch.device("cpu"))


def same_bits(one, other):
    first, second = load_file(one / "checkpoint.safetensors"), load_file(other / "checkpoint.safetensors")
    assert first.keys() == second.keys()
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, pictures):
    out = tmp_path_factory.mktemp("runs") / "undisturbed"
    assert run(config(pictures), pictures, out)
    return out


def test_a_run_folder_holds_what_people_and_programs_look_for(undisturbed):
    lines = [json.loads(line) for line in (undisturbed / "metrics.jsonl").read_text().splitlines()]
    assert [line["images"] for line in lines] == sorted({line["images"] for line in lines})
    assert {"loss_d", "loss_g", "penalty", "gamma", "learning_rate"} <= lines[0].keys()
    assert len(list((undisturbed / "samples").glob("*.png"))) >= 10
    assert json.loads((undisturbed / "config.json").read_text())["class_names"] == ["round", "square"]
    assert not list(undisturbed.glob("*.part"))
    drawn = load_generator(str(undisturbed)).draw([0, 1, 2], [0, 1, 0])
    assert drawn.shape == (3, 16, 16, 3)


def test_training_moves_every_network(undisturbed):
    state = load_file(undisturbed / "checkpoint.safetensors")
    moved = [
        name
        for name in state
        if name.startswith("generator.") and not torch.equal(state[name], state["ema" + name[9:]])
    ]
    assert moved


def test_stopping_by_ctrl_c_and_resuming_ends_in_the_same_bits(tmp_path, pictures, undisturbed, monkeypatch):
    import attngan.train as module

    calls = []
    original = module._check_finite

    def interrupt(*args):
        calls.append(1)
        if len(calls) in (3, 10):
            os.kill(os.getpid(), signal.SIGINT)
        return original(*args)

    monkeypatch.setattr(module, "_check_finite", interrupt)
    out = tmp_path / "run"
    assert not run(config(pictures), pictures, out)
    assert not run(config(pictures), pictures, out)
    assert run(config(pictures), pictures, out)
    assert same_bits(out, undisturbed)
    assert (out / "metrics.jsonl").read_text() == (undisturbed / "metrics.jsonl").read_text()


def test_killed_at_random_moments_ends_in_the_same_bits(tmp_path, folder, pictures):
    """SIGKILL, saving included: every step saves here, so that about half of the kills fall into a save."""
    program = (
        "import sys, torch; from pathlib import Path; import attngan.train as t; t._SAVE_SECONDS = 0.0\n"
        "sys.path.insert(0, sys.argv[1]); import test_train as tests\n"
        "p = tests.load_pictures(Path(sys.argv[2]), resolution=16, channels=3)\n"
        "print('ready', flush=True); tests.run(tests.config(p, 1600), p, Path(sys.argv[3]))"
    )
    command = [
        sys.executable,
        "-c",
        program,
        str(Path(__file__).parent),
        str(folder),
        str(tmp_path / "killed"),
    ]
    dice = random.Random(0)
    kills = 0
    while kills < 5:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout.readline() == "ready\n"
        time.sleep(dice.uniform(0.2, 1.0))
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break  # it finished before the kill
        kills += 1
    assert kills >= 2
    subprocess.run(command, check=True, capture_output=True)
    run(config(pictures, 1600), pictures, tmp_path / "whole")
    assert same_bits(tmp_path / "killed", tmp_path / "whole")


def test_another_seed_gives_another_run(tmp_path, pictures, undisturbed):
    run(config(pictures, seed=1), pictures, tmp_path / "run")
    assert not same_bits(tmp_path / "run", undisturbed)


def test_resuming_with_other_options_names_them(pictures, undisturbed):
    with pytest.raises(AttnGANError, match=r"training.images: 320 → 400; training.seed: 0 → 5"):
        run(config(pictures, 400, seed=5), pictures, undisturbed)


def test_resuming_with_other_pictures_is_refused(tmp_path, pictures, undisturbed):
    with pytest.raises(AttnGANError, match="--data: not the pictures"):
        run(config(pictures), replace_fingerprint(pictures), undisturbed)


def replace_fingerprint(pictures):
    import copy

    other = copy.copy(pictures)
    object.__setattr__(other, "fingerprint", "0" * 64)
    return other


@pytest.mark.parametrize("keep", [0, 7, 1000, -1])
def test_a_truncated_checkpoint_is_one_clear_error(tmp_path, pictures, undisturbed, keep):
    import shutil

    out = tmp_path / "run"
    shutil.copytree(undisturbed, out)
    content = (out / "checkpoint.safetensors").read_bytes()
    (out / "checkpoint.safetensors").write_bytes(content[:keep])
    with pytest.raises(AttnGANError, match=r"checkpoint.safetensors: truncated or damaged"):
        run(config(pictures), pictures, out)


def test_a_full_disk_while_saving_keeps_the_checkpoint_before(tmp_path, pictures):
    """A file size limit stands in for the full disk: the write fails with the same OSError path."""
    out = tmp_path / "run"
    run(config(pictures, 32), pictures, out)
    before = (out / "checkpoint.safetensors").read_bytes()
    from attngan.checkpoint import write_atomically

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(AttnGANError, match=r"could not be saved .*intact"):
            write_atomically(out / "checkpoint.safetensors", bytes(len(before)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (out / "checkpoint.safetensors").read_bytes() == before
    assert not list(out.glob("*.part"))


def test_two_writers_are_refused(tmp_path, pictures):
    import fcntl

    out = tmp_path / "run"
    out.mkdir()
    with open(out / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(AttnGANError, match="another attngan train"):
            run(config(pictures), pictures, out)


def test_a_loss_that_is_not_finite_stops_with_the_checkpoint_intact(tmp_path, pictures):
    with pytest.raises(AttnGANError, match="not finite after"):
        run(config(pictures, learning_rate=(1e9, 1e9)), pictures, tmp_path / "run")


def test_weights_that_are_not_finite_never_reach_the_disk(tmp_path, pictures, monkeypatch):
    out = tmp_path / "run"
    run(config(pictures, 32), pictures, out)
    before = [(out / name).read_bytes() for name in ("checkpoint.safetensors", "generator.safetensors")]
    state = build(config(pictures, 32), torch.device("cpu"))
    state.load(out)
    with torch.no_grad():
        state.trainer.generator.basis[0, 0] = torch.nan
    with pytest.raises(AttnGANError, match=r"generator\.basis is not finite after 64 images"):
        state.save(out, 64, "")
    assert before == [(out / name).read_bytes() for name in ("checkpoint.safetensors", "generator.safetensors")]


def test_a_lost_generator_is_written_again_from_the_checkpoint(tmp_path, pictures, undisturbed):
    import shutil

    out = tmp_path / "run"
    shutil.copytree(undisturbed, out)
    (out / "generator.safetensors").unlink()
    assert run(config(pictures), pictures, out)
    assert (out / "generator.safetensors").read_bytes() == (undisturbed / "generator.safetensors").read_bytes()


def test_equal_runs_write_equal_files(tmp_path, pictures, undisturbed):
    run(config(pictures), pictures, tmp_path / "again")
    for name in ("checkpoint.safetensors", "generator.safetensors", "metrics.jsonl", "config.json"):
        assert (tmp_path / "again" / name).read_bytes() == (undisturbed / name).read_bytes(), name


def test_the_order_shows_every_picture_once_an_epoch():
    order = Order(3, 10)
    epochs = order.indices(0, 30).reshape(3, 10)
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs.tolist())
    assert not np.array_equal(epochs[0], epochs[1])
    assert np.array_equal(Order(3, 10).indices(17, 6), order.indices(0, 30)[17:23])
    assert not np.array_equal(Order(4, 10).indices(0, 10), epochs[0])


def test_the_schedule_goes_from_first_to_last():
    plan = preset("fashion-32")[1]
    first, last = schedule(plan, 0)[0], schedule(plan, plan.images)[0]
    assert (first.learning_rate, last.learning_rate) == pytest.approx(plan.learning_rate)
    assert (first.gamma, last.gamma) == pytest.approx(plan.gamma)
    assert (first.beta2, last.beta2) == pytest.approx(plan.beta2)
