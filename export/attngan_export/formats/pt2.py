"""A generator as .pt2, the file of torch.export: loads with torch alone, without our packages.

It is TorchScript's successor, and somebody else's is no safer to load: torch.export.load unpickles what a file marks as
pickled, and executes what else it holds. Files written here hold no pickle, and `load_pt2` looks before torch loads
(`pt2_check`).
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx.experimental.symbolic_shapes import free_symbols

from attngan_export.formats.aten import attention_by_aten
from attngan_export.formats.pt2_check import find_foreign
from attngan_export.forms.base import Form
from attngan_runtime.errors import AttnGANError


def pt2_bytes(form: Form) -> bytes:
    """The content of model.pt2; the same weights and versions give the same bytes.

    Inputs are positional, in the order of `form.names`; the batch is dynamic. Attention is aten's
    scaled_dot_product_attention, and the loop over words torch's while_loop.
    Raises AttnGANError if this torch writes anything that `load_pt2` would refuse.
    """
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings(), attention_by_aten(form.module), torch.no_grad():
        warnings.simplefilter("ignore")
        shapes = tuple({0: batch} for _ in form.names)
        program = torch.export.export(form.graph, form.example, dynamic_shapes=shapes, strict=False)
        _clean(program)
        buffer = io.BytesIO()
        torch.export.save(program, buffer)
    if found := find_foreign(buffer.getvalue()):
        raise AttnGANError(
            "--pt2",
            f"this torch ({torch.__version__}) writes what attngan does not know, for its file {found}",
            "leave --pt2 out, or use torch 2.11 to 2.13",
        )
    return buffer.getvalue()


def load_pt2(content: bytes, what: str) -> torch.nn.Module:
    """The module in the bytes of a model.pt2, on CPU.

    Raises AttnGANError naming `what` if the file holds anything that torch would unpickle or execute.
    """
    if found := find_foreign(content):
        remedy = "export the generator again, and trust nothing else from there"
        raise AttnGANError(what, f"{found}, as no export does, so it was not loaded", remedy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch 2.11 says that it reads weights from read-only memory
        return torch.export.load(io.BytesIO(content)).module()


def _clean(program: ExportedProgram) -> None:
    """Takes out stack traces, which hold paths of the machine; symbols that stand nowhere, of which torch complains as
    it loads them; and the example, the file's one pickle. Without it torch checks inputs no less, before each call.
    """
    used: set[Any] = set()
    for part in program.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            node.meta = {key: node.meta[key] for key in ("val", "unbacked_bindings") if key in node.meta}
            used |= free_symbols(node.meta.get("val"))
    for symbol in set(program.range_constraints) - used:
        del program.range_constraints[symbol]
    program.example_inputs = None
