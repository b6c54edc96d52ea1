"""The command `python -m attngan_kernels.aot`: options, files and the manifest that names them."""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from attngan_kernels.backends.interface import Directions, Inputs, Saved
from attngan_kernels.backends.triton.configs import MAX_D_K, MAX_D_V
from attngan_kernels.tooling import aot_manifest as manifest
from attngan_kernels.tooling.command_line import Parser, compiler_refusal

if TYPE_CHECKING:
    from attngan_kernels.tooling.compile_offline import Compiled, Resources

ARCHS = {"sm_80": "8.0", "sm_86": "8.6", "sm_87": "8.7", "sm_89": "8.9", "sm_90": "9.0", "sm_100": "10.0",
         "sm_120": "12.0"}  # fmt: skip
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
# Sizes of the example tensors: none is 1, and an odd length, so that no stride is a multiple of 16 by chance and
# the kernels take contiguous tensors of any length.
BATCH, HEADS, LENGTH = 2, 3, 1001


def main(argv: list[str] | None = None) -> int:
    """The command; its exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    options.head_dim_v = options.head_dim_v or options.head_dim
    reason = refusal(options)
    if reason is not None:
        parser.error(reason)
    os.environ["TRITON_DISABLE_LINE_INFO"] = "1"  # names this machine's folders: the hashes would depend on them
    with atomic_folder(options.out) as folder:
        rows = write(folder, options)
    print(_table(rows))
    print(f"wrote {options.out / 'manifest.json'} and {2 * len(rows)} files")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m attngan_kernels.aot", description="Compile the attention kernels; needs no GPU.")
    add = parser.add_argument
    add("--arch", nargs="+", required=True, metavar="sm_NN", help=f"some of {', '.join(ARCHS)}")
    add("--head-dim", type=_positive, required=True, help=f"D_k, up to {MAX_D_K}")
    add("--head-dim-v", type=_positive, help=f"D_v, up to {MAX_D_V}; --head-dim if not given")
    add("--dtype", required=True, help=f"of q, k, v: one of {', '.join(DTYPES)}")
    add("--causal", action="store_true", help="a row sees keys up to its own position")
    add("--bias", action="store_true", help="with a per-key bias or mask, and its gradients")
    add(
        "--pass",
        dest="passes",
        nargs="+",
        choices=list(manifest.PASSES),
        default=list(manifest.PASSES),
        help="all if not given",
    )
    add("-o", "--out", type=Path, required=True, metavar="DIR", help="folder to write; must not exist, or be empty")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a head dimension: try 64")
    return int(text)


def refusal(options: argparse.Namespace) -> str | None:
    """Why these options can't be compiled, with the option, its value and the remedy; or None."""
    for arch in options.arch:
        if arch not in ARCHS:
            return f"--arch {arch} is unknown: try {', '.join(ARCHS)}"
    if options.dtype not in DTYPES:
        return f"--dtype {options.dtype} is unknown: try {', '.join(DTYPES)}"
    for option, value, most in (
        ("--head-dim", options.head_dim, MAX_D_K),
        ("--head-dim-v", options.head_dim_v, MAX_D_V),
    ):
        if value > most:
            return f"{option} {value} is more than the kernels take: at most {most}"
    if options.out.exists() and (not options.out.is_dir() or any(options.out.iterdir())):
        return f"-o {options.out} exists already: name a new or empty folder"
    return compiler_refusal()


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """A folder that appears as `target` when the block ends without an error, and else not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield folder
        folder.chmod(0o755)
        folder.replace(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def compile_passes(arch: str, options: argparse.Namespace) -> dict[str, Compiled]:
    """The kernels of the chosen passes by name, in order of launch."""
    from attngan_kernels.backends.triton import backend
    from attngan_kernels.tooling.compile_offline import capture_kernels

    x = example_inputs(options)
    out, along = torch.empty_like(x.v), Directions(*x.tensors)
    saved = Saved(out, torch.empty(backend.row_statistics_shape(x.q), dtype=torch.float32, device="meta"))
    with capture_kernels(ARCHS[arch]) as compiled:
        if "forward" in options.passes:
            backend.forward(x)
        if "backward" in options.passes:
            backend.backward(out, x, saved, x.bias is not None)
        if "double-backward" in options.passes:
            backend.double_backward(along, out, x, saved)
        if "jvp" in options.passes:
            backend.jvp(along, x)
    return {manifest.kernel_name(kernel): kernel for kernel in compiled}


def example_inputs(options: argparse.Namespace) -> Inputs:
    """Contiguous tensors on the meta device, with a bias if that is wanted."""
    dtype = DTYPES[options.dtype]
    sizes = (options.head_dim, options.head_dim, options.head_dim_v)
    q, k, v = (torch.empty(BATCH, HEADS, LENGTH, d, dtype=dtype, device="meta") for d in sizes)
    bias = torch.empty(BATCH, HEADS, LENGTH, dtype=torch.float32, device="meta") if options.bias else None
    return Inputs(q, k, v, bias, 1.0, options.causal)


def write(folder: Path, options: argparse.Namespace) -> list[tuple[str, Resources]]:
    """Compiles and writes all files; the cubins with what they take."""
    from attngan_kernels.tooling.compile_offline import read_resources

    entries, rows = [], []
    for arch in dict.fromkeys(options.arch):
        for name, compiled in compile_passes(arch, options).items():
            head = str(options.head_dim)
            if options.head_dim_v != options.head_dim:
                head += f"_{options.head_dim_v}"
            stem = f"{name}_{arch}" + ("" if name == "live_keys" else f"_d{head}_{options.dtype}")
            files = {kind: _write_one(folder / f"{stem}.{kind}", compiled) for kind in ("cubin", "ptx")}
            used = read_resources(compiled.kernel)
            entries.append(manifest.entry(name, arch, compiled, files, used))
            rows.append((f"{stem}.cubin", used))
    (folder / "manifest.json").write_text(json.dumps(_manifest(options, entries), indent=1) + "\n")
    return rows


def _write_one(path: Path, compiled: Compiled) -> dict[str, str]:
    content = compiled.kernel.asm[path.suffix[1:]]
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(data)
    return {"file": path.name, "sha256": hashlib.sha256(data).hexdigest()}


def _manifest(options: argparse.Namespace, entries: list[dict[str, Any]]) -> dict[str, Any]:
    import triton

    there = {entry["name"] for entry in entries}
    names = {argument["tensor"] for entry in entries for argument in entry["arguments"] if "tensor" in argument}
    return {
        "format_version": manifest.FORMAT_VERSION,
        "versions": {"attngan": _version(), "triton": triton.__version__},
        "head_dim": options.head_dim,
        "head_dim_v": options.head_dim_v,
        "dtype": options.dtype,
        "causal": options.causal,
        "bias": options.bias,
        "passes": {
            name: [kernel for kernel in kernels if kernel in there]
            for name, kernels in manifest.PASSES.items()
            if name in options.passes
        },
        "tensors": manifest.tensors(names, options.dtype),
        "kernels": entries,
    }


def _version() -> str:
    try:
        return importlib.metadata.version("attngan")
    except importlib.metadata.PackageNotFoundError:  # run from a source tree
        return "unknown"


def _table(rows: list[tuple[str, Resources]]) -> str:
    """file, registers a thread, spilled bytes a thread, shared bytes a block."""
    width = max(len(name) for name, _ in rows)
    lines = [f"{'file':{width}} registers spilled  shared"]
    lines += [f"{name:{width}} {used.registers:9} {used.spilled:7} {used.shared:7}" for name, used in rows]
    return "\n".join(lines)
