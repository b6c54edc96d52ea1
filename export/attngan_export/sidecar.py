"""What the sidecar and the file's own metadata say of an exported generator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attngan
from attngan.config import RunConfig
from attngan.generators import LoadedGenerator
from attngan_export.forms.base import Form
from attngan_export.parity import Comparison
from attngan_export.versions import versions
from attngan_runtime.bundle import FORMAT_VERSION, MODEL, sha256_of


def metadata(generator: LoadedGenerator) -> dict[str, str]:
    """The model's metadata_props. No date: equal weights and versions give equal bytes."""
    task = generator.config.task
    return {"name": generator.name, "task": task, "version": attngan.__version__, **_terms(generator.config)}


def _terms(config: RunConfig) -> dict[str, str]:
    license = config.license or "not stated; as the owner of the training data says"
    return {"license": license, "source": config.source or "not stated"}


def describe_interface(form: Form) -> dict[str, Any]:
    """What a sidecar says of what goes in and comes out: `inputs`, `output`, and further outputs under their names."""
    first, *others = form.outputs.values()
    return {"inputs": form.inputs, "output": first, **{entry["name"]: entry for entry in others}}


def build_sidecar(
    generator: LoadedGenerator, form: Form, *, target: str, precision: str, files: Mapping[str, bytes],
    comparisons: Sequence[Comparison],
) -> dict[str, Any]:  # fmt: skip
    """The sidecar of format 1, all but its own hash."""
    measured = {e.runner: {"asked": e.allowed, "measured": e.measured} for e in comparisons if e.file == MODEL}
    return {
        "format_version": FORMAT_VERSION,
        "task": generator.config.task,
        "name": generator.name,
        "model": MODEL,
        "files": {name: sha256_of(content) for name, content in files.items()},
        "target": target,
        "precision": precision,
        **describe_interface(form),
        "tolerance": {precision: measured},
        "golden": form.golden(generator.name),
        **_terms(generator.config),
        "created_with": versions(),
    }
