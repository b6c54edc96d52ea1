"""The names that other people's programs import, with their signatures, fields, defaults and members.

NAMES says which there are; public_names.json says what each of them is, and may say less than there is today. `kept.py`
says how to rewrite it.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import importlib
import inspect
import json
import re
import subprocess
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from attngan.presets import PRESETS
from attngan_kernels import explain
from attngan_runtime import AttnGANError, Bundle, Generator, PictureGenerator, SentenceGenerator
from tests.interface.kept import kept_json, missing

NAMES = {
    "attngan.attention": "Similarity MultiHeadAttention SelfAttention2d WordAttention set_attention_backend",
    "attngan.augment": "AUGMENTATIONS augment flip color rotate scale translation cutout",
    "attngan.config": "FORMAT_VERSION ImageNetworkConfig TextToImageConfig TextConfig TrainingConfig RunConfig",
    "attngan.ema": "Ema",
    "attngan.errors": "AttnGANError",
    "attngan.losses": "Objective OBJECTIVES minmax_discriminator minmax_generator non_saturating_generator "
    "hinge_discriminator critic_generator wasserstein_discriminator least_squares_discriminator "
    "least_squares_generator relativistic_discriminator relativistic_generator gradient_norms r1 r2 r1_r2 wgan_gp",
    "attngan.presets": "preset",
    "attngan.random": "threefry2x32 derive uniforms normals",
    "attngan.train": "Outcome train",
    "attngan.trainer": "Penalty Settings Trainer",
    "attngan.perceptual_trainer": "PerceptualTrainer",
    "attngan_kernels": "attention attention_jvp attention_weights explain",
    "attngan_runtime": "AttnGANError Bundle Generator PictureGenerator SentenceGenerator",
}
#: Modules whose functions take or give what only this package knows, under names that may change.
DATA_OF_OURS = ("attngan.config", "attngan.train")
#: Made by other means than their constructors, which are not public.
GIVEN = (Bundle, Generator, AttnGANError)
KEPT = Path(__file__).parents[1] / "runtime" / "kept"
WEB = Path(__file__).parents[2] / "export" / "web"


def plain(text: str) -> str:
    """Types by their last names: where a class is defined is not public. Functions as defaults without theirs."""
    return re.sub(r"\b(?:[A-Za-z_]\w*\.)+(\w+)", r"\1", re.sub(r"<function .*? at \w+>", "<function>", text))


def signature_of(function: Any) -> str:
    try:
        return plain(str(inspect.signature(function, eval_str=True)))
    except NameError:  # a type that only type checkers import
        return f"({', '.join(inspect.signature(function).parameters)})"


def fields_of(kind: Any) -> dict[str, str]:
    """Each field of a dataclass or named tuple: its type, and its default if it has one."""
    hints = {name: plain(inspect.formatannotation(hint)) for name, hint in typing.get_type_hints(kind).items()}
    return {name: hints[name] + default for name, default in defaults_of(kind).items()}


def defaults_of(kind: Any) -> dict[str, str]:
    """Each field of a dataclass or named tuple: ` = ` and its default, or nothing."""
    if not dataclasses.is_dataclass(kind):
        given = {name: f" = {default!r}" for name, default in kind._field_defaults.items()}
        return dict.fromkeys(kind._fields, "") | given
    return {
        field.name: "" if field.default is dataclasses.MISSING else f" = {field.default!r}"
        for field in dataclasses.fields(kind)
    }


def class_of(kind: type) -> dict[str, Any]:
    """What kind of module or error it is, if it is one, and what it has of its own or from bases of ours."""
    if issubclass(kind, enum.Enum):
        return {"members": {member.name: member.value for member in kind}}
    if kind.__module__.startswith("attngan.config"):  # a type of networks or of training changes with each new task
        return {"fields": defaults_of(kind)}
    ours = [base for base in kind.__mro__ if base.__module__.startswith("attngan")]
    attributes = {name: value for base in reversed(ours) for name, value in vars(base).items()}
    shown = {name: value for name, value in attributes.items() if not name.startswith("_")}
    made = not issubclass(kind, GIVEN)
    found: dict[str, Any] = {
        "bases": [base.__name__ for base in (nn.Module, Exception) if issubclass(kind, base)],
        "methods": {
            name: signature_of(getattr(kind, name))
            for name, value in shown.items()
            if inspect.isfunction(value) or isinstance(value, classmethod | staticmethod)
        },
        "properties": sorted(name for name, value in shown.items() if isinstance(value, property)),
    }
    if dataclasses.is_dataclass(kind):
        found["fields"] = fields_of(kind)
    elif made:
        found["made by"] = signature_of(kind)
    return {what: value for what, value in found.items() if value}


def described(value: Any) -> Any:
    """What people rely on of a class, a function, a table (its keys), a Literal or a plain value."""
    if inspect.isclass(value):
        return class_of(value)
    if inspect.isfunction(value):
        return "a function" if value.__module__ in DATA_OF_OURS else signature_of(value)
    if isinstance(value, Mapping):
        return list(value)
    return list(typing.get_args(value)) if typing.get_origin(value) else value


def results() -> dict[str, Any]:
    """The fields of what methods and functions give."""
    giving = (explain, PictureGenerator.attention, SentenceGenerator.write)
    return {function.__qualname__: fields_of(typing.get_type_hints(function)["return"]) for function in giving}


def attributes() -> dict[str, Any]:
    """What loaded generators and bundles say of themselves: plain values, and names of others."""
    found: dict[str, Any] = {}
    for name in ("shapes", "shapes-z", "words", "sentences"):
        bundle, generator = Bundle.load(KEPT / name), Generator.load(KEPT / name, threads=1)
        known = [key for key in (*vars(generator), "makes") if not key.startswith("_")]
        read = (
            "name",
            "task",
            "classes",
            "styles",
            "z_dim",
            "keywords",
            "length" if bundle.task == "text" else "shape",
        )
        found[name] = {
            "is": [
                kind.__name__
                for kind in (Generator, PictureGenerator, SentenceGenerator)
                if isinstance(generator, kind)
            ],
            "generator": {key: plain_value(getattr(generator, key)) for key in sorted(known)},
            "bundle": {key: plain_value(getattr(bundle, key)) for key in read},
        }
    return found


def plain_value(value: Any) -> Any:
    return value if isinstance(value, str | int | tuple) else "some object"


def module_in_node(folder: Path) -> dict[str, list[str]]:
    """The exports of the ES module's two files, as Node sees them."""
    script = (
        'const names = async file => Object.keys(await import(file)).sort(); console.log(JSON.stringify({".": await'
        ' names("./attngan.js"), "./words.js": await names("./words.js")}))'
    )
    command = ["node", "--input-type=module", "-e", script]
    return dict(json.loads(subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout))


