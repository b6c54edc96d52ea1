"""Which ONNX Runtime, which provider, how many threads: what was asked for, or one line that says why not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from refusals import refuses

from attngan_runtime import Generator
from attngan_runtime.bundle import write_sidecar
from attngan_runtime.generators import onnx_session
from attngan_runtime.generators.golden import check_golden
from attngan_runtime.generators.onnx_session import import_onnxruntime, usable_cores


def test_no_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(onnx_session, "find_spec", lambda name: None)
    with refuses("ONNX Runtime: not installed .*run: pip install"):
        import_onnxruntime()


@pytest.mark.parametrize(
    ("beside", "named"),
    [
        ([], None),
        (["onnxruntime-1.24.0"], None),
        (["onnxruntime_gpu-1.24.0"], None),
        (["onnxruntime-1.24.0", "onnxruntime_extensions-0.14.0"], None),
        (["onnxruntime-1.24.0", "onnxruntime_gpu-1.24.0"], "onnxruntime and onnxruntime-gpu: overwrite each other"),
    ],
)
def test_two_onnxruntimes_in_one_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: list[str], named: str | None
) -> None:
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text("class InferenceSession: ...\n")
    for name in beside:
        (tmp_path / f"{name}.dist-info").mkdir()
    monkeypatch.delitem(sys.modules, "onnxruntime")
    monkeypatch.syspath_prepend(tmp_path)
    if named is None:
        assert import_onnxruntime().__file__ == str(tmp_path / "onnxruntime" / "__init__.py")
    else:
        with refuses("onnxruntime and onnxruntime-gpu: pip uninstall onnxruntime onnxruntime-gpu, then"):
            import_onnxruntime()


def test_a_half_uninstalled_onnxruntime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime_gpu-1.24.0.dist-info").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "onnxruntime")
    monkeypatch.syspath_prepend(tmp_path)
    with refuses("ONNX Runtime: broken .*pip uninstall onnxruntime-gpu, then"):
        import_onnxruntime()


def test_a_provider_this_onnxruntime_lacks(make_bundle: Any) -> None:
    for asked in ("ROCMExecutionProvider", ["NoSuchProvider", "CPUExecutionProvider"]):
        with refuses("provider: has .*CPUExecutionProvider"):
            Generator.load(make_bundle(f"b{len(asked)}"), providers=asked)


@pytest.mark.parametrize("asked", ["cuda", "CUDAExecutionProvider", ["cuda", "cpu"]])
def test_a_provider_that_is_listed_and_does_not_start(
    make_bundle: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], asked: Any
) -> None:
    folder = make_bundle()
    listed = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: listed)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print("Failed to load libcublas.so\nand so on"))
    opened = onnxruntime.InferenceSession
    asked_of_it: list[Any] = []

    def falls_back(model: bytes, options: Any, providers: list[Any]) -> Any:
        asked_of_it.extend(providers)
        return opened(model, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", falls_back)
    with refuses(r"provider CUDAExecutionProvider: would use CPU.* \(Failed to load libcublas.so\)"):
        Generator.load(folder, providers=asked)
    assert asked_of_it[0] == ("CUDAExecutionProvider", {"use_tf32": "0"})
    assert capfd.readouterr() == ("", "")


def test_providers_by_short_and_long_name(make_bundle: Any) -> None:
    folder = make_bundle()
    for asked in (None, "cpu", "CPUExecutionProvider", ["cpu"]):
        session = Generator.load(folder, providers=asked).session
        assert session.get_providers() == ["CPUExecutionProvider"]
        assert not session._enable_fallback


def test_threads(make_bundle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_bundle()
    assert Generator.load(folder, threads=1).session.get_session_options().intra_op_num_threads == 1
    with refuses("threads: less than 1"):
        Generator.load(folder, threads=0)
    monkeypatch.setattr(onnx_session, "usable_cores", lambda: 3)
    assert Generator.load(folder).session.get_session_options().intra_op_num_threads == 3


@pytest.mark.parametrize(
    ("cpu_max", "cores"),
    [("max 100000", 2), ("100000 100000", 1), ("150000 100000", 2), ("10000 100000", 1), (None, 2)],
)
def test_cores_are_physical_and_within_the_container(
    monkeypatch: pytest.MonkeyPatch, cpu_max: str | None, cores: int
) -> None:
    def text(path: str) -> str:
        if "cpu.max" in path and cpu_max is None:
            raise FileNotFoundError(path)
        return cpu_max or "" if "cpu.max" in path else f"{int(path.split('/')[5][3:]) % 2},…"

    monkeypatch.setattr(onnx_session.os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(onnx_session, "_text", text)
    assert usable_cores() == cores


def test_cores_where_the_system_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert usable_cores() >= 1
    monkeypatch.delattr(onnx_session.os, "sched_getaffinity")
    assert usable_cores() == 0


def test_memory_and_cores_are_left_to_the_application(make_bundle: Any) -> None:
    session = Generator.load(make_bundle()).session
    options = session.get_session_options()
    assert options.get_session_config_entry("session.intra_op.spin_duration_us") == "200"
    assert not options.enable_mem_pattern and session._model_bytes is None


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])  # musl and macOS; no loader; Windows
def test_a_system_without_malloc_trim(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def missing(name: None) -> Any:
        raise error

    onnx_session._return_freed_memory()
    monkeypatch.setattr(onnx_session.ctypes, "CDLL", missing)
    onnx_session._return_freed_memory()


def test_a_provider_that_was_not_measured_must_draw_the_golden_sample(make_bundle: Any) -> None:
    azure = ["AzureExecutionProvider", "CPUExecutionProvider"]  # leaves every operator to the next one
    folder = make_bundle()
    Generator.load(folder, providers=azure)
    sidecar = json.loads((folder / "model.onnx.json").read_text(encoding="utf-8"))
    sidecar["golden"]["values"][3] *= 0.5
    write_sidecar(folder, sidecar)
    Generator.load(folder)  # the export measured the CPU
    with refuses("waves on AzureExecutionProvider: golden sample differs .* --input z"):
        Generator.load(folder, providers=azure)


def test_a_provider_that_fails_on_the_golden_sample_is_one_line() -> None:
    class Failing:
        def get_providers(self) -> list[str]:
            return ["SomeProvider"]

        def run(self, *_: Any) -> None:
            raise RuntimeError("no such kernel\nat line 3")

    sidecar = {"name": "waves", "task": "image", "output": {"name": "image"}, "inputs": [], "golden": {"inputs": {}}}
    with refuses(r"waves on SomeProvider: can't run there \(no such kernel\)"):
        check_golden(Failing(), sidecar)
