"""`node build.js` makes a folder that is whole, and refuses to touch others."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from attngan_runtime.bundle import find_bundle
from tests.web.conftest import Site


def build(web: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(["node", str(web / "build.js"), *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_a_build_has_all_that_its_modules_import(site: Site) -> None:
    folder = site.root / "emoji-64"
    for script in [*folder.glob("*.js"), *(folder / "attngan").iterdir()]:
        for wanted in re.findall(r"""(?:from|import\(?)\s*["'](\.[^"']+)["']""", script.read_text(encoding="utf-8")):
            assert (script.parent / wanted).is_file(), f"{script.name} imports {wanted}"
    assert not (folder / "attngan" / "build.js").exists()
    assert sorted(file.name for file in (folder / "ort").iterdir()) == [
        "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm", "ort.wasm.min.mjs"
    ]  # fmt: skip


def test_with_webgpu_a_build_has_it_and_says_so(installed: Path, tmp_path: Path) -> None:
    bundle = str(find_bundle("fashion-32"))
    code, said, _ = build(installed, bundle, str(tmp_path / "out"), "--webgpu")
    assert (code, said) == (0, f"{tmp_path / 'out'}: fashion-32, ready to be served\n")
    assert re.search(r'<html\b[^>]* data-device="webgpu"', (tmp_path / "out" / "index.html").read_text())
    assert (tmp_path / "out" / "ort" / "ort-wasm-simd-threaded.asyncify.wasm").is_file()
    assert build(installed, bundle, str(tmp_path / "out"))[0] == 0, "an earlier build can be made anew"
    assert "data-device" not in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.parametrize("extra", [[], ["one"], ["one", "two", "three"], ["one", "two", "--fast"]])
def test_wrong_arguments_are_one_line(installed: Path, extra: list[str]) -> None:
    code, said, error = build(installed, *extra)
    assert (code, said) == (2, "")
    assert error.startswith("error: ") and error.count("\n") == 1


def test_by_a_link_or_without_its_ending_it_is_the_same_command(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "web").symlink_to(installed)
    (tmp_path / "make-site").symlink_to(installed / "build.js")
    for script in ("web/build", "web/build.js", "make-site"):
        command = ["node", str(tmp_path / script), str(find_bundle("fashion-32")), str(tmp_path / "out")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"{tmp_path / 'out'}: fashion-32, ready to be served\n"


def test_neither_broken_bundles_nor_folders_of_other_things(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("mine")
    bundle = str(find_bundle("fashion-32"))
    assert build(installed, bundle, str(tmp_path / "mine"))[2] == (
        f"error: {tmp_path / 'mine'}: holds other files than an earlier build; name an empty folder\n"
    )
    code, _, error = build(installed, str(tmp_path / "none"), str(tmp_path / "out"))
    assert code == 2 and error.startswith(f"error: {tmp_path / 'none' / 'model.onnx.json'}: is missing; ")
    assert not (tmp_path / "out").exists()


def test_the_package_names_no_registry_and_runs_no_scripts(installed: Path) -> None:
    lock = (installed / "package-lock.json").read_text()
    assert "registry" not in lock and '"resolved"' not in lock
    assert "ignore-scripts=true" in (installed / ".npmrc").read_text()
    package = json.loads((installed / "package.json").read_text())
    for name, version in package["devDependencies"].items():
        assert re.fullmatch(r"[\d.]+", version), f"{name} is not pinned"
