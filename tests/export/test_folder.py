"""Where a bundle may go, and that a failing disk leaves what was there."""

import errno
from pathlib import Path

import pytest
from refusals import refuses

from attngan_export import folder
from attngan_export.folder import check_destination, replace_folder


def fill(path, *names):
    path.mkdir()
    for name in names:
        (path / name).write_text("old")


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "file").write_text("")
    with refuses("--out: file is a file"):
        check_destination(tmp_path / "file" / "no" / "bundle")
    with refuses("--out: is a file"):
        check_destination(tmp_path / "file")


def test_only_bundles_and_empty_folders_are_replaced(tmp_path):
    fill(tmp_path / "photos", "cat.png")
    with refuses("--out: is no bundle"):
        check_destination(tmp_path / "photos")
    fill(tmp_path / "mixed", "model.onnx", "model.onnx.json", "notes.txt")
    with refuses(r"--out: notes\.txt"):
        check_destination(tmp_path / "mixed")
    fill(tmp_path / "empty")
    fill(tmp_path / "bundle", "model.onnx", "model.onnx.json", "model.torchscript.pt", "model.pt2")
    for name in ("empty", "bundle", "new"):
        check_destination(tmp_path / name)


def test_complete_folders_take_the_place(tmp_path):
    fill(tmp_path / "bundle", "model.onnx.json", "model.torchscript.pt")
    for name in ("bundle", "new"):
        with replace_folder(tmp_path / name) as part:
            (part / "model.onnx").write_text("new")
        assert [path.name for path in (tmp_path / name).iterdir()] == ["model.onnx"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "new"]


def test_folders_are_made_and_gone_again_if_the_block_fails(tmp_path):
    out = tmp_path / "a" / "b" / "bundle"
    check_destination(out)
    with pytest.raises(KeyboardInterrupt), replace_folder(out):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with replace_folder(out) as part:
        (part / "model.onnx").write_text("new")
    assert [path.name for path in out.parent.iterdir()] == ["bundle"]


def write_until_full(out):
    with replace_folder(out) as part:
        (part / "model.onnx").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_old_bundle(tmp_path):
    fill(tmp_path / "bundle", "model.onnx.json")
    with refuses("--out: No space"):
        write_until_full(tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert (tmp_path / "bundle" / "model.onnx.json").read_text() == "old"


def test_a_rename_that_fails_puts_the_old_bundle_back(tmp_path, monkeypatch):
    fill(tmp_path / "bundle", "model.onnx.json")
    rename = Path.rename

    def refuse(self, target):
        if self.name.endswith(".part"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(folder.Path, "rename", refuse)
    with refuses("--out: Input/output error"), replace_folder(tmp_path / "bundle") as part:
        (part / "model.onnx").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert (tmp_path / "bundle" / "model.onnx.json").read_text() == "old"


def test_an_interrupt_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), replace_folder(tmp_path / "bundle"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
