"""Runs of the benchmark at tiny shapes: wrong and raising contenders are listed, and the JSON says where it ran."""

import json
import platform

import attention_contenders as contenders
import attention_report as report
import bench_attention
import pytest
import torch
from attention_cases import SHAPES
from attention_contenders import Contender
from attention_run import Bench

from attngan_kernels import attention

SHAPE = "B1 H2 N64 d32"


class DetachedBackward(torch.autograd.Function):
    """First derivatives right; the second forgets that P depends on q: what a backward of detached tensors gives."""

    @staticmethod
    def forward(ctx, q, k, v):
        ctx.save_for_backward(q, k, v)
        return attention(q, k, v, backend="reference")

    @staticmethod
    def backward(ctx, cotangent):
        q, k, v = ctx.saved_tensors
        p = torch.softmax(q @ k.mT * q.shape[-1] ** -0.5, -1).detach()
        dp = cotangent @ v.mT
        ds = p * (dp - (p * dp).sum(-1, keepdim=True)) * q.shape[-1] ** -0.5
        return ds @ k, ds.mT @ q, p.mT @ cotangent


def cut_off(q, k, v):
    """A first gradient that has no graph."""
    return CutOff.apply(q, k, v)


class CutOff(DetachedBackward):
    @staticmethod
    def backward(ctx, cotangent):
        with torch.enable_grad():
            inputs = [x.detach().requires_grad_() for x in ctx.saved_tensors]
            out = attention(*inputs, backend="reference")
        return torch.autograd.grad(out, inputs, cotangent.detach())


def raising(q, k, v):
    raise NotImplementedError("no kernel for this head dimension\nsecond line")


@pytest.fixture
def rivals(monkeypatch):
    added = {"detached": DetachedBackward.apply, "cut-off": cut_off, "raising": raising}
    for name, attend in added.items():
        monkeypatch.setitem(contenders.CONTENDERS, name, Contender(name, lambda shape, attend=attend: attend))
    contenders.attend_for.cache_clear()
    return list(added)


def options(*names, out=None, steps=("gradient", "r1")):
    arguments = ["--quick", "--device", "cpu", "--shapes", SHAPE, "--steps", *steps, "--contenders", *names]
    return [*arguments, "--out", str(out)] if out else arguments


def test_wrong_and_raising_contenders_are_listed_and_not_timed(rivals, tmp_path, capsys):
    code = bench_attention.main(options("blockwise", "sdpa-flash", *rivals, out=tmp_path / "a.json"))
    assert code == 0  # none of ours failed
    rows = {(r["contender"], r["step"]): r for r in json.loads((tmp_path / "a.json").read_text())["rows"]}
    printed = capsys.readouterr().out
    for name in ("detached", "cut-off"):
        assert rows[name, "gradient"]["status"] == "ok" and rows[name, "gradient"]["ms"]["median"] > 0
        assert rows[name, "r1"]["status"] == "wrong" and rows[name, "r1"]["error"] > 0.1
        assert rows[name, "r1"]["ms"] is None and f"{rows[name, 'r1']['error']:.1e}" in printed
    assert rows["raising", "r1"]["status"] == "raises"
    assert rows["raising", "r1"]["reason"] == "NotImplementedError: no kernel for this head dimension"
    assert "- raising: NotImplementedError: no kernel for this head dimension" in printed
    assert rows["sdpa-flash", "gradient"]["status"] == "ok" and "not implemented" in rows["sdpa-flash", "r1"]["reason"]
    assert rows["blockwise", "r1"]["error"] < 1e-5 and rows["blockwise", "r1"]["of_floor"] > 0


