"""From a run folder or a shipped generator to a bundle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from attngan.generators import LoadedGenerator, find_source, open_generator
from attngan.threads import torch_threads
from attngan_export.folder import PT2, TORCHSCRIPT, check_destination, replace_folder
from attngan_export.formats import FORMATS
from attngan_export.formats.half_weights import round_to_half
from attngan_export.formats.lowering import Target
from attngan_export.formats.onnx_graph import onnx_bytes
from attngan_export.forms import FORMS
from attngan_export.forms.base import Form, GeneratorForm, Noise
from attngan_export.parity import Comparison, cases, compare_onnx, compare_torch
from attngan_export.sidecar import build_sidecar, check_license, metadata
from attngan_runtime.bundle import MODEL, TOKENIZER, Bundle, write_sidecar
from attngan_runtime.errors import AttnGANError

Precision = Literal["fp32", "fp16-weights"]


def load(run_or_name: str) -> LoadedGenerator:
    """A run folder or shipped generator in PyTorch; AttnGANError if there is none, or if it is damaged."""
    # A bundle has no weights for PyTorch: that it has no config.json either is said then.
    return open_generator(replace(find_source(run_or_name), is_bundle=False))


def attends(generator: LoadedGenerator) -> bool:
    """Whether it draws from words and looks at each of them."""
    return form_of(generator, "seed", "fp32").attends


def form_of(generator: LoadedGenerator, noise: Noise, precision: str, attention: bool = False) -> GeneratorForm:
    """The generator as a bundle of this kind has it; rounds its weights in place for fp16-weights.

    Raises AttnGANError if attention maps are asked for and no picture attends to words, or z of one that writes.
    """
    config, network = generator.config, generator.network  # type: ignore[attr-defined]
    form = FORMS[config.task].form(network, noise, attention, getattr(config, config.network.names))
    form.check_options(generator.name)
    if precision == "fp16-weights":
        round_to_half(network)
    return form


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
    pt2: bool = False,
    precision: Precision = "fp32",
    attention: bool = False,
    license: str = "",
) -> Exported:
    """Writes the bundle of a run folder or shipped generator into the folder `out`, replacing an older bundle.

    torchscript, pt2: also write the generator for torch alone. attention: also give, of a generator from words,
    where each word was looked at. license: of the weights, as an SPDX name or a text, where they came without one.
    Raises AttnGANError for a run that can't be read, a place that can't be written, a file that differs from
    PyTorch beyond `parity.TOLERANCE`, and what the runtime would not load; `out` is then as it was before.
    """
    check_destination(out)
    generator = load(run_or_name)
    check_license(generator, license)
    form = form_of(generator, noise, precision, attention)
    with replace_folder(out) as folder:
        contents = {MODEL: onnx_bytes(form, target, metadata(generator, license), half=precision == "fp16-weights")}
        chosen = {TORCHSCRIPT: torchscript, PT2: pt2}
        contents |= {name: entry.write(form) for name, entry in FORMATS.items() if chosen[name]}
        if words := tokenizer_bytes(generator):
            contents[TOKENIZER] = words
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        # What lies on disk is compared, not what was meant to be written.
        comparisons = compare_files({name: (folder / name).read_bytes() for name in contents}, form)
        sidecar = build_sidecar(
            generator,
            form,
            target=target,
            precision=precision,
            files=contents,
            comparisons=comparisons,
            license=license,
        )
        written = _write_sidecar(folder, out, sidecar)
        sizes = {path.name: path.stat().st_size for path in [*(folder / name for name in contents), written]}
    return Exported(out, sizes, comparisons)


def _write_sidecar(folder: Path, out: Path, sidecar: dict[str, Any]) -> Path:
    """Raises AttnGANError unless the runtime then loads the folder, which is to be `out`."""
    try:
        written = write_sidecar(folder, sidecar)
        Bundle.load(folder).open_tokenizer()
    except AttnGANError as error:
        subject = error.subject.replace(str(folder), str(out))
        raise AttnGANError(
            f"--out {out}", f"would not load, so nothing was written: {subject}: {error.problem}", error.remedy
        ) from None
    return written


def tokenizer_bytes(generator: LoadedGenerator) -> bytes:
    """The content of tokenizer.json, with the line ends that its hash is taken of; empty where there is none."""
    content: bytes = generator.tokenizer.content if generator.tokenizer else b""
    return content.replace(b"\r\n", b"\n")


def compare_files(contents: dict[str, bytes], form: Form) -> list[Comparison]:
    """Compares all files of a bundle with PyTorch. Raises AttnGANError at the first that differs."""
    with torch_threads(form.threads):
        wanted = cases(form)
        found = compare_onnx(MODEL, contents[MODEL], wanted)
        for name, entry in FORMATS.items():
            if name in contents:
                found.append(compare_torch(name, entry.load(contents[name], name), wanted))
    return found
