"""Breaks each term of the kernel in turn and demands that the tests notice: python tests/kernels/mutate.py

Not collected by pytest. Every mutation runs a few seconds of tests on a copy of the package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ["test_our_own_tiles_where_aten_would_run", "test_gradcheck", "test_fully_masked_rows", "test_large_logits"]

# file, what breaks, text, replacement
MUTATIONS = [
    ("passes", "A in T and g_K", "torch.cat([A[group] * scale, one", "torch.cat([A[group] * 0, one"),
    ("passes", "B in T", "k_side_T = torch.cat([k[group], beta[group], B[group]",
     "k_side_T = torch.cat([k[group], beta[group], B[group] * 0"),
    ("passes", "β in T", "B[group], beta[group]], -1)", "B[group], beta[group] * 0], -1)"),
    ("passes", "β meets zeros", "one * 0, q[group]", "one * 1, q[group]"),
    ("passes", "−e in T'", "PT.addcmul_(P, PT.sum(-1, keepdim=True), value=-1)", "pass"),
    ("passes", "PT·V in g_dO", "torch.bmm(PT, V).baddbmm_", "torch.bmm(PT, V * 0).baddbmm_"),
    ("passes", "P·C in g_dO", ".baddbmm_(P, C[group, :seen])", ""),
    ("passes", "g_V", "vT[..., :seen].baddbmm_(dO_rows.mT, PT)", "pass"),
    ("passes", "T instead of T' in g_V", "vT[..., :seen].baddbmm_(dO_rows.mT, PT)",
     "vT[..., :seen].baddbmm_(dO_rows.mT, PT + P)"),
    ("passes", "−δ in dS", "dS.addcmul_(P, delta, value=-1)", "pass"),
    ("passes", "−δ in D", "D.sub_(delta)", "D"),
    ("passes", "dS·B in g_Q", "torch.bmm(dS, B[group, :seen])", "torch.bmm(dS, B[group, :seen] * 0)"),
    ("passes", "dS2·K in g_Q", "g_q.baddbmm_(dS2, K)", "g_q"),
    ("passes", "s in g_Q", "g_q.baddbmm_(dS2, K).mul_(scale)", "g_q.baddbmm_(dS2, K)"),
    ("passes", "dSᵀA in g_K", "kT[..., :seen].baddbmm_(A_side[:, rows].mT, dS)", "pass"),
    ("passes", "dS2ᵀQ in g_K", "kT[..., :seen].baddbmm_(P_side[:, rows, : d + 1].mT, dS2)", "pass"),
    ("passes", "dO·Cᵀ in dS2", "torch.bmm(dO_rows, C[group, :seen].mT,", "torch.bmm(dO_rows, C[group, :seen].mT * 0,"),
    ("passes", "−ρ in dS2", ".sub_((dO_rows * g).sum(-1, keepdim=True))", ""),
    ("passes", "P in dS2", ".mul_(P).addcmul_(PT", ".addcmul_(PT"),
    ("passes", "P∘T'∘D in dS2", ".addcmul_(PT, D.sub_(delta))", ""),
    ("passes", "−δ in the backward", "dS.addcmul_(P, dS.sum(-1, keepdim=True), value=-1)", "pass"),
    ("passes", "dV", "vT[..., :seen].baddbmm_(dO_rows.mT, P)", "pass"),
    ("passes", "normalisation of P", "return P.mul_(total.masked_fill_(total == 0, 1.0).reciprocal_())", "return P"),
    ("passes", "dead rows in the forward", 'top.masked_fill_(top == float("-inf"), 0.0)', "pass"),
    ("tiles", "causal mask", "j > i[:, None]", "j > i[:, None] + 1"),
    ("tiles", "keys a causal block sees", "min(stop, self.keys) if", "min(start + 1, self.keys) if"),
    ("blockwise", "second derivative of the bias", "return *grads, bias if ctx.bias_grad else None, None,",
     "return *grads, None, None,"),
    ("arguments", "|k|² of L2", ".square().sum(3) * -scale", ".square().sum(3) * 0"),
    ("aten_flash", "strides", "x if x.stride(-1) == 1 else x.contiguous()", "x"),
]  # fmt: skip


def survives(file: str, text: str, replacement: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "attngan_kernels"
        shutil.copytree(ROOT / "kernels" / "attngan_kernels", package, ignore=shutil.ignore_patterns("__pycache__"))
        source = (package / f"{file}.py").read_text()
        assert text in source, f"mutate.py is out of date: {file}.py has no {text!r}"
        (package / f"{file}.py").write_text(source.replace(text, replacement))
        tests = [*TESTS, "test_non_contiguous"] if file == "aten_flash" else TESTS
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-k", " or ".join(tests)]
        environment = {**os.environ, "PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
        result = subprocess.run(
            [*command, str(ROOT / "tests/kernels/test_derivatives.py")], env=environment, cwd=ROOT, capture_output=True
        )
        assert result.returncode in (0, 1), result.stdout.decode() + result.stderr.decode()
        return result.returncode == 0


def main() -> None:
    survivors = []
    for file, name, text, replacement in [("passes", "nothing", "import torch", "import torch"), *MUTATIONS]:
        alive = survives(file, text, replacement)
        print(f"{'survives' if alive else 'noticed ':8}  {file}.py: {name}", flush=True)
        survivors += [name] if alive else []
    if survivors != ["nothing"]:
        sys.exit(f"not noticed: {survivors}")


if __name__ == "__main__":
    main()
