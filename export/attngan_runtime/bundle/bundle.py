"""A bundle: a folder of `model.onnx`, its sidecar and what reads words, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attngan_runtime.bundle.files import read_within, sha256_within
from attngan_runtime.bundle.onnx_check import check_model
from attngan_runtime.bundle.rules import outputs_of, shape_of
from attngan_runtime.bundle.sidecar import parse_sidecar, sha256_of
from attngan_runtime.bundle.spec import FILE_LIMITS, LARGEST_FILE, MODEL, SIDECAR, TASKS, TOKENIZER
from attngan_runtime.errors import AttnGANError

if TYPE_CHECKING:
    from attngan_runtime.tokenizers.prompts import Tokenizer
    from attngan_runtime.tokenizers.sentences import SentenceTokenizer

_SHIPPED = Path(__file__).parents[1] / "bundles"
# What reads a tokenizer.json, by what it is for. Opened on first use: it stands above this package.
_TOKENIZERS = {
    "prompt": ("attngan_runtime.tokenizers.prompts", "Tokenizer"),
    "sentence": ("attngan_runtime.tokenizers.sentences", "SentenceTokenizer"),
}  # fmt: skip


@dataclass(frozen=True)
class Bundle:
    """What `Bundle.load` read: the sidecar, and the very bytes that were compared with its hashes.

    tokenizer: of tokenizer.json, empty for a generator that draws without words.
    """

    folder: Path
    sidecar: Mapping[str, Any]
    model: bytes = field(repr=False)
    tokenizer: bytes = field(default=b"", repr=False)

    @classmethod
    def load(cls, path_or_name: str | Path) -> Bundle:
        """Reads and checks a bundle: a folder, the model or sidecar in it, or the name of a shipped generator.

        Raises AttnGANError, one line, for what is no bundle, an unknown name or format_version, a sidecar that is
        damaged or contradicts itself, a file that is missing, leads out of the folder or differs from its hash, and a
        model that `check_model` refuses.
        """
        folder = find_bundle(path_or_name)
        sidecar = parse_sidecar(read_within(folder, SIDECAR, FILE_LIMITS[SIDECAR]), str(folder / SIDECAR))
        needed = {MODEL: b"", TOKENIZER: b""}
        for name, expected in sidecar["files"].items():
            if name not in needed:
                # What else was exported may be left behind, but not be wrong.
                if _is(folder / name, "exists"):
                    _check_hash(folder / name, *sha256_within(folder, name, LARGEST_FILE), expected)
                continue
            data = read_within(folder, name, FILE_LIMITS[name])
            if name == TOKENIZER:  # a text, in which git on Windows writes \r\n
                data = data.replace(b"\r\n", b"\n")
            _check_hash(folder / name, sha256_of(data), data[:64], expected)
            needed[name] = data
        check_model(needed[MODEL], str(folder / MODEL))
        return cls(folder, sidecar, needed[MODEL], needed[TOKENIZER])

    @property
    def name(self) -> str:
        """The generator's name, such as `fashion-32`."""
        return str(self.sidecar["name"])

    @property
    def task(self) -> str:
        """`image`, `text-to-image` or `text`."""
        return str(self.sidecar["task"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of their numbers; empty for a generator without classes."""
        return tuple(self.input("class").get("classes", ()))

    @property
    def styles(self) -> tuple[str, ...]:
        """Names of the styles in the order of their numbers; empty where there is nothing to choose from."""
        return tuple(self.input("style").get("styles", ()))

    @property
    def z_dim(self) -> int:
        """Numbers in a z; 0 for a generator that draws from seeds."""
        return int(self.input("z").get("shape", ("batch", 0))[1])

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of a picture; not for a generator of sentences."""
        output = self.sidecar["output"]
        return output["channels"], output["height"], output["width"]

    @property
    def keywords(self) -> int:
        """Key words of a sentence at most; 0 for a generator of pictures."""
        return int(self.input("keywords").get("shape", ("batch", 0))[1])

    @property
    def length(self) -> int:
        """Tokens of a sentence at most, its end among them; not for a generator of pictures."""
        return int(self.sidecar["output"]["shape"][1])

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """name, dtype and shape of what the graph gives: pictures and maybe maps, or tokens and log_probability."""
        return [
            {"name": entry["name"], "dtype": entry["dtype"], "shape": shape_of(entry)}
            for entry in outputs_of(self.sidecar)
        ]

    def input(self, name: str) -> Mapping[str, Any]:
        """The sidecar's entry of an input; empty if the generator has none of that name."""
        return next((given for given in self.sidecar["inputs"] if given["name"] == name), {})

    def open_tokenizer(self) -> Tokenizer | SentenceTokenizer | None:
        """What turns prompts into tokens, or tokens into sentences; None for a generator that draws without words.

        Raises AttnGANError if tokenizer.json is damaged or numbers words in another way than the sidecar says.
        """
        reads = TASKS[self.task].tokenizer
        if reads is None:
            return None
        module, name = _TOKENIZERS[reads]
        path = self.folder / TOKENIZER
        found: Tokenizer | SentenceTokenizer = getattr(import_module(module), name).from_json(self.tokenizer, str(path))
        entries = (*self.sidecar["inputs"], *outputs_of(self.sidecar))
        tokens = next(entry for entry in entries if entry["name"] == "tokens")
        size, length = tokens["maximum"] + 1, tokens["shape"][1]
        if (found.size, found.length) != (size, length):
            raise AttnGANError(
                path,
                f"has {found.size} words, {found.length} a {reads}, where the model takes {size} and {length}",
                "export the generator again",
            )
        return found


def shipped_names() -> list[str]:
    """Names of the generators that are installed with this package, sorted."""
    return sorted(sidecar.parent.name for sidecar in _SHIPPED.glob(f"*/{SIDECAR}"))


def find_bundle(path_or_name: str | Path) -> Path:
    """The folder that a user means by a path or a shipped name; a path wins. Raises AttnGANError if there is none."""
    text, path = str(path_or_name), Path(path_or_name)
    if text and path.name in (MODEL, SIDECAR) and _is(path, "is_file"):
        path = path.parent
    elif not text or not _is(path, "is_dir"):
        if text in shipped_names():
            return _SHIPPED / text
        names = ", ".join(shipped_names()) or "none"
        problem = "is a file, not a bundle" if _is(path, "is_file") else "no such bundle"
        raise AttnGANError(text or repr(text), problem, f"give a folder with {SIDECAR}, or a name: {names}")
    if not _is(path / SIDECAR, "exists"):
        remedy = "give the folder that attngan-export wrote"
        if _is(path / "generator.safetensors", "exists"):
            remedy = f"it is a run folder, so export it first: attngan-export {path} --out BUNDLE"
        elif text in shipped_names():
            remedy = "a folder of that name is here: rename it, or work elsewhere, to use the shipped generator"
        raise AttnGANError(path, f"is no bundle, {SIDECAR} is missing", remedy)
    return path


def _is(path: Path, what: str) -> bool:
    """path.is_file(), .is_dir() or .exists(); False, not an error, for a name that no file system holds."""
    try:
        return bool(getattr(path, what)())
    except (OSError, ValueError):
        return False


def _check_hash(path: Path, found: str, start: bytes, expected: str) -> None:
    """`found`: the SHA-256 of the file; `start`: its first bytes."""
    if found == expected:
        return
    if start.startswith(b"version https://git-lfs"):
        raise AttnGANError(path, "is a Git LFS pointer, not the model", "run: git lfs pull")
    raise AttnGANError(
        path,
        f"its SHA-256 is {found[:12]}…, the sidecar says {expected[:12]}…, so it was changed or damaged",
        "copy the bundle again",
    )
