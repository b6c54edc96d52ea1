"""Breaks each term of the kernels in turn and demands that the tests notice: python tests/kernels/mutate.py [triton]

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
TESTS = {
    "blockwise": [
        "test_our_own_tiles_where_aten_would_run",
        "test_gradcheck",
        "test_fully_masked_rows",
        "test_large_logits",
    ],
    "triton": ["every_term", "padding_is_not_read"],
}

# file, what breaks, text, replacement
MUTATIONS = [
    ("blockwise/passes", "A in T and g_K", "torch.cat([A[group] * x.scale, one", "torch.cat([A[group] * 0, one"),
    ("blockwise/passes", "B in T", "k_side_T = torch.cat([k[group], beta[group], B[group]",
     "k_side_T = torch.cat([k[group], beta[group], B[group] * 0"),
    ("blockwise/passes", "β in T", "B[group], beta[group]], -1)", "B[group], beta[group] * 0], -1)"),
    ("blockwise/passes", "β meets zeros", "one * 0, q[group]", "one * 1, q[group]"),
    ("blockwise/passes", "−e in T'", "PT.addcmul_(P, PT.sum(-1, keepdim=True), value=-1)", "PT"),
    ("blockwise/passes", "PT·V in g_dO", "torch.bmm(PT, V).baddbmm_", "torch.bmm(PT, V * 0).baddbmm_"),
    ("blockwise/passes", "P·C in g_dO", ".baddbmm_(P, C[group, :seen])", ""),
    ("blockwise/passes", "g_V", "vT[..., :seen].baddbmm_(dO_rows.mT, PT)", "pass"),
    ("blockwise/passes", "T instead of T' in g_V", "vT[..., :seen].baddbmm_(dO_rows.mT, PT)",
     "vT[..., :seen].baddbmm_(dO_rows.mT, PT + P)"),
    ("blockwise/passes", "−δ in dS", "dS.addcmul_(P, delta, value=-1)", "pass"),
    ("blockwise/passes", "−δ in D", "D.sub_(delta)", "D"),
    ("blockwise/passes", "dS·B in g_Q", "torch.bmm(dS, B[group, :seen])", "torch.bmm(dS, B[group, :seen] * 0)"),
    ("blockwise/passes", "dS2·K in g_Q", "g_q.baddbmm_(dS2, K)", "g_q"),
    ("blockwise/passes", "s in g_Q", "g_q.baddbmm_(dS2, K).mul_(x.scale)", "g_q.baddbmm_(dS2, K)"),
    ("blockwise/passes", "dSᵀA in g_K", "kT[..., :seen].baddbmm_(A_side[:, rows].mT, dS)", "pass"),
    ("blockwise/passes", "dS2ᵀQ in g_K", "kT[..., :seen].baddbmm_(P_side[:, rows, : d + 1].mT, dS2)", "pass"),
    ("blockwise/passes", "dO·Cᵀ in dS2",
     "product(3, dO_rows, C[group, :seen])", "product(3, dO_rows, C[group, :seen] * 0)"),
    ("blockwise/passes", "−ρ in dS2", ".sub_((dO_rows * g).sum(-1, keepdim=True))", ""),
    ("blockwise/passes", "P in dS2", ".mul_(P).addcmul_(PT", ".addcmul_(PT"),
    ("blockwise/passes", "P∘T'∘D in dS2", ".addcmul_(PT, D.sub_(delta))", ""),
    ("blockwise/passes", "−δ in the backward", "dS.addcmul_(P, dS.sum(-1, keepdim=True), value=-1)", "pass"),
    ("blockwise/passes", "dV", "vT[..., :seen].baddbmm_(dO_rows.mT, P)", "pass"),
    ("blockwise/passes", "normalisation of P",
     "return P.mul_(total.masked_fill_(total == 0, 1.0).reciprocal_())", "return P"),
    ("blockwise/passes", "dead rows in the forward", 'top.masked_fill_(top == float("-inf"), 0.0)', "pass"),
    ("blockwise/tiles", "causal mask", "j > i[:, None]", "j > i[:, None] + 1"),
    ("blockwise/tiles", "keys a causal block sees", "min(stop, self.keys) if", "min(start + 1, self.keys) if"),
    ("blockwise/passes", "P·C in the JVP", "torch.bmm(PT, v[group, :seen]).baddbmm_(P, C[group, :seen])",
     "torch.bmm(PT, v[group, :seen])"),
    ("ops", "second derivative of the bias", "return *grads, bias if ctx.bias_grad else None, *[None] * 6",
     "return *grads, None, *[None] * 6"),
    ("arguments", "|k|² of L2", ".square().sum(3) * -scale", ".square().sum(3) * 0"),
    ("blockwise/aten_flash", "strides", "x if x.stride(-1) == 1 else x.contiguous()", "x"),
    ("triton/forward", "shrinking", "total = total * shrink + tl.sum(P, 1)", "total = total + tl.sum(P, 1)"),
    ("triton/forward", "rows without a top yet", 'tl.where(new_top == float("-inf"), 0.0, new_top)', "new_top"),
    ("triton/forward", "dead rows", "inverse = tl.where(dead, 0.0, 1.0", "inverse = tl.where(dead, 1.0, 1.0"),
    ("triton/language", "bias in the scores", "fma(S, log2_scale, in_base_2(bias)) - top", "fma(S, log2_scale, -top)"),
    ("triton/language", "edge of the keys", "seen = keys[None, :] < n_k", "seen = keys[None, :] < n_k + 1"),
    ("triton/language", "causal by row", "keys[None, :] <= rows[:, None]", "keys[None, :] < rows[:, None]"),
    ("triton/language", "causal by key", "keys[:, None] <= rows[None, :]", "keys[:, None] < rows[None, :]"),
    ("triton/language", "masked stage over keys", "whole = tl.minimum(n_k, first + 1)", "whole = n_k"),
    ("triton/language", "masked stage over rows", "whole = tl.cdiv(first + BLOCK_K", "whole = 0 * (first + BLOCK_K"),
    ("triton/language", "first live key", "start = tl.load(live + 2 * joint) // BLOCK_K * BLOCK_K", "start = 0"),
    ("triton/language", "last live key", "stop = tl.load(live + 2 * joint + 1)", "stop = n_k"),
    ("triton/language", "key tiles without a live key", "stop = tl.where(alive, n_q, 0)", "stop = n_q"),
    ("triton/language", "key tile of the first live key", "first + BLOCK_K > tl.load", "first + BLOCK_K - 1 > tl.load"),
    ("triton/language", "rows past the edge", 'rows, n, float("inf")), load', "rows, n, 0.0), load"),
    ("triton/backward", "−δ in dQ", "inner(dO, V, CHUNK) - delta[:, None]", "inner(dO, V, CHUNK)"),
    ("triton/backward", "−δ in dK", "- load_statistic(delta_in, joint, rows, n_q)[None, :]", ""),
    ("triton/backward", "s in dQ", "dQ * scale", "dQ"),
    ("triton/backward", "s in dK", "dK * scale", "dK"),
    ("triton/backward", "dV", "weighted_sum(P, dO, dV)", "dV"),
    ("triton/backward", "db", "db += tl.sum(dS, 1)", "pass"),
    ("triton/double_backward", "A in T", "inner(Q, B, CHUNK, inner(A, K, CHUNK))", "inner(Q, B, CHUNK)"),
    ("triton/double_backward", "B in T", "inner(Q, B, CHUNK, inner(A, K, CHUNK))", "inner(A, K, CHUNK)"),
    ("triton/double_backward", "β in T", "T += load_per_key(beta, batch, head, keys, n_k)[None, :]", "pass"),
    ("triton/double_backward", "e", "e += tl.sum(PT, 1)", "pass"),
    ("triton/double_backward", "PT·V in g_dO", "weighted_sum(P, C, weighted_sum(PT, V, Z))", "weighted_sum(P, C, Z)"),
    ("triton/double_backward", "P·C in g_dO", "weighted_sum(P, C, weighted_sum(PT, V, Z))", "weighted_sum(PT, V, Z)"),
    ("triton/double_backward", "−e∘O in g_dO", "g = Z - e[:, None] * out_rows", "g = Z"),
    ("triton/double_backward", "δ, direct", "delta += tl.sum(P * dP, 1)", "pass"),
    ("triton/double_backward", "T∘dP in ρ, direct", "tl.sum(PT * dP + P * inner", "tl.sum(P * inner"),
    ("triton/double_backward", "dO·Cᵀ in ρ, direct", "dP + P * inner(dO, C, CHUNK), 1)", "dP, 1)"),
    ("triton/double_backward", "−e·δ in ρ, direct", "rho -= e * delta", "pass"),
    ("triton/double_backward", "δ", "delta = tl.sum(out_rows * dO[0], 1)", "delta = e * 0"),
    ("triton/double_backward", "ρ", "rho = tl.sum(dO[0] * g, 1)", "rho = e * 0"),
    ("triton/double_backward", "−δ in g_Q", "D = inner(dO, V, CHUNK) - delta[:, None]", "D = inner(dO, V, CHUNK)"),
    ("triton/double_backward", "dS·B in g_Q", "g_Q = weighted_sum(P * D, B, g_Q)", "pass"),
    ("triton/double_backward", "−e in g_Q", "keys, n_k, scale, CHUNK) - e[:, None]", "keys, n_k, scale, CHUNK)"),
    ("triton/double_backward", "T'∘D in g_Q", "dS2 = P * (T * D + (inner", "dS2 = P * ((inner"),
    ("triton/double_backward", "dO·Cᵀ in g_Q", "(inner(dO, C, CHUNK) - rho[:, None])", "(0.0 - rho[:, None])"),
    ("triton/double_backward", "−ρ in g_Q", "(inner(dO, C, CHUNK) - rho[:, None])", "inner(dO, C, CHUNK)"),
    ("triton/double_backward", "dS₂·K in g_Q", "g_Q = weighted_sum(dS2, K, g_Q)", "pass"),
    ("triton/double_backward", "s in g_Q", "g_Q * scale", "g_Q"),
    ("triton/double_backward", "A in Tᵀ", "inner(B, Q, CHUNK, inner(K, A, CHUNK))", "inner(B, Q, CHUNK)"),
    ("triton/double_backward", "B in Tᵀ", "inner(B, Q, CHUNK, inner(K, A, CHUNK))", "inner(K, A, CHUNK)"),
    ("triton/double_backward", "β in Tᵀ", "T += beta", "pass"),
    ("triton/double_backward", "−e in Tᵀ", "T -= load_statistic(e_in, joint, rows, n_q)[None, :]", "pass"),
    ("triton/double_backward", "g_V", "g_V = weighted_sum(P * T, dO, g_V)", "pass"),
    ("triton/double_backward", "−δ in g_K", " - load_statistic(delta_in, joint, rows, n_q)[None, :]", ""),
    ("triton/double_backward", "dSᵀ·A in g_K", "g_K = weighted_sum(P * D, A, g_K)", "pass"),
    ("triton/double_backward", "dO·Cᵀ in g_K", "W = inner(C, dO, CHUNK) - load", "W = 0.0 - load"),
    ("triton/double_backward", "−ρ in g_K", " - load_statistic(rho_in, joint, rows, n_q)[None, :]", ""),
    ("triton/double_backward", "T'∘D in g_K", "dS2 = P * (T * D + W)", "dS2 = P * W"),
    ("triton/double_backward", "dS₂ᵀ·Q in g_K", "g_K = weighted_sum(dS2, Q, g_K)", "pass"),
    ("triton/double_backward", "s in g_K", "g_K * scale", "g_K"),
    ("triton/double_backward", "g_b", "g_b += tl.sum(dS2, 1)", "pass"),
]  # fmt: skip


def survives(file: str, text: str, replacement: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "attngan_kernels"
        shutil.copytree(ROOT / "kernels" / "attngan_kernels", package, ignore=shutil.ignore_patterns("__pycache__"))
        module = next(path for path in (package / f"{file}.py", package / f"backends/{file}.py") if path.exists())
        source = module.read_text()
        assert text in source, f"mutate.py is out of date: {file}.py has no {text!r}"
        module.write_text(source.replace(text, replacement))
        backend = "triton" if file.startswith("triton") else "blockwise"
        tests = [*TESTS[backend], *(["non_contiguous"] if file == "blockwise/aten_flash" else [])]
        script = ROOT / "tests/kernels/backends" / f"test_{backend}.py"
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-k", " or ".join(tests)]
        environment = {**os.environ, "PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
        result = subprocess.run([*command, str(script)], env=environment, cwd=ROOT, capture_output=True)
        assert result.returncode in (0, 1), result.stdout.decode() + result.stderr.decode()
        return result.returncode == 0


def main() -> None:
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    nothing = [(file, "nothing", "import t", "import t") for file in ("blockwise/passes", "triton/language")]
    survivors = []
    for file, name, text, replacement in [*nothing, *(m for m in MUTATIONS if m[0].startswith(only))]:
        alive = survives(file, text, replacement)
        print(f"{'survives' if alive else 'noticed ':8}  {file}.py: {name}", flush=True)
        survivors += [name] if alive else []
    if set(survivors) != {"nothing"}:
        sys.exit(f"not noticed: {survivors}")


if __name__ == "__main__":
    main()
