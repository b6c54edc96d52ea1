"""Finding and reading bundles: every way in which one can be wrong gives one line, before ONNX Runtime sees it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refusals import refuses

from attngan_runtime import Generator
from attngan_runtime.bundle import SIDECAR, Bundle, bundle, sha256_of, shipped_names, write_sidecar
from attngan_runtime.bundle.spec import FILE_LIMITS
from attngan_runtime.errors import AttnGANError


@pytest.fixture
def intact(make_bundle: Any) -> Path:
    return make_bundle("intact")


def not_loaded(path: Any, words: str) -> None:
    with refuses(words):
        Bundle.load(path)


def rewrite(folder: Path, **changes: Any) -> None:
    write_sidecar(folder, json.loads((folder / "model.onnx.json").read_text()) | changes)


def test_a_bundle_says_what_it_is(make_bundle: Any) -> None:
    found = Bundle.load(make_bundle())
    assert (found.name, found.shape, found.classes, found.z_dim) == (
        "waves", (1, 8, 8), ("T-shirt/top", "Sneaker", "Bag"), 0,
    )  # fmt: skip
    plain = Bundle.load(make_bundle("plain", (4, 8, 16), [], takes_z=True))
    assert (plain.shape, plain.classes, plain.z_dim) == ((4, 8, 16), (), 4)
    assert len(repr(plain)) < 3000 + len(str(plain.sidecar))


def test_the_model_and_the_sidecar_stand_for_their_folder(make_bundle: Any) -> None:
    folder = make_bundle()
    for path in (folder, str(folder), folder / "model.onnx", str(folder / "model.onnx.json"), f"{folder}/"):
        assert Bundle.load(path).folder == folder


def test_a_path_wins_over_a_shipped_name(make_bundle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = make_bundle("shipped/waves")
    monkeypatch.setattr(bundle, "_SHIPPED", shipped.parent)
    assert shipped_names() == ["waves"]
    monkeypatch.chdir(shipped.parent.parent)
    assert Bundle.load("waves").folder == shipped
    Path("waves").mkdir()
    with refuses("waves: rename it"):
        Bundle.load("waves")
    Path("waves").rmdir()
    here = Path(shutil.copytree(shipped, "waves"))
    assert Bundle.load("waves").folder == here
    not_loaded("wavs", "wavs: no such bundle; .* a name: waves")


@pytest.mark.parametrize("name", ["nowhere", "", "no/where", "x" * 5000, "a\0b", "..x"])
def test_unknown_names_list_what_exists(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bundle, "_SHIPPED", tmp_path)
    not_loaded(name, ": no such bundle; .* a name: none")


def test_what_is_no_bundle_says_so(tmp_path: Path) -> None:
    not_loaded(tmp_path, f"{tmp_path}: is no bundle")
    (tmp_path / "generator.safetensors").touch()
    not_loaded(tmp_path, f"{tmp_path}: it is a run folder")
    not_loaded(tmp_path / "generator.safetensors", "generator.safetensors: is a file")
    (tmp_path / "model.onnx").touch()
    not_loaded(tmp_path / "model.onnx", ": model.onnx.json is missing")


def test_missing_and_strange_files(make_bundle: Any) -> None:
    folder = make_bundle()
    (folder / "model.onnx").rename(folder / "elsewhere")
    not_loaded(folder, "model.onnx: is missing")
    (folder / "model.onnx").mkdir()
    not_loaded(folder, "model.onnx: is no plain file")
    (folder / "model.onnx").rmdir()
    os.mkfifo(folder / "model.onnx")
    not_loaded(folder, "model.onnx: is no plain file")


def test_links_out_of_the_bundle_are_refused_and_links_within_are_not(make_bundle: Any, tmp_path: Path) -> None:
    folder = make_bundle()
    (folder / "model.onnx").rename(folder / "real.onnx")
    (folder / "model.onnx").symlink_to("real.onnx")
    Bundle.load(folder)
    (folder / "real.onnx").rename(tmp_path / "real.onnx")
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to(tmp_path / "real.onnx")
    not_loaded(folder, "model.onnx: is a link out of the bundle")
    (tmp_path / "alias").symlink_to(make_bundle("second"))
    Bundle.load(tmp_path / "alias")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_file(make_bundle: Any) -> None:
    folder = make_bundle()
    (folder / "model.onnx").chmod(0)
    not_loaded(folder, "model.onnx: can't be read")


def test_a_failing_disk(make_bundle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> int:
        raise OSError(5, "Input/output error")

    folder = make_bundle()
    monkeypatch.setattr(os, "open", fail)
    not_loaded(folder, r": can't be read \(Input/output error\)")


def test_a_sidecar_that_is_too_big_is_not_even_read(make_bundle: Any) -> None:
    folder = make_bundle()
    with open(folder / "model.onnx.json", "ab") as file:
        file.truncate(FILE_LIMITS[SIDECAR] + 1)
    not_loaded(folder, "model.onnx.json: is too big")


def test_a_changed_sidecar_is_refused_even_where_it_stays_valid(make_bundle: Any) -> None:
    path = make_bundle() / "model.onnx.json"
    path.write_text(path.read_text().replace("Sneaker", "Speaker"))
    not_loaded(path, "model.onnx.json: does not match its sha256")


def test_an_unknown_version_is_named_before_anything_else(make_bundle: Any) -> None:
    path = make_bundle() / "model.onnx.json"
    path.write_text('{"format_version": 7, "graphs": []}')
    not_loaded(path, "model.onnx.json: format_version is 7")


def test_a_git_lfs_pointer_has_its_remedy(make_bundle: Any) -> None:
    folder = make_bundle()
    (folder / "model.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    not_loaded(folder, "model.onnx: run: git lfs pull")


def test_what_lies_beside_the_model_may_be_left_behind_but_not_be_wrong(make_bundle: Any) -> None:
    folder = make_bundle()
    (folder / "model.pt2").write_bytes(b"exported")
    files = {"model.onnx": sha256_of(folder / "model.onnx"), "model.pt2": sha256_of(b"exported")}
    rewrite(folder, files=files)
    assert Bundle.load(folder).model == (folder / "model.onnx").read_bytes()
    (folder / "model.pt2").write_bytes(b"exportee")
    not_loaded(folder, "model.pt2: its SHA-256 is")
    (folder / "model.pt2").unlink()
    Bundle.load(folder)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(["model.onnx", "model.onnx.json"]), place=st.floats(0, 0.9999), mask=st.integers(1, 255))
def test_a_flipped_byte_never_reaches_onnx_runtime(
    name: str, place: float, mask: int, intact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen(*_: Any, **__: Any) -> None:
        raise AssertionError("ONNX Runtime was shown a damaged model")

    monkeypatch.setattr(onnxruntime, "InferenceSession", seen)
    content = (intact / name).read_bytes()
    flipped = bytearray(content)
    flipped[int(place * len(content))] ^= mask
    (intact / name).write_bytes(flipped)
    with pytest.raises(AttnGANError) as raised:
        Generator.load(intact)
    (intact / name).write_bytes(content)
    assert "\n" not in str(raised.value)


def test_onnx_runtime_gets_the_bytes_that_were_hashed(make_bundle: Any) -> None:
    folder = make_bundle()
    good = Bundle.load(folder)
    (folder / "model.onnx").write_bytes(b"swapped after the check")
    assert sha256_of(good.model) == good.sidecar["files"]["model.onnx"]
