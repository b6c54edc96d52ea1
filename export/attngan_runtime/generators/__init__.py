"""Generators opened in ONNX Runtime: what each task takes, makes and promises stands in a module of its own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from attngan_runtime.generators.base import Generator


class Task(NamedTuple):
    """What does a task, named rather than imported: a command's help shouldn't wait 0.1 s for numpy."""

    generator: str  #: module:class, a `base.Generator`
    command: str  #: module with what `attngan-run` does: `OPTIONS` and `run`, as `commands.draw` has them


#: By the `task` of a sidecar. A further one is a line here, and the two modules that it names.
GENERATORS = {
    "image": Task("attngan_runtime.generators.image:PictureGenerator", "attngan_runtime.commands.draw"),
    "text-to-image": Task(
        "attngan_runtime.generators.text_to_image:TextToImageGenerator", "attngan_runtime.commands.draw"
    ),
    "text": Task("attngan_runtime.generators.text:SentenceGenerator", "attngan_runtime.commands.write"),
}


def generator_class(task: str) -> type[Generator]:
    """The class that opens bundles of a task."""
    module, _, name = GENERATORS[task].generator.partition(":")
    found: type[Generator] = getattr(import_module(module), name)
    return found
