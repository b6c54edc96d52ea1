"""The commands as a person types them: what they write, and one line and exit code 2 for every mistake."""

import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from attngan.cli import main


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
    assert "2 classes" in result.output and "attngan sample" in result.output
    return out


def test_running_a_finished_run_again_says_so_and_changes_nothing(run, folder):
    before = (run / "checkpoint.safetensors").read_bytes()
    result = call("train", "--preset", "tiny", "--data", folder, "--out", run, "--images", 64)
    assert result.exit_code == 0
    assert (run / "checkpoint.safetensors").read_bytes() == before


def test_sample_draws_every_class_for_every_seed(run, tmp_path):
    result = call("sample", run, "--seeds", "0-3", "--out", tmp_path / "grid.png")
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == (2 * 18 - 2, 4 * 18 - 2)
    call("sample", run, "--seeds", "0-3", "--classes", "dog", "--out", tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as picture:
        assert picture.size == (16, 4 * 18 - 2)


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
    out = tmp_path / "run"
    result = call("train", "--preset", "tiny", "--data", folder, "--out", out, "--images", 64, "--objective", objective)
    assert result.exit_code == 0, result.output
    assert objective in result.output


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
    ((*TRAIN[:-1], "{tmp}/no/where"), "--out"),
    ((*TRAIN[:-1], "{tmp}/file.txt"), "--out"),
    ((*TRAIN, "--objective", "magic"), "--objective magic"),
    ((*TRAIN, "--device", "abacus"), "--device abacus"),
    ((*TRAIN, "--images", "none"), "--images"),
    (("sample", "{run}", "--seeds", "3-1", "--out", "{tmp}/a.png"), "reversed range"),
    (("sample", "{run}", "--seeds", "a", "--out", "{tmp}/a.png"), "'a' is not a list of whole numbers"),
    (("sample", "{run}", "--seeds", "4294967296", "--out", "{tmp}/a.png"), "4294967296 is outside"),
    (("sample", "{run}", "--classes", "2", "--out", "{tmp}/a.png"), "--classes: 2"),
    (("sample", "{run}", "--classes", "cow", "--out", "{tmp}/a.png"), "no class 'cow'"),
    (("sample", "{run}", "--truncation", "nan", "--out", "{tmp}/a.png"), "--truncation: nan"),
    ((*TRAIN, "--device", "meta"), "--device meta"),
    ((*TRAIN[:-1], "{data}/run"), "lies inside --data"),
    ((*TRAIN[:-1], "{tmp}/texts"), "holds files and no run"),
    ((*TRAIN[:-1], "{tmp}/texts", "--dry-run"), "holds files and no run"),
    (("sample", "{run}", "--out", "{tmp}/no/a.png"), "does not exist"),
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
    result = call(*(arg.format(data=folder, tmp=tmp_path, run=run) for arg in args))
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output
    errors = [line for line in result.output.splitlines() if line.lower().startswith("error")]
    assert len(errors) == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == before, "something half-written"


def test_help_does_not_wait_for_torch():
    program = "import sys, attngan.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
