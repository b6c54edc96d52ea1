"""Ahead-of-time compilation: the manifest against the PTX, the files' hashes, refusals."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

pytest.importorskip("triton")
from attngan_kernels.backends.interface import Directions, Inputs, Saved
from attngan_kernels.backends.triton import backend as triton_backend
from attngan_kernels.backends.triton.configs import Config
from attngan_kernels.tooling import aot_command, aot_manifest
from attngan_kernels.tooling.compile_offline import Compiled

# What a caller has before the first kernel of each pass.
GIVEN = {
    "forward": {"q", "k", "v", "bias"},
    "backward": {"q", "k", "v", "bias", "dout", "out", "top", "inverse"},
    "double-backward": {"q", "k", "v", "bias", "dout", "out", "top", "inverse"}
    | {"q_cotangent", "k_cotangent", "v_cotangent", "bias_cotangent"},
    "jvp": {"q", "k", "v", "bias", "q_cotangent", "k_cotangent", "v_cotangent", "bias_cotangent"},
}
RESULTS = {
    "forward": {"out", "top", "inverse"},
    "backward": {"grad_q", "grad_k", "grad_v", "grad_bias"},
    "double-backward": {"grad_dout", "grad_q", "grad_k", "grad_v", "grad_bias"},
    "jvp": {"out", "grad_dout"},
}


def run(*arguments: str, cache: Path, **more: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    env |= {"TRITON_CACHE_DIR": str(cache), **more}
    command = [sys.executable, "-m", "attngan_kernels.aot", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("triton")


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[Path, str]:
    """All passes with bias and causal mask for sm_90, in bfloat16; the folder and what was printed."""
    folder = tmp_path_factory.mktemp("aot") / "kernels"
    options = ["--head-dim", "64", "--dtype", "bf16", "--bias", "--causal"]
    done = run("--arch", "sm_90", *options, "-o", str(folder), cache=cache)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[Path, str]:
    """Forward alone for two architectures in float32, D_k ≠ D_v and no multiple of 16."""
    folder = tmp_path_factory.mktemp("aot") / "new" / "kernels"
    options = ["--head-dim", "24", "--head-dim-v", "40", "--dtype", "fp32", "--pass", "forward"]
    done = run("--arch", "sm_80", "sm_90", *options, "-o", str(folder), cache=cache)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture(params=["everything", "plain"])
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)[0]


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


def ptx_parameters(ptx: str, symbol: str) -> list[str]:
    """The types in the parameter list of a PTX entry."""
    entry = re.search(rf"\.visible \.entry {symbol}\((.*?)\)", ptx, re.DOTALL)
    assert entry is not None
    return re.findall(rf"\.param \.(\w+)[^,]*{symbol}_param_\d+", entry[1])


def test_arguments_are_those_of_the_ptx_entry(folder: Path) -> None:
    for kernel in read(folder)["kernels"]:
        ptx = (folder / kernel["files"]["ptx"]["file"]).read_text()
        assert [a["ptx"] for a in kernel["arguments"]] == ptx_parameters(ptx, kernel["symbol"])
        assert [a["name"] for a in kernel["arguments"][-2:]] == ["global_scratch", "profile_scratch"]
        assert all(a["bytes_per_program"] == 0 for a in kernel["arguments"][-2:])
        assert f".reqntid {kernel['block']['x']}\n" in ptx


def test_c_types_belong_to_the_ptx_types(folder: Path) -> None:
    sizes = {"CUdeviceptr": "u64", "int32_t": "u32", "int64_t": "u64", "float": "f32"}
    for kernel in read(folder)["kernels"]:
        assert all(sizes[a["type"]] == a["ptx"] for a in kernel["arguments"])


def test_files_have_the_hashes_of_the_manifest_and_there_are_no_others(folder: Path) -> None:
    files = [file for kernel in read(folder)["kernels"] for file in kernel["files"].values()]
    for file in files:
        assert hashlib.sha256((folder / file["file"]).read_bytes()).hexdigest() == file["sha256"]
    assert {f["file"] for f in files} | {"manifest.json"} == {path.name for path in folder.iterdir()}


def test_cubins_are_cuda_elf_for_their_architecture(folder: Path) -> None:
    for kernel in read(folder)["kernels"]:
        data = (folder / kernel["files"]["cubin"]["file"]).read_bytes()
        machine, flags = struct.unpack_from("<H", data, 18)[0], struct.unpack_from("<I", data, 48)[0]
        assert data[:4] == b"\x7fELF" and machine == 190  # EM_CUDA
        assert flags & 0xFF == int(kernel["arch"].removeprefix("sm_"))
        assert kernel["symbol"].encode() in data


def test_files_do_not_name_the_machine_that_compiled_them(folder: Path) -> None:
    home = str(Path(triton_backend.__file__).parent).encode()
    assert not any(home in path.read_bytes() for path in folder.iterdir())


def test_every_tensor_that_a_kernel_reads_is_given_or_was_written_before(everything: tuple[Path, str]) -> None:
    found = read(everything[0])
    kernels = {kernel["name"]: kernel for kernel in found["kernels"]}
    assert set(found["passes"]) == set(GIVEN)
    for name, order in found["passes"].items():
        there = set(GIVEN[name])
        for kernel in order:
            tensors = [a for a in kernels[kernel]["arguments"] if "tensor" in a]
            assert {a["tensor"] for a in tensors if a["role"] == "reads"} <= there, (name, kernel)
            there |= {a["tensor"] for a in tensors if a["role"] == "writes"}
        assert there >= RESULTS[name]
    assert {a["tensor"] for k in kernels.values() for a in k["arguments"] if "tensor" in a} == set(found["tensors"])


def test_assumptions_hold_for_contiguous_tensors_of_any_length(folder: Path) -> None:
    manifest = read(folder)
    dims = {"D_k": manifest["head_dim"], "D_v": manifest["head_dim_v"]}
    for kernel in manifest["kernels"]:
        assert all(v == 1 for name, v in kernel["constants"].items() if "_stride_" in name)
        for a in kernel["arguments"]:
            if a["role"] == "value" or a["name"].startswith("bias"):
                assert a["divisible_by"] == 1 or a["role"] == "reads"
            elif a["role"] == "stride":  # of rows, heads or batches of rows with D elements each
                shape = manifest["tensors"][a["name"].split("_stride_")[0].removesuffix("_out")]["shape"]
                d = next((d for name, d in dims.items() if name in shape), 1)
                assert d % a["divisible_by"] == 0, (kernel["name"], a)


def test_table_and_manifest_tell_the_same_resources(everything: tuple[Path, str]) -> None:
    folder, printed = everything
    for kernel in read(folder)["kernels"]:
        row = [kernel["files"]["cubin"]["file"], kernel["registers"], kernel["spilled_bytes"], kernel["shared_bytes"]]
        assert " ".join(map(str, row)) in re.sub(" +", " ", printed)
        assert kernel["spilled_bytes"] == 0
        assert kernel["needs_max_dynamic_shared_attribute"] == (kernel["shared_bytes"] > 49152)
    assert (folder / "forward_sm_90_d64_bf16.cubin").exists()


def test_options_and_versions_are_recorded(plain: tuple[Path, str]) -> None:
    found = read(plain[0])
    assert found["format_version"] == 1 and set(found["versions"]) == {"attngan", "triton"}
    assert (found["head_dim"], found["head_dim_v"], found["dtype"]) == (24, 40, "fp32")
    assert not found["causal"] and not found["bias"]
    assert found["passes"] == {"forward": ["forward"]}
    constants = found["kernels"][0]["constants"]
    assert (constants["D_K"], constants["D_V"], constants["CAUSAL"]) == (24, 40, False)
    assert {path.name for path in plain[0].glob("*.ptx")} == {
        "forward_sm_80_d24_40_fp32.ptx",
        "forward_sm_90_d24_40_fp32.ptx",
    }


class Recorder(triton_backend.Launcher):
    """Keeps the number of programs that the package itself would launch."""

    def __init__(self) -> None:
        self.programs: dict[str, int] = {}

    def card(self, x: torch.Tensor) -> str:
        return "9.0"

    def run(self, kernel: Any, programs: int, x: torch.Tensor, arguments: Any, options: Any) -> None:
        self.programs[kernel.__name__] = programs


def test_grid_is_what_the_package_launches(everything: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    B, H, n_q, n_k = 3, 5, 300, 129
    q, k = (torch.empty(B, H, n, 64, dtype=torch.bfloat16, device="meta") for n in (n_q, n_k))
    bias, statistics = torch.empty(B, H, n_k, device="meta"), torch.empty(2, B, H, n_q, device="meta")
    recorder = Recorder()
    monkeypatch.setattr(triton_backend, "launcher", recorder)
    x, saved = Inputs(q, k, k, bias, 1.0, True), Saved(q, statistics)
    triton_backend.forward(x)
    triton_backend.backward(q, x, saved, True)
    triton_backend.double_backward(Directions(*x.tensors), q, x, saved)
    names = {"B": B, "H": H, "N_q": n_q, "N_k": n_k, "ceil": math.ceil}
    for kernel in read(everything[0])["kernels"]:
        assert eval(kernel["grid"]["x"], names) == recorder.programs[kernel["symbol"]], kernel["name"]
        assert kernel["grid"]["y"] == kernel["grid"]["z"] == 1


@pytest.mark.parametrize(
    ("symbol", "absent", "name"),
    [
        ("pass_c", (), "pass_c"),
        ("pass_c", ("grad_v", "grad_bias"), "pass_c_k"),
        ("pass_c", ("grad_k",), "pass_c_v"),
        ("pass_a", ("bias",), "pass_a"),
        ("pass_a", ("dout",), "jvp"),
    ],
)
def test_kernels_are_told_apart_by_what_they_leave_out(symbol: str, absent: tuple[str, ...], name: str) -> None:
    signature = dict.fromkeys(("dout", "bias", "grad_k", "grad_v", "grad_bias"), "*bf16")
    kernel = SimpleNamespace(src=SimpleNamespace(signature=signature | dict.fromkeys(absent, "constexpr")))
    assert aot_manifest.kernel_name(Compiled(symbol, kernel, Config(16, 16, 32, 4, 1), {})) == name


GOOD = ["--arch", "sm_90", "--head-dim", "64", "--dtype", "bf16"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--arch", "sm_75", "--head-dim", "64", "--dtype", "bf16"], "--arch sm_75 is unknown: try sm_80, sm_86"),
        (["--arch", "sm_90", "--head-dim", "64", "--dtype", "bfloat16"], "--dtype bfloat16 is unknown: try bf16, "),
        (["--arch", "sm_90", "--head-dim", "129", "--dtype", "bf16"], "--head-dim 129 is more than the kernels take"),
        ([*GOOD, "--head-dim-v", "257"], "--head-dim-v 257 is more than the kernels take: at most 256"),
        ([*GOOD, "--head-dim-v", "0"], "argument --head-dim-v: '0' is not a head dimension: try 64"),
        ([*GOOD, "--pass", "third"], "argument --pass: invalid choice: 'third'"),
        (["--head-dim", "64", "--dtype", "bf16"], "the following arguments are required: --arch"),
    ],
)
def test_mistakes_are_refused_in_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        aot_command.main([*arguments, "-o", str(tmp_path / "out")])
    printed = capsys.readouterr().err
    assert stop.value.code == 2
    assert printed.startswith(f"error: {message}") and printed.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").touch()
    for target in (tmp_path, tmp_path / "mine"):
        with pytest.raises(SystemExit):
            aot_command.main([*GOOD, "-o", str(target)])
        assert capsys.readouterr().err == f"error: -o {target} exists already: name a new or empty folder\n"


def test_the_interpreter_is_refused(tmp_path: Path) -> None:
    done = run(*GOOD, "-o", str(tmp_path / "out"), cache=tmp_path, TRITON_INTERPRET="1")
    assert done.returncode == 2
    assert done.stderr == "error: TRITON_INTERPRET=1 replaces the compiler by an interpreter: unset it\n"


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path, options: argparse.Namespace) -> None:
        (folder / "half").touch()
        raise RuntimeError("no more")

    monkeypatch.setattr(aot_command, "write", fail)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setenv("TRITON_DISABLE_LINE_INFO", "0")  # main sets it: put it back afterwards
    with pytest.raises(RuntimeError, match="no more"):
        aot_command.main([*GOOD, "-o", str(tmp_path / "out")])
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with aot_command.atomic_folder(tmp_path / "out") as folder:
        (folder / "whole").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "whole"]
