"""What `attngan train` says of its speed, and what it keeps: threads, precision, KIDs."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner
from refusals import refused

from attngan.checkpoint import load_config
from attngan.cli import main
from attngan.commands import train_pace
from attngan.commands.train_pace import duration
from attngan.presets import PRESETS, WORK
from attngan.trainer import Trainer
from attngan.training.pace import Pace

HOUR = 3600.0


@pytest.fixture
def found(monkeypatch):
    """What timing finds, which tests may replace; and with what to choose from it was asked."""

    class Found:
        pace, asked = Pace(threads=1, kids=3, per_second=41.4, seconds=1.25 * HOUR, tried={"1 threads, fp32": 41.4}), []

        def time_run(self, run, state, threads, precisions):
            self.asked.append((threads, precisions))
            return self.pace, precisions[-1]

    found = Found()
    monkeypatch.setattr(train_pace, "time_run", found.time_run)
    monkeypatch.setattr(train_pace, "with_kids", lambda pace, run, state: pace)
    monkeypatch.setattr(train_pace, "_has_bf16", lambda device: True)
    return found


def train(folder, out, *more, preset="tiny"):
    words = ["train", "--preset", preset, "--data", folder, "--out", out, "--images", 32, "--device", "cpu", *more]
    return CliRunner().invoke(main, list(map(str, words)))


def said(result):
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("speed: ")]
    return line


def test_a_new_run_says_how_long_it_takes_and_a_resumed_one_is_not_timed_again(found, folder, tmp_path):
    line = said(train(folder, tmp_path / "run"))
    assert "41 images/s" in line and "1 thread in fp32" in line and "75 minutes" in line
    assert Pace.read(tmp_path / "run") == found.pace
    line = said(train(folder, tmp_path / "run"))
    assert "41 images/s" in line and "1 thread in fp32" in line
    assert len(found.asked) == 1 and Pace.read(tmp_path / "run") == found.pace


def test_a_dry_run_says_it_too_and_counts_no_kids(found, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(train_pace, "with_kids", None)
    assert "75 minutes" in said(train(folder, tmp_path / "run", "--dry-run"))
    assert not (tmp_path / "run").exists()


@contextmanager
def cores(count):
    """As many threads as torch takes on a machine with so many cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def test_threads_are_those_that_were_found_or_those_asked_for(found, folder, tmp_path, monkeypatch):
    """Three asked for on the way take the place of those of the beginning, and stay; a smaller machine has fewer."""
    used, original, out = [], Trainer.step, tmp_path / "run"

    def step(trainer, *args):
        used.append(torch.get_num_threads())
        os.kill(os.getpid(), signal.SIGTERM)
        return original(trainer, *args)

    monkeypatch.setattr(Trainer, "step", step)
    found.pace = Pace(threads=4, per_second=1.0)
    for options, count, threads in (((), 8, 4), ((), 8, 4), (("--threads", 3), 8, 3), ((), 8, 3), ((), 2, 2)):
        with cores(count):
            assert "run the same command again" in train(folder, out, "--images", 160, *options).stderr
        assert (used.pop(), Pace.read(out).threads) == (threads, threads)
    assert not used


