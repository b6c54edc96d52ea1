"""The sidecar `model.onnx.json`: what a generator takes, gives and promises. Described in docs/bundle.md."""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

from attngan_runtime.errors import AttnGANError

FORMAT_VERSION = 1
SIDECAR = "model.onnx.json"
MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
SIDECAR_LIMIT = 4 * 2**20  # bytes; ten thousand class names take 0.2 MB
TOKENIZER_LIMIT = 32 * 2**20  # bytes; a vocabulary of a million words takes about 20 MB
MAX_SEED = 2**32 - 1

_SCHEMA = Path(__file__).with_name("sidecar.schema.json")
_UNSIGNED = "0" * 64
# What stands before the noise in a graph's inputs, and after it where there is something to choose from.
_INPUTS = {"image": ((), "class"), "text-to-image": (("tokens", "mask"), "style")}


def tokens_input(length: int, size: int) -> dict[str, Any]:
    """int64 [B, L], 0 … V−1: the words of each prompt as `tokenizer.json` numbers them, 0 where there is none."""
    return {"name": "tokens", "dtype": "int64", "shape": ["batch", length], "minimum": 0, "maximum": size - 1}


def mask_input(length: int) -> dict[str, Any]:
    """int64 [B, L]: 1 = a word, 0 = padding."""
    return {"name": "mask", "dtype": "int64", "shape": ["batch", length], "minimum": 0, "maximum": 1}


def seed_input() -> dict[str, Any]:
    """int64 [B], 0 … 2³²−1: safe in JavaScript numbers, and no negatives."""
    return {"name": "seed", "dtype": "int64", "shape": ["batch"], "minimum": 0, "maximum": MAX_SEED}


def z_input(z_dim: int) -> dict[str, Any]:
    """float32 [B, z_dim], standard normals, in place of `seed`."""
    return {"name": "z", "dtype": "float32", "shape": ["batch", z_dim]}


def class_input(classes: list[str]) -> dict[str, Any]:
    """int64 [B], 0 … K−1; only for generators that have classes."""
    last = len(classes) - 1
    return {
        "name": "class", "dtype": "int64", "shape": ["batch"], "minimum": 0, "maximum": last, "classes": classes
    }  # fmt: skip


def style_input(styles: list[str]) -> dict[str, Any]:
    """int64 [B], 0 … K−1; only for generators from words that have two styles or more."""
    last = len(styles) - 1
    return {
        "name": "style", "dtype": "int64", "shape": ["batch"], "minimum": 0, "maximum": last, "default": 0,
        "styles": styles,
    }  # fmt: skip


def truncation_input() -> dict[str, Any]:
    """float32 [B], 0 … 2: multiplies z, 1 changes nothing."""
    return {
        "name": "truncation", "dtype": "float32", "shape": ["batch"], "minimum": 0, "maximum": 2, "default": 1
    }  # fmt: skip


def attention_output(length: int, height: int, width: int) -> dict[str, Any]:
    """float32 [B, L, H, W]: at every place the share of each word; they sum to 1, or to 0 without words."""
    return {
        "name": "attention", "dtype": "float32", "shape": ["batch", length, height, width], "minimum": 0, "maximum": 1
    }  # fmt: skip


