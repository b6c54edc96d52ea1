"""The command that checks a card: what it prints, writes and returns."""

import json
import math

import pytest
import torch

from attngan_kernels.tooling import selfcheck_command as selfcheck
from attngan_kernels.tooling import selfcheck_errors
from attngan_kernels.tooling.selfcheck_cases import Case
from attngan_kernels.tooling.selfcheck_errors import TensorError


def test_writes_every_error_and_returns_0(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(selfcheck, "QUICK", [Case((1, 2, 5, 6, 3, 4), bias=True)])
    assert selfcheck.main(["--device", "cpu", "--backend", "blockwise", "--workers", "1", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "selfcheck: 3 of 3 cases within tolerance on cpu"
    result = json.loads((tmp_path / "selfcheck.json").read_text())
    assert [row["dtype"] for row in result["rows"]] == ["float32", "float16", "bfloat16"]
    assert set(result["rows"][0]["errors"]) >= {"out", "dq", "dkey_bias", "ddq", "ddk", "ddv", "ddkey_bias", "jvp"}


def test_what_raises_is_named_and_returns_1(monkeypatch, capsys):
    monkeypatch.setattr(selfcheck, "QUICK", [Case((1, 1, 2, 2, 1, 1), mask="unheard of"), Case((1, 2, 5, 6, 3, 4))])
    assert selfcheck.main(["--device", "cpu", "--backend", "blockwise", "--workers", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("WRONG float32  KeyError: 'unheard of'")
    assert lines[1].startswith("ok    float32")


@pytest.mark.parametrize("error", [2.0, math.nan, math.inf])
def test_too_large_an_error_is_wrong(monkeypatch, error):
    errors = [TensorError("out", 0.5, 1.0, 1.0), TensorError("ddq", error, 1.0, 1.0)]
    monkeypatch.setattr(selfcheck, "compare_case", lambda *_: errors)
    row = selfcheck.check_one(("float32", Case((1, 1, 1, 1, 1, 1)), "triton", "cpu"))
    assert (row["ok"], row["worst"]) == (False, "ddq")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_an_error_of_a_few_percent_in_half_precision_is_wrong(monkeypatch, dtype):
    """At loud logits: a reference that rounded its weights let 24 % of dq pass."""

    def off(x, backend, **options):
        found = exact(x, backend=backend, **options)
        return {name: t * 1.05 for name, t in found.items()} if backend == "blockwise" else found

    exact = selfcheck_errors.derivatives
    monkeypatch.setattr(selfcheck_errors, "derivatives", off)
    errors = selfcheck_errors.compare_case(Case((1, 4, 48, 48, 8, 6), loud=12.0), dtype, "blockwise")
    assert {e.tensor for e in errors if e.ok} == {"jvp"}


def test_without_its_device_it_says_so_and_exits_2(monkeypatch, capsys):
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    with pytest.raises(SystemExit) as exit_:
        selfcheck.main(["--device", "cpu"])
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --backend triton --device cpu: ") and "run on CUDA" in line