def test_threads_asked_for_are_the_only_ones_timed(found, folder, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with cores(6):
        train(folder, tmp_path / "run", "--dry-run", "--threads", 5)
        train(folder, tmp_path / "run", "--dry-run")
        monkeypatch.setenv("OMP_NUM_THREADS", "6")
        train(folder, tmp_path / "run", "--dry-run")
    assert [threads for threads, _ in found.asked] == [[5], [6, 3, 1], [6]]


def test_no_threads_are_refused(folder, tmp_path):
    refused(train(folder, tmp_path / "run", "--threads", 0), "--threads")


def test_a_preset_in_bf16_is_timed_in_both_and_a_run_keeps_what_it_began_in(found, folder, tmp_path, monkeypatch):
    network, training = PRESETS["tiny"]
    monkeypatch.setitem(PRESETS, "tiny", (network, replace(training, precision="bf16")))
    out = tmp_path / "run"
    for options, kinds in (((), ["fp32", "bf16"]), (("--precision", "fp32"), ["fp32"])):
        train(folder, tmp_path / "other", "--dry-run", *options)
        assert found.asked[-1][1] == kinds
    assert "in bf16" in said(train(folder, out))
    assert load_config(out).training.precision == "bf16"
    monkeypatch.setitem(PRESETS, "tiny", (network, training))
    assert "in bf16" in said(train(folder, out))
    assert "in fp32" in said(train(folder, out, "--precision", "fp32", "--images", 64))
    assert found.asked[-1] == ([1], ["fp32"])  # timed again, with the threads that it has
    assert load_config(out).training.precision == "fp32"
    (out / "pace.json").unlink()  # as of a run that an older attngan began
    assert "in fp32" in said(train(folder, out, "--images", 64)) and found.asked[-1][1] == ["fp32"]


def test_where_bf16_is_imitated_it_is_not_tried(found, folder, tmp_path, monkeypatch):
    network, training = PRESETS["tiny"]
    monkeypatch.setitem(PRESETS, "tiny", (network, replace(training, precision="bf16")))
    monkeypatch.setattr(train_pace, "_has_bf16", lambda device: False)
    assert "in fp32" in said(train(folder, tmp_path / "run", "--dry-run"))
    assert found.asked[-1][1] == ["fp32"]


@pytest.mark.parametrize(
    ("hours", "channels", "named"),
    [
        (23, 3, None), (25, 3, "cpu-64 about 17 minutes"), (24 * 120, 3, "cpu-32"), (1e9, 3, "about 8.0 hours"),
        (24 * 30, 1, "cpu-64 --channels 1"),
    ],
)  # fmt: skip
def test_a_preset_that_takes_more_than_a_day_names_the_nearest_that_does_not(
    hours, channels, named, found, folder, tmp_path
):
    """Of as many channels and, among those, of the largest resolution."""
    found.pace = Pace(threads=1, per_second=1.0, seconds=hours * HOUR)
    options = "--dry-run", "--images", 2_000_000, "--channels", channels
    result = train(folder, tmp_path / "run", *options, preset="image-64")
    notes = [line for line in result.stderr.splitlines() if "more than a day" in line]
    assert len(notes) == bool(named)
    assert not named or named in notes[0]


def test_a_task_without_a_measure_of_work_names_no_other_preset(found, folder, tmp_path, monkeypatch):
    monkeypatch.delitem(WORK, "image")
    found.pace = Pace(threads=1, per_second=1.0, seconds=25 * HOUR)
    assert "about 8.0 hours" in train(folder, tmp_path / "run", "--dry-run").stderr


def test_every_task_with_presets_has_a_measure_of_work():
    for network, _ in PRESETS.values():
        assert WORK[network.task](network) > 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(8, "8 seconds"), (600, "10 minutes"), (1.3 * HOUR, "78 minutes"), (7.25 * HOUR, "7.2 hours"),
     (83.4 * HOUR, "83 hours"), (19_792 * HOUR, "20,000 hours")],
)  # fmt: skip
def test_durations_are_in_the_unit_that_people_use(seconds, words):
    assert duration(seconds) == words


def test_threads_sleep_while_they_wait_unless_the_user_says_otherwise(folder, tmp_path):
    """The setting is there before torch is loaded, which reads it once."""
    script = """
import os, sys
class Watch:
    def find_spec(self, name, *_):
        if name == "torch":
            print(os.environ["OMP_WAIT_POLICY"], flush=True)
            os._exit(0)
sys.meta_path.insert(0, Watch())
from attngan.cli import main
main(sys.argv[1:])
"""
    for given, expected in ((None, "passive"), ("active", "active")):
        environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
        environment |= {"OMP_WAIT_POLICY": given} if given else {}
        command = [sys.executable, "-c", script, "train", "--preset", "tiny", "--data", str(folder), "--out", "x"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == expected


@contextmanager
def busy_core():
    """Another program that computes without end."""
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        burner.kill()
        burner.wait()


@pytest.mark.slow
@pytest.mark.parametrize(("options", "most"), [((), 2), (("--threads", "2"), 3)])
def test_one_busy_core_does_not_cost_a_factor_of_ten(options, most, folder, tmp_path):
    """On two cores: next to nothing where threads are chosen, and two that wait asleep cost a factor of 2.4."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    script = "from attngan.cli import main; main()"

    def seconds(out):
        """Of the steps between the first grid and the last."""
        words = ["train", "--preset", "tiny", "--data", folder, "--out", out, *options]
        subprocess.run([sys.executable, "-c", script, *map(str, words)], env=environment, check=True)
        first, *_, last = sorted((out / "samples").iterdir())
        return last.stat().st_mtime - first.stat().st_mtime

    alone = seconds(tmp_path / "alone")
    with busy_core():
        beside = seconds(tmp_path / "beside")
    assert beside < most * alone