def golden_indices(size: int, count: int = 64) -> list[int]:
    """`count` flat indices into an output of `size` values, evenly spaced from the first to the last.

    The step is no multiple of the width, so that they fall on every column and not on the left border alone.
    """
    return [i * (size - 1) // (count - 1) for i in range(count)]


def validate_sidecar(sidecar: Any, where: str = SIDECAR) -> None:
    """Raises AttnGANError, beginning with `where`, unless `sidecar` is one of format 1 that contradicts itself nowhere.

    Its own `sha256` may still be missing: `write_sidecar` adds it.
    """
    if not isinstance(sidecar, dict):
        raise AttnGANError(f"{where}: is not the sidecar of a bundle; export the generator again")
    _check_version(sidecar, where)
    for name in sidecar["files"] if isinstance(sidecar.get("files"), dict) else ():
        _check_file_name(name, where)
    problem = _against_schema(sidecar) or _contradiction(sidecar)
    if problem:
        raise AttnGANError(f"{where}: {problem}; export the generator again")


def write_sidecar(folder: str | Path, sidecar: dict[str, Any]) -> Path:
    """Validates `sidecar`, adds its `sha256` and writes it into `folder` in one step; returns the path."""
    path = Path(folder) / SIDECAR
    validate_sidecar(sidecar, str(path))
    unsigned = {"format_version": FORMAT_VERSION, "sha256": _UNSIGNED}
    signed = unsigned | {key: value for key, value in sidecar.items() if key not in unsigned}
    text = json.dumps(signed, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # Lists of numbers on one line each: 128 golden values would otherwise take 128 lines.
    data = re.sub(r"\[\n[\s\d.,eE+-]*\]", lambda m: re.sub(r"\n\s*", "", m[0]).replace(",", ", "), text).encode()
    data = data.replace(_UNSIGNED.encode(), sha256_of(data).encode(), 1)
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def parse_sidecar(data: bytes, where: str = SIDECAR) -> dict[str, Any]:
    """The sidecar in the bytes of its file. Raises AttnGANError if they are cut short, changed or invalid."""
    try:
        sidecar = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise AttnGANError(f"{where}: is not JSON or is cut short ({reason}); copy the bundle again") from None
    if isinstance(sidecar, dict):
        _check_version(sidecar, where)
        _check_own_hash(sidecar.get("sha256"), data, where)
    validate_sidecar(sidecar, where)
    return sidecar


def sha256_of(source: str | Path | bytes) -> str:
    """SHA-256 of bytes, or of the file at a path, in 64 lower-case hex digits."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with open(source, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_version(sidecar: dict[str, Any], where: str) -> None:
    version = sidecar.get("format_version")
    if type(version) is not int or version != FORMAT_VERSION:
        raise AttnGANError(
            f"{where}: format_version is {json.dumps(version)[:40]} and this attngan reads {FORMAT_VERSION}; "
            "install the attngan that wrote it, or a newer one, or export the generator again"
        )


def _check_own_hash(own: Any, data: bytes, where: str) -> None:
    """`own` is the hash of the file with these 64 digits as zeros, and with \\n where git on Windows writes \\r\\n."""
    text = data.replace(b"\r\n", b"\n")
    if not isinstance(own, str) or sha256_of(text.replace(own.encode(), _UNSIGNED.encode(), 1)) != own:
        raise AttnGANError(
            f"{where}: its text does not match its sha256, so it was changed or damaged; copy the bundle again"
        )


def _check_file_name(name: str, where: str) -> None:
    """Plain names only: '../x', '/x', 'C:x' and 'x\\y' can all lead out of the bundle on some system."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name) or name == SIDECAR:
        raise AttnGANError(
            f"{where}: file name {json.dumps(name)[:80]} leads out of the bundle or is no plain name; "
            "do not use this bundle unless you trust its source, and export the generator again"
        )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _against_schema(sidecar: dict[str, Any]) -> str | None:
    try:
        import fastjsonschema  # 10 ms, and 15 ms more to compile the schema
    except ImportError:
        raise AttnGANError('fastjsonschema is not installed; run: pip install "attngan[cpu]"') from None
    try:
        fastjsonschema.compile(json.loads(_SCHEMA.read_text(encoding="utf-8")))(sidecar)
    except fastjsonschema.JsonSchemaException as error:
        return str(error).splitlines()[0].replace("data.", "", 1)[:200]
    return None


def _contradiction(sidecar: dict[str, Any]) -> str | None:
    """What a schema can't say: that the parts of a sidecar fit one another."""
    wrong_input = _wrong_order(sidecar) or next(filter(None, map(_wrong_input, sidecar["inputs"])), None)
    return wrong_input or _wrong_words(sidecar) or _wrong_tolerance(sidecar) or _wrong_golden(sidecar)


def _wrong_order(sidecar: dict[str, Any]) -> str | None:
    names = [given["name"] for given in sidecar["inputs"]]
    first, choice = _INPUTS[sidecar["task"]]
    if names not in ([*first, noise, *some, "truncation"] for noise in ("seed", "z") for some in ([], [choice])):
        order = ", ".join([*first, "seed or z"])
        return f"inputs are {', '.join(names)}; they must be {order}, then {choice} if there are any, then truncation"
    return None


def _wrong_input(given: dict[str, Any]) -> str | None:
    length, highest = given["shape"][-1], given.get("maximum")
    length = length if type(length) is int and length > 0 else 1
    size = highest + 1 if type(highest) is int and highest > 1 else 3
    expected = {
        "tokens": tokens_input(length, size),
        "mask": mask_input(length),
        "seed": seed_input(),
        "z": z_input(length),
        "class": class_input(given.get("classes", [])),
        "style": style_input(given.get("styles", [])),
        "truncation": truncation_input(),
    }[given["name"]]
    if given != expected or given.get("classes") == [] or len(given.get("styles", "ab")) < 2:
        return f"input {given['name']} is {json.dumps(given)[:120]}; it must be {json.dumps(expected)[:120]}"
    return None


def _wrong_words(sidecar: dict[str, Any]) -> str | None:
    """What a generator from words needs, and another hasn't."""
    lengths = {given["shape"][1] for given in sidecar["inputs"] if given["name"] in ("tokens", "mask")}
    if lengths and TOKENIZER not in sidecar["files"]:
        return f"{TOKENIZER} is not among its files, and no prompt can be read without it"
    if len(lengths) > 1:
        return "tokens and mask differ in length"
    attention = sidecar.get("attention")
    if attention and {attention["shape"][1]} != lengths:
        return f"attention is {attention['shape']}, not a map for each of {lengths or 'no'} words"
    if attention and sidecar["output"]["name"] == attention["name"]:
        return f"picture and maps are both called {attention['name']}"
    return None


def _wrong_tolerance(sidecar: dict[str, Any]) -> str | None:
    measured = sidecar["tolerance"].get(sidecar["precision"], {})
    if "CPUExecutionProvider" not in measured:
        return f"tolerance has no entry for {sidecar['precision']} on CPUExecutionProvider"
    for provider, found in measured.items():
        if not found["measured"] <= found["asked"]:
            return f"tolerance on {provider}: measured {found['measured']} is beyond the {found['asked']} asked"
    return None


def _wrong_golden(sidecar: dict[str, Any]) -> str | None:
    golden, output = sidecar["golden"], sidecar["output"]
    names = [given["name"] for given in sidecar["inputs"]]
    if sorted(golden["inputs"]) != sorted(names):
        return f"golden inputs are {', '.join(golden['inputs'])}; they must be {', '.join(names)}"
    lengths = {len(values) for values in golden["inputs"].values()}
    widths = {given["name"]: given["shape"][1:] for given in sidecar["inputs"]}
    size = max(lengths) * math.prod(output[side] for side in ("channels", "height", "width"))
    if len(lengths) > 1:
        return "golden inputs differ in length"
    for name, rows in golden["inputs"].items():
        if any((len(row) if isinstance(row, list) else None) != (widths[name] or [None])[0] for row in rows):
            return f"golden inputs of {name} are not of its shape"
    if len(golden["indices"]) != len(golden["values"]) or max(golden["indices"]) >= size:
        return f"golden indices must be as many as values, and below {size}"
    return None
