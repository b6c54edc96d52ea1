"""SIGKILL at random moments, saving included, ends in the bits of a run that was never disturbed."""

import json
import platform
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import tiny_runs
import torch

RESULTS = Path(__file__).parents[3] / "bench" / "results" / "survival.json"
IMAGES = 1600
# Every step saves to a disk that takes 30 ms to flush, so that kills fall into saves too (7 of 50 found a file half
# written); augmentation adapts and KID picks the best.
PROGRAM = """
import os, sys, time
from pathlib import Path
flush = os.fsync
os.fsync = lambda file: (flush(file), time.sleep(0.03))
sys.path.insert(0, sys.argv[1])
import attngan.tasks.image, attngan.train, attngan.trainer, tiny_runs
from attngan.data import load_pictures
attngan.tasks.image.features = tiny_runs.mean_colours
attngan.tasks.image.measure_into = lambda *args: None
attngan.train.SaveTimer.seconds = 0.0
pictures = load_pictures(sys.argv[2], resolution=16, channels=3)
plan = tiny_runs.config(pictures, int(sys.argv[4]), holdout=12, overfitting_target=0.05, kid_samples=40)
step, steps = attngan.trainer.Trainer.step, []
def announced(*args):
    if not steps:
        print("ready", flush=True)
    steps.append(1)
    return step(*args)
attngan.trainer.Trainer.step = announced
print(tiny_runs.run(plan, pictures, Path(sys.argv[3])), flush=True)
"""
EQUAL = ("checkpoint.safetensors", "generator.safetensors", "metrics.jsonl", "quality.jsonl", "config.json")


def command(folder, out):
    return [sys.executable, "-c", PROGRAM, str(Path(tiny_runs.__file__).parent), str(folder), str(out), str(IMAGES)]


def killed_runs(folder, root, kills, dice):
    """Run folders that were killed `kills` times in all, each until it was finished, and where the kills fell."""
    outs, moments = [root / "killed-0"], {"saving": 0, "elsewhere": 0}
    while sum(moments.values()) < kills:
        process = subprocess.Popen(
            command(folder, outs[-1]), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        if process.stdout.readline() != "ready\n":  # which it says at its first step: nothing was left to do
            assert process.wait() == 0
            outs.append(root / f"killed-{len(outs)}")
            continue
        time.sleep(dice.uniform(0, 1.5))
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:  # it finished before the kill
            outs.append(root / f"killed-{len(outs)}")
        else:
            moments["saving" if list(outs[-1].glob("*.part")) else "elsewhere"] += 1
    if outs[-1].exists():
        subprocess.run(command(folder, outs[-1]), check=True, capture_output=True)
    return [out for out in outs if out.exists()], moments


def same_as_undisturbed(folder, root, kills, seed):
    outs, moments = killed_runs(folder, root, kills, random.Random(seed))
    subprocess.run(command(folder, root / "whole"), check=True, capture_output=True)
    for out in outs:
        for name in EQUAL:
            assert (out / name).read_bytes() == (root / "whole" / name).read_bytes(), f"{out.name}/{name}"
    return len(outs), moments


def test_two_kills_end_in_the_same_bits(folder, tmp_path):
    same_as_undisturbed(folder, tmp_path, 2, seed=0)


@pytest.mark.slow
def test_fifty_kills_end_in_the_same_bits(folder, tmp_path):
    runs, moments = same_as_undisturbed(folder, tmp_path, 50, seed=1)
    assert moments["saving"] >= 5
    result = {
        "what": f"SIGKILL at random moments of runs of {IMAGES:,} images that save after every step",
        "kills": 50,
        "kills_while_saving": moments["saving"],
        "runs": runs,
        "compared": [*EQUAL],
        "equal_to_an_undisturbed_run": True,
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
