"""The command line: export without a subcommand, and one line for every mistake."""

import errno
import sys

import pytest
from click.testing import CliRunner
from refusals import refuses

from attngan_export import export
from attngan_export.cli import main
from attngan_export.requirements import require
from attngan_runtime.bundle import Bundle
from tests.export.conftest import write_run


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(*arguments):
    """The one line of a command that must fail with exit code 2."""
    result = run(*arguments)
    assert result.exit_code == 2, (result.output, result.exception)
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    return result.stderr


def test_help_shows_export_and_subcommands():
    text = run("--help").output
    assert "RUN_OR_NAME --out BUNDLE" in text and "--precision" in text and "verify" in text and "bench" in text


def test_verify_prints_a_table(bundle):
    result = run("verify", bundle)
    assert result.exit_code == 0
    assert result.output.splitlines()[0].split() == ["file", "check", "result"]
    assert "golden sample" in result.output


def test_a_run_named_like_a_subcommand_is_written_with_a_dot(tmp_path, monkeypatch, bundle):
    write_run(tmp_path / "bench", classes=3)
    monkeypatch.chdir(tmp_path)
    content = (bundle / "model.onnx").read_bytes()
    monkeypatch.setattr(export, "onnx_bytes", lambda *args, **kwargs: content)
    assert run("--out", "out", "./bench").exit_code == 0
    assert (tmp_path / "out" / "model.onnx.json").is_file()


def test_a_missing_run_and_a_file_in_the_way(tmp_path, run_plain):
    assert "no such run folder" in refused(tmp_path / "nothing", "--out", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert "file is a file" in refused(run_plain, "--out", tmp_path / "file" / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_licence_of_the_weights_stands_in_the_bundle(tmp_path, monkeypatch, bundle):
    said, content = [], (bundle / "model.onnx").read_bytes()
    monkeypatch.setattr(export, "onnx_bytes", lambda form, target, said_of_it, **_: said.append(said_of_it) or content)
    folder, out = write_run(tmp_path / "run", classes=3), tmp_path / "out"
    assert run(folder, "--out", out, "--license", "CC-BY-4.0").exit_code == 0
    assert said[0]["license"] == "CC-BY-4.0" == Bundle.load(out).sidecar["license"]


@pytest.mark.parametrize("text", [" ", "x" * 2001, "MIT\x07"])
def test_what_is_no_licence_is_refused(text, tmp_path, run_plain):
    assert "--license" in refused(run_plain, "--out", tmp_path / "out", "--license", text)
    assert not list(tmp_path.iterdir())


def test_weights_keep_the_licence_that_they_came_with(tmp_path):
    line = refused("fashion-32", "--out", tmp_path / "out", "--license", "CC0-1.0")
    assert "--license CC0-1.0: fashion-32 is under MIT" in line
    assert not list(tmp_path.iterdir())


def test_truncated_weights(tmp_path):
    folder = write_run(tmp_path / "run", classes=0)
    path = folder / "generator.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert "truncated or damaged" in refused(folder, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_wrong_options(tmp_path, run_plain):
    assert "--target" in refused(run_plain, "--out", tmp_path / "out", "--target", "tensorrt")
    assert "--attention: plain attends to no words" in refused(run_plain, "--out", tmp_path / "out", "--attention")
    assert "--out" in refused(run_plain)
    assert "no such bundle" in refused("verify", tmp_path / "nothing")
    assert "no such bundle" in refused("bench", tmp_path / "nothing")
    (tmp_path / "file").touch()
    assert "--json" in refused("bench", tmp_path / "nothing", "--json", tmp_path / "file" / "figures.json")


def test_full_disk(tmp_path, run_plain, monkeypatch):
    monkeypatch.setattr(export, "onnx_bytes", lambda *args, **kwargs: b"some")

    def full(self, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    assert "No space left on device" in refused(run_plain, "--out", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["onnx", "onnxscript", "onnxruntime"])
def test_missing_packages_name_the_remedy(module, monkeypatch, tmp_path, run_plain):
    monkeypatch.setitem(sys.modules, module, None)
    line = refused(run_plain, "--out", tmp_path / "out")
    assert f"{module}: not installed" in line and 'pip install "attngan[export,cpu]"' in line


def test_present_packages_are_enough():
    require("onnx", "onnxruntime")
    with refuses("no_such_package: not installed"):
        require("no_such_package")
