"""A bundle: a folder of `model.onnx`, its sidecar and what reads words, checked before anything runs."""

from attngan_runtime.bundle.bundle import Bundle, find_bundle, shipped_names
from attngan_runtime.bundle.sidecar import golden_indices, parse_sidecar, sha256_of, validate_sidecar, write_sidecar
from attngan_runtime.bundle.spec import FORMAT_VERSION, MODEL, SIDECAR, TOKENIZER

__all__ = [
    "FORMAT_VERSION", "MODEL", "SIDECAR", "TOKENIZER", "Bundle", "find_bundle", "golden_indices", "parse_sidecar",
    "sha256_of", "shipped_names", "validate_sidecar", "write_sidecar",
]  # fmt: skip
