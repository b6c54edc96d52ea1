"""From a run folder or a shipped generator to a bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from attngan.checkpoint import LoadedGenerator, load_generator
from attngan.config import TextToImageConfig
from attngan.generators.sentences import LoadedWriter, load_writer, writes
from attngan.networks.decoding import DeployedTextGenerator
from attngan.networks.text_to_image import DeployedTextToImageGenerator
from attngan_export.describe import describe, metadata
from attngan_export.folder import PT2, TORCHSCRIPT, check_destination, staged
from attngan_export.form import Form, Noise
from attngan_export.gate import Comparison, cases, compare_onnx, compare_torch, torch_threads
from attngan_export.half_weights import round_to_half
from attngan_export.image_form import ImageForm
from attngan_export.lowering import Target
from attngan_export.onnx_graph import onnx_bytes
from attngan_export.text_form import TextForm
from attngan_export.text_to_image_form import TextToImageForm
from attngan_export.torch_files import WRITE, load_torch_file
from attngan_runtime.bundle import MODEL, TOKENIZER, Bundle, write_sidecar
from attngan_runtime.errors import AttnGANError

Loaded = LoadedGenerator | LoadedWriter
Precision = Literal["fp32", "fp16-weights"]


def load(run_or_name: str) -> Loaded:
    """A run folder or shipped generator, whether it draws or writes; AttnGANError if there is none."""
    return load_writer(run_or_name) if writes(run_or_name) else load_generator(run_or_name)


def attends(generator: Loaded) -> bool:
    """Whether it draws from words and looks at each of them."""
    network = generator.config.network
    return isinstance(network, TextToImageConfig) and bool(network.attention)


def form_of(generator: Loaded, noise: Noise, precision: str, attention: bool = False) -> Form:
    """The generator as a bundle of this kind has it; rounds its weights in place for fp16-weights.

    Raises AttnGANError if attention maps are asked for and no picture attends to words, or z of one that writes.
    """
    if isinstance(generator, LoadedWriter) and noise == "z":
        raise AttnGANError(
            "--input z", f"{generator.name} writes sentences, each word by a number from its seed", "use seed"
        )
    if attention and not attends(generator):
        raise AttnGANError("--attention", f"{generator.name} attends to no words", "leave the option out")
    network = generator.network
    if precision == "fp16-weights":
        round_to_half(network)
    if isinstance(network, DeployedTextToImageGenerator):
        return TextToImageForm(network, noise, attention)
    if isinstance(network, DeployedTextGenerator):
        return TextForm(network, noise)
    return ImageForm(network, noise)


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
) -> Exported:
    """Writes the bundle of a run folder or shipped generator into the folder `out`, replacing an older bundle.

    torchscript, pt2: also write the generator for torch alone. attention: also give, of a generator from words,
    where each word was looked at.
    Raises AttnGANError for a run that can't be read, a place that can't be written, a file that differs from
    PyTorch beyond `gate.TOLERANCE`, and what the runtime would not load; `out` is then as it was before.
    """
    check_destination(out)
    generator = load(run_or_name)
    form = form_of(generator, noise, precision, attention)
    with staged(out) as folder:
        contents = {MODEL: onnx_bytes(form, target, metadata(generator), half=precision == "fp16-weights")}
        asked = {TORCHSCRIPT: torchscript, PT2: pt2}
        contents |= {name: write(form) for name, write in WRITE.items() if asked[name]}
        if generator.tokenizer:
            contents[TOKENIZER] = tokenizer_bytes(generator.tokenizer.content)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        # What lies on disk is compared, not what was meant to be written.
        comparisons = compare_files({name: (folder / name).read_bytes() for name in contents}, form)
        sidecar = describe(generator, form, target=target, precision=precision, files=contents, comparisons=comparisons)
        written = _complete(folder, out, sidecar)
        sizes = {path.name: path.stat().st_size for path in [*(folder / name for name in contents), written]}
    return Exported(out, sizes, comparisons)


def _complete(folder: Path, out: Path, sidecar: dict[str, Any]) -> Path:
    """Writes the sidecar. Raises AttnGANError unless the runtime then loads the folder, which is to be `out`."""
    try:
        written = write_sidecar(folder, sidecar)
        Bundle.load(folder).open_tokenizer()
    except AttnGANError as error:
        said = f"{error.subject.replace(str(folder), str(out))}: {error.problem}"
        raise AttnGANError(f"--out {out}", f"would not load, so nothing was written: {said}", error.remedy) from None
    return written


def tokenizer_bytes(content: bytes) -> bytes:
    """The content of tokenizer.json, with the line ends that its hash is taken of."""
    return content.replace(b"\r\n", b"\n")


def compare_files(contents: dict[str, bytes], form: Form) -> list[Comparison]:
    """The gate over all files of a bundle. Raises AttnGANError at the first that differs."""
    with torch_threads(form.threads):
        wanted = cases(form)
        found = compare_onnx(MODEL, contents[MODEL], wanted)
        for name in (name for name in WRITE if name in contents):
            found.append(compare_torch(name, load_torch_file(name, contents[name], name), wanted))
    return found
