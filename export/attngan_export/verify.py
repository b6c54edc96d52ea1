"""`attngan-export verify`: is this bundle whole, and does it make what it promises?"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from attngan_export.folder import PT2, TORCHSCRIPT
from attngan_runtime.bundle import MODEL, SIDECAR, TOKENIZER, Bundle, sha256_of
from attngan_runtime.bundle.files import read_within
from attngan_runtime.bundle.spec import LARGEST_FILE, TASKS
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.golden import golden_difference, golden_error, golden_inputs, golden_outputs
from attngan_runtime.generators.onnx_session import open_session

if TYPE_CHECKING:
    from attngan_export.forms.base import Form

Row = tuple[str, str, str]


def verify(path_or_name: str, against: str | None = None) -> list[Row]:
    """(file, check, result) for every check of a bundle. Raises AttnGANError at the first that fails.

    against: a run folder or shipped generator to compare all files with, as the export did; needs torch.
    """
    bundle = Bundle.load(path_or_name)
    files = read_files(bundle)
    rows: list[Row] = [(SIDECAR, "schema and own hash", f"ok, format {bundle.sidecar['format_version']}")]
    for name, digest in bundle.sidecar["files"].items():
        is_there = name in files or name == TOKENIZER
        rows.append((name, "sha256", f"ok, {digest[:12]}…" if is_there else "left behind"))
    tokenizer = bundle.open_tokenizer()
    if tokenizer:
        each = TASKS[bundle.task].tokenizer
        rows.append((TOKENIZER, "words", f"ok, {tokenizer.size:,} words, {tokenizer.length} a {each}"))
    rows += _check_golden(bundle, files)
    return rows + (_compare(bundle, files, against) if against else [])


def read_files(bundle: Bundle) -> dict[str, bytes]:
    """The bundle's exported files by name, those that are there. Raises AttnGANError if one was swapped meanwhile."""
    there = [name for name in (TORCHSCRIPT, PT2) if name in bundle.sidecar["files"] and (bundle.folder / name).exists()]
    found = {name: read_within(bundle.folder, name, LARGEST_FILE) for name in there}
    for name, content in found.items():
        if sha256_of(content) != bundle.sidecar["files"][name]:
            raise AttnGANError(bundle.folder / name, "has changed since its hash was compared", "try again")
    return {MODEL: bundle.model} | found


def _check_golden(bundle: Bundle, files: dict[str, bytes]) -> Iterator[Row]:
    session = open_session(bundle.model, None, None, str(bundle.folder / MODEL))
    outputs = [given.name for given in session.get_outputs()]
    for name, content in files.items():
        if name != MODEL:
            if find_spec("torch") is None:
                yield name, "golden sample", "not checked: torch is not installed"
                continue
            session = _open_torch(bundle, name, content, outputs)
        error, allowed = measure_golden(bundle, session)
        if not error <= allowed:
            raise AttnGANError(
                bundle.folder / name,
                f"golden sample {golden_difference(error, allowed)}",
                "export the generator again, or report it with your version of onnxruntime",
            )
        yield name, "golden sample", f"ok, differs by {error:.1e} of {allowed:.0e}"


def _open_torch(bundle: Bundle, name: str, content: bytes, outputs: list[str]) -> Any:
    from attngan_export.formats import FORMATS, TorchSession

    module = FORMATS[name].load(content, str(bundle.folder / name))
    return TorchSession(module, golden_inputs(bundle.sidecar), outputs)


def measure_golden(bundle: Bundle, session: Any) -> tuple[float, float]:
    """How much the golden sample differs in a session, and how much it may."""
    outputs = session.run(golden_outputs(bundle.sidecar), golden_inputs(bundle.sidecar))
    return golden_error(bundle.sidecar, outputs), bundle.sidecar["golden"]["tolerance"]


def _compare(bundle: Bundle, files: dict[str, bytes], against: str) -> list[Row]:
    from attngan_export.export import compare_files

    form = matching_form(bundle, against, attention="attention" in bundle.sidecar)
    if form is None:
        raise AttnGANError(
            f"--against {against}", f"takes or gives other things than {bundle.folder}", "name its own run"
        )
    return [(entry.file, f"PyTorch, {entry.runner}", f"ok, {entry.difference}") for entry in compare_files(files, form)]


def matching_form(bundle: Bundle, run_or_name: str, attention: bool) -> Form | None:
    """A run in the form in which the bundle has it, with attention maps or without; None if it takes or gives other
    things, or has other words. Raises AttnGANError as `load`.
    """
    from attngan_export.export import attends, form_of, load, tokenizer_bytes
    from attngan_export.sidecar import describe_interface

    generator, sidecar = load(run_or_name), bundle.sidecar
    if generator.config.task != bundle.task or (attention and not attends(generator)):
        return None
    form = form_of(generator, "z" if bundle.input("z") else "seed", sidecar["precision"], attention)
    same = all(sidecar.get(key) == value for key, value in describe_interface(form).items())
    return form if same and tokenizer_bytes(generator) == bundle.tokenizer else None
