"""From a run folder or a shipped generator to a bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from attngan.checkpoint import LoadedGenerator, load_generator
from attngan_export.describe import describe, metadata
from attngan_export.folder import TORCHSCRIPT, check_destination, staged
from attngan_export.form import Form, Noise
from attngan_export.gate import Case, Comparison, cases, compare_onnx, compare_torchscript
from attngan_export.half_weights import round_to_half
from attngan_export.lowering import Target
from attngan_export.onnx_graph import onnx_bytes
from attngan_export.torchscript import torchscript_bytes
from attngan_runtime.sidecar import MODEL, write_sidecar

Precision = Literal["fp32", "fp16-weights"]


def form_of(generator: LoadedGenerator, noise: Noise, precision: str) -> Form:
    """The generator as a bundle of this kind has it; rounds its weights in place for fp16-weights."""
    if precision == "fp16-weights":
        round_to_half(generator.network)
    return Form(generator.network, noise)


@dataclass(frozen=True)
class Exported:
    """A bundle that was written: its folder, the size of each file in bytes, and how near PyTorch each is."""

    folder: Path
    sizes: dict[str, int]
    comparisons: list[Comparison]


def export_generator(
    run_or_name: str,
    out: Path,
    *,
    target: Target = "ort",
    noise: Noise = "seed",
    torchscript: bool = False,
    precision: Precision = "fp32",
) -> Exported:
    """Writes the bundle of a run folder or shipped generator into the folder `out`, replacing an older bundle.

    Raises AttnGANError for a run that can't be read, a place that can't be written, and a file that differs from
    PyTorch beyond `gate.TOLERANCE`; `out` is then as it was before.
    """
    check_destination(out)
    generator = load_generator(run_or_name)
    form = form_of(generator, noise, precision)
    wanted = cases(form)
    with staged(out) as folder:
        contents = {MODEL: onnx_bytes(form, target, metadata(generator), half=precision == "fp16-weights")}
        if torchscript:
            contents[TORCHSCRIPT] = torchscript_bytes(form)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        # What lies on disk is compared, not what was meant to be written.
        comparisons = compare_files({name: (folder / name).read_bytes() for name in contents}, wanted)
        sidecar = describe(generator, form, target=target, precision=precision, files=contents, comparisons=comparisons)
        written = write_sidecar(folder, sidecar)
        sizes = {path.name: path.stat().st_size for path in [*(folder / name for name in contents), written]}
    return Exported(out, sizes, comparisons)


def compare_files(contents: dict[str, bytes], wanted: list[Case]) -> list[Comparison]:
    """The gate over all files of a bundle. Raises AttnGANError at the first that differs."""
    found = compare_onnx(MODEL, contents[MODEL], wanted)
    if TORCHSCRIPT in contents:
        found.append(compare_torchscript(TORCHSCRIPT, contents[TORCHSCRIPT], wanted))
    return found