def test_a_failure_of_ours_ends_with_exit_code_1(rivals, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(contenders.CONTENDERS, "blockwise", contenders.CONTENDERS["detached"])
    contenders.attend_for.cache_clear()
    assert bench_attention.main(options("blockwise", out=tmp_path / "a.json")) == 1
    assert "error: blockwise r1" in capsys.readouterr().out
    contenders.attend_for.cache_clear()


def test_json_has_device_and_versions_and_the_figure_lies_beside(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    out = tmp_path / "folder" / "a.json"
    names = ("blockwise", "sdpa-math", "finite-difference", "sdpa-cudnn")
    assert bench_attention.main(options(*names, out=out, steps=("forward", "gradient", "r1"))) == 0
    result = json.loads(out.read_text())
    assert result["device"]["kind"] == "cpu" and result["device"]["name"] and result["device"]["threads"] >= 1
    assert result["versions"]["torch"] == torch.__version__
    assert result["versions"]["python"] == platform.python_version()
    assert result["units"]["double_backward"] == 20 and result["ceilings"]["tflop_per_s"] > 0
    assert [row["contender"] for row in result["errors"][:2]] == ["blockwise", "sdpa-math"]
    rows = {(r["contender"], r["step"]): r for r in result["rows"]}
    assert len(rows) == 10  # the finite difference has an R1 step alone
    assert rows["finite-difference", "r1"]["status"] == "approximate"
    assert rows["sdpa-cudnn", "forward"] | {"status": "absent", "reason": "needs CUDA"} == rows["sdpa-cudnn", "forward"]
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "| attngan blockwise |" in capsys.readouterr().out


def test_what_there_is_no_time_for_is_said(tmp_path):
    bench = Bench(bench_attention.parse([*options("blockwise"), "--seconds", "1e-9"]))
    shape = SHAPES[0]
    rows = bench.run_shape(shape)
    assert {r["status"] for r in rows} == {"not run"} and "seconds were over" in rows[0]["reason"]


def test_without_matplotlib_a_line_says_so(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    assert "matplotlib" in report.plot(report.Rows([], "float32"), [], "", tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def figures(contender, step, shape, ms, peak=None, rate=None):
    return {
        "shape": shape,
        "dtype": "bfloat16",
        "step": step,
        "contender": contender,
        "ms": {"median": ms},
        "peak_mib": peak,
        "tflop_per_s": rate,
    }


def test_targets_asked_against_measured():
    name = "B1 H8 N4096 d64"
    rows = [
        figures("triton", "forward", name, 0.10),
        figures("sdpa-flash", "forward", name, 0.11),
        figures("triton", "double_backward", name, 2.0, rate=172.0),
        figures("triton", "r1", name, 4.0, peak=100.0),
        figures("sdpa-math", "r1", name, 30.0, peak=6000.0),
        figures("finite-difference", "r1", name, 3.0),
    ]
    verdicts = {v["target"]: v for v in report.judge(report.Rows(rows, "bfloat16"), "cuda", "bfloat16")}
    met = {target: (v["measured"], v["met"]) for target, v in verdicts.items()}
    assert met == {
        "forward, × SDPA flash": (1.1, True),
        "deterministic backward, × SDPA flash": (None, None),
        "double backward, TFLOP/s": (172.0, False),
        "R1, × the math path": (7.5, True),
        "R1 memory, of the math path's": (0.0167, True),
        "R1 time, of finite difference's": (1.33, False),
    }
    assert "≥ 1 (stretch 1.2)" in "\n".join(report.target_table(list(verdicts.values())))


def test_peak_memory_of_a_fresh_process():
    from attention_cases import Shape
    from attention_fresh import peak_mib

    peak, reason = peak_mib(Shape(1, 1, 1024, 1024, 32, 32), "gradient", "sdpa-math", "float32")
    assert not reason and 8 < peak < 64  # maps of 4 MiB
    assert "KeyError" in peak_mib(Shape(1, 1, 8, 8, 8, 8), "r1", "nobody", "float32")[1]


def test_times_of_a_fresh_process():
    from attention_cases import Shape
    from attention_fresh import times

    quantiles, reason = times(Shape(1, 1, 32, 32, 8, 8), "r1", ["blockwise", "sdpa-math"], "float32")
    assert not reason and set(quantiles) == {"blockwise", "sdpa-math"} and quantiles["blockwise"]["median"] > 0
    assert "KeyError" in times(Shape(1, 1, 8, 8, 8, 8), "r1", ["nobody"], "float32")[1]
