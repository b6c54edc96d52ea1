"""`verify` finds what changed in a bundle."""

import json
import shutil
import subprocess
import sys

import pytest
from refusals import refuses

from attngan_export.verify import read_files, verify
from attngan_runtime.bundle import Bundle, write_sidecar


@pytest.fixture
def copy(bundle, tmp_path):
    return shutil.copytree(bundle, tmp_path / "copy")


def test_a_whole_bundle_passes_every_check(bundle, run_by_class):
    rows = verify(bundle, str(run_by_class))
    files = ["model.onnx", "model.torchscript.pt", "model.pt2"]
    assert [row[:2] for row in rows[:7]] == [
        ("model.onnx.json", "schema and own hash"),
        *((name, "sha256") for name in files),
        *((name, "golden sample") for name in files),
    ]
    assert [row[0] for row in rows[7:]] == files and all(row[2].startswith("ok") for row in rows)


def test_fp16_weights_are_rounded_before_they_are_compared(z_bundle, run_plain):
    assert all(row[2].startswith("ok") for row in verify(z_bundle, str(run_plain)))


@pytest.mark.parametrize("name", ["model.onnx", "model.torchscript.pt", "model.pt2", "model.onnx.json"])
def test_a_flipped_byte_is_found(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with refuses(name):
        verify(copy)


def test_files_for_torch_may_be_left_behind(copy):
    for name in ("model.torchscript.pt", "model.pt2"):
        (copy / name).unlink()
        assert (name, "sha256", "left behind") in verify(copy)


def test_a_file_that_became_a_link_out_is_not_followed(bundle, copy):
    read = Bundle.load(copy)
    (copy / "model.pt2").unlink()
    (copy / "model.pt2").symlink_to(bundle / "model.pt2")
    with refuses("model.pt2: link out of the bundle"):
        read_files(read)


def test_torch_is_not_needed(bundle):
    script = "import sys; sys.modules['torch'] = None; from attngan_export.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "verify", str(bundle)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("not checked: torch is not installed") == 2


def test_a_wrong_golden_sample_is_found(copy):
    sidecar = json.loads((copy / "model.onnx.json").read_text())
    sidecar["golden"]["values"][5] += -0.01 if sidecar["golden"]["values"][5] > 0 else 0.01
    write_sidecar(copy, sidecar)
    with refuses(r"model.onnx: golden sample differs by 0\.01"):
        verify(copy)


def test_another_run_is_told_from_its_own(bundle, run_plain, tmp_path):
    from tests.export.conftest import write_run

    with refuses("--against: other things"):
        verify(bundle, str(run_plain))
    other = write_run(tmp_path / "other", classes=3, seed=1)
    with refuses("model.onnx: differs from PyTorch"):
        verify(bundle, str(other))
