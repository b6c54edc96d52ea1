"""What a graph declares to take and give, against what its sidecar says; nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attngan_runtime.bundle import MODEL, Bundle
from attngan_runtime.errors import AttnGANError, first_line

Signature = dict[str, tuple[str, list[Any]]]  #: (type, shape) by name; a side is a number, a name, or None

_KINDS = {"int64": "tensor(int64)", "float32": "tensor(float)"}  # in ONNX Runtime's words
_REMEDY = "export the generator again"


def check_graph(session: Any, bundle: Bundle) -> None:
    """Raises AttnGANError if the graph doesn't declare to take and give what the sidecar says."""
    takes, gives = graph_signature(session, str(bundle.folder / MODEL))
    inputs = {given["name"]: given for given in bundle.sidecar["inputs"]}
    outputs = {given["name"]: given for given in bundle.outputs}
    for does, found, expected, fits in [
        ("takes", takes, inputs, inputs.keys() == takes.keys()),
        ("gives", gives, outputs, outputs.keys() <= gives.keys()),
    ]:
        if not fits:
            names = ", ".join(found)[:200] or "nothing"
            problem = f"the graph {does} {names} and the sidecar says {', '.join(expected)}"
            raise AttnGANError(bundle.folder, problem, _REMEDY)
    entries = inputs | outputs
    for name, (kind, shape) in (takes | {name: gives[name] for name in outputs}).items():
        dtype, expected_shape = entries[name]["dtype"], entries[name]["shape"]
        if kind != _KINDS[dtype] or not _fits(shape, expected_shape):
            problem = f"in the graph {name} is {kind} {str(shape)[:80]}, and in the sidecar {dtype} {expected_shape}"
            raise AttnGANError(bundle.folder, problem, _REMEDY)


def graph_signature(session: Any, where: str) -> tuple[Signature, Signature]:
    """What a graph takes and what it gives, in ONNX Runtime's words. Raises AttnGANError, beginning with `where`."""
    try:
        takes, gives = (
            {str(given.name): (str(given.type), list(given.shape)) for given in ends}
            for ends in (session.get_inputs(), session.get_outputs())
        )
    except Exception as error:  # of names that are no UTF-8
        raise AttnGANError(where, f"its inputs or outputs can't be read ({first_line(error)})", _REMEDY) from None
    return takes, gives


def _fits(found: Sequence[Any], said: Sequence[Any]) -> bool:
    """Whether a declared shape can be the sidecar's: as long, its numbers the same, and none for the batch.

    What is a name or None is as large as it turns out to be; outputs are looked at again when they are there.
    """
    return len(found) == len(said) and all(
        type(one) is not int or one == other for one, other in zip(found, said, strict=True)
    )