def declarations() -> dict[str, Any]:
    """What TypeScript is told: the exported names, and a hash of the whole."""
    found = {}
    for name in ("attngan.d.ts", "words.d.ts"):
        text = (WEB / name).read_text(encoding="utf-8")
        found[name] = {
            "exports": re.findall(r"^export (?:class|interface|function|type) (\w+)", text, re.M),
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }
    return found


def public_names(web: Path) -> dict[str, Any]:
    modules = {name: importlib.import_module(name) for name in NAMES}
    found: dict[str, Any] = {
        name: {public: described(getattr(module, public)) for public in NAMES[name].split()}
        for name, module in modules.items()
    }
    for name in ("attngan.errors", "attngan_kernels", "attngan_runtime"):
        found[name]["__all__"] = sorted(modules[name].__all__)
    found["presets"] = {
        name: {"network": dataclasses.asdict(network), "training": dataclasses.asdict(training)}
        for name, (network, training) in PRESETS.items()
    }
    found |= {"results": results(), "attributes": attributes(), "ES module": module_in_node(web)}
    found["package.json"] = json.loads((WEB / "package.json").read_text())["exports"]
    return json.loads(json.dumps(found | declarations()))


@pytest.fixture(scope="module")
def found(installed: Path) -> dict[str, Any]:
    return public_names(installed)


@pytest.fixture(scope="module")
def kept(found: dict[str, Any]) -> dict[str, Any]:
    return dict(kept_json("public_names.json", lambda: found))


PARTS = (
    *NAMES, "presets", "results", "attributes", "ES module", "package.json", "attngan.d.ts", "words.d.ts",
)  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_nothing_public_is_gone_or_otherwise(part: str, kept: dict[str, Any], found: dict[str, Any]) -> None:
    assert missing(kept[part], found[part]) == []


def test_every_part_is_kept(kept: dict[str, Any]) -> None:
    assert kept.keys() == {*PARTS}


def test_an_error_is_one_line() -> None:
    with pytest.raises(AttnGANError, match=r"^no such\\x07bundle: ") as caught:
        Bundle.load("no\nsuch\abundle")
    assert len(str(caught.value).splitlines()) == 1
