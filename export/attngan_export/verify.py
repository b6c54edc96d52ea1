"""`attngan-export verify`: is this bundle whole, and does it draw what it promises?"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from attngan_export.folder import PT2, TORCHSCRIPT
from attngan_runtime.bundle import MODEL, SIDECAR, TOKENIZER, Bundle, sha256_of
from attngan_runtime.bundle.files import read_within
from attngan_runtime.bundle.spec import LARGEST_FILE
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.golden import golden_difference, golden_error, golden_inputs, golden_outputs
from attngan_runtime.generators.onnx_session import open_session

Row = tuple[str, str, str]


def verify(path_or_name: str, against: str | None = None) -> list[Row]:
    """(file, check, result) for every check of a bundle. Raises AttnGANError at the first that fails.

    against: a run folder or shipped generator to compare all files with, as the export did; needs torch.
    """
    bundle = Bundle.load(path_or_name)
    rows: list[Row] = [(SIDECAR, "schema and own hash", f"ok, format {bundle.sidecar['format_version']}")]
    for name, digest in bundle.sidecar["files"].items():
        is_there = (bundle.folder / name).exists()
        rows.append((name, "sha256", f"ok, {digest[:12]}…" if is_there else "left behind"))
    tokenizer = bundle.open_tokenizer()
    if tokenizer:
        each = "sentence" if bundle.task == "text" else "prompt"
        rows.append((TOKENIZER, "words", f"ok, {tokenizer.size:,} words, {tokenizer.length} a {each}"))
    rows.append(_golden_onnx(bundle))
    rows += [_golden_torch(bundle, name, content) for name, content in contents(bundle).items() if name != MODEL]
    return rows + (_against(bundle, against) if against else [])


def contents(bundle: Bundle) -> dict[str, bytes]:
    """The bundle's exported files by name, those that are there. Raises AttnGANError if one was swapped meanwhile."""
    there = [name for name in (TORCHSCRIPT, PT2) if name in bundle.sidecar["files"] and (bundle.folder / name).exists()]
    found = {name: read_within(bundle.folder, name, LARGEST_FILE) for name in there}
    for name, content in found.items():
        if sha256_of(content) != bundle.sidecar["files"][name]:
            raise AttnGANError(bundle.folder / name, "has changed since its hash was compared", "try again")
    return {MODEL: bundle.model} | found


def _golden_onnx(bundle: Bundle) -> Row:
    session = open_session(bundle.model, None, None, str(bundle.folder / MODEL))
    outputs = session.run(golden_outputs(bundle.sidecar), golden_inputs(bundle.sidecar))
    return _golden(bundle, MODEL, [np.asarray(values) for values in outputs])


def _golden_torch(bundle: Bundle, name: str, content: bytes) -> Row:
    if find_spec("torch") is None:
        return name, "golden sample", "not checked: torch is not installed"
    import torch

    from attngan_export.gate import as_tuple
    from attngan_export.torch_files import load_torch_file

    module = load_torch_file(name, content, str(bundle.folder / name))
    with torch.no_grad():
        given = module(*(torch.from_numpy(value) for value in golden_inputs(bundle.sidecar).values()))
    return _golden(bundle, name, [values.numpy() for values in as_tuple(given)])


def _golden(bundle: Bundle, file: str, outputs: list[np.ndarray]) -> Row:
    error, allowed = golden_error(bundle.sidecar, outputs), bundle.sidecar["golden"]["tolerance"]
    if not error <= allowed:
        raise AttnGANError(
            bundle.folder / file,
            f"golden sample {golden_difference(error, allowed)}",
            "export the generator again, or report it with your version of onnxruntime",
        )
    return file, "golden sample", f"ok, differs by {error:.1e} of {allowed:.0e}"


def _against(bundle: Bundle, against: str) -> list[Row]:
    from attngan_export.describe import describe_graph
    from attngan_export.export import attends, compare_files, form_of, load, tokenizer_bytes

    generator, sidecar = load(against), bundle.sidecar
    maps = "attention" in sidecar
    same = sidecar["task"] == generator.config.task and (not maps or attends(generator))
    if same:
        form = form_of(generator, "z" if bundle.z_dim else "seed", sidecar["precision"], maps)
        words = tokenizer_bytes(generator.tokenizer.content) if generator.tokenizer else b""
        same = {**sidecar, **describe_graph(form, generator.config)} == sidecar and bundle.tokenizer == words
    if not same:
        raise AttnGANError(
            f"--against {against}", f"takes or gives other things than {bundle.folder}", "name its own run"
        )
    return [
        (entry.file, f"PyTorch, {entry.runner}", f"ok, {entry.difference}")
        for entry in compare_files(contents(bundle), form)
    ]
