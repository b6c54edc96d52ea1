"""What the sidecar and the file's own metadata say of an exported generator."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import attngan
from attngan.config import RunConfig
from attngan.generators import LoadedGenerator
from attngan_export.forms.base import Form
from attngan_export.parity import Comparison
from attngan_export.versions import versions
from attngan_runtime.bundle import FORMAT_VERSION, MODEL, sha256_of
from attngan_runtime.bundle.spec import FIELDS
from attngan_runtime.errors import UNPRINTABLE, AttnGANError


def metadata(generator: LoadedGenerator, license: str = "") -> dict[str, str]:
    """The model's metadata_props, without a date: equal weights and versions give equal bytes."""
    task = generator.config.task
    return {"name": generator.name, "task": task, "version": attngan.__version__, **_terms(generator.config, license)}


def check_license(generator: LoadedGenerator, license: str) -> None:
    """AttnGANError unless this can be the licence of its weights: an SPDX name or a text; "" if it has none of its own.

    Weights that came with a licence keep it.
    """
    own, shown = generator.config.license, f"--license {license[:40]}"
    if not license or license == own:
        return
    if own:
        raise AttnGANError(shown, f"{generator.name} is under {own}", "leave it out")
    is_text = license.strip() and not UNPRINTABLE.search(license.replace("\n", " "))
    if not is_text or not re.fullmatch(FIELDS["license"]["pattern"], license):
        raise AttnGANError(shown, f"is not {FIELDS['license']['description']}", "name a licence, such as CC-BY-4.0")


def _terms(config: RunConfig, license: str) -> dict[str, str]:
    license = license or config.license or "not stated; as the owner of the training data says"
    return {"license": license, "source": config.source or "not stated"}


def describe_interface(form: Form) -> dict[str, Any]:
    """What a sidecar says of what goes in and comes out: `inputs`, `output`, and further outputs under their names."""
    first, *others = form.outputs.values()
    return {"inputs": form.inputs, "output": first, **{entry["name"]: entry for entry in others}}


def build_sidecar(
    generator: LoadedGenerator, form: Form, *, target: str, precision: str, files: Mapping[str, bytes],
    comparisons: Sequence[Comparison], license: str = "",
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
        **_terms(generator.config, license),
        "created_with": versions(),
    }
