"""The forms in which generators are exported and used, one file a task."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from attngan_export.forms.base import GeneratorForm
    from attngan_export.forms.workloads import Workload


class Forms(NamedTuple):
    """What exports and measures a task, as module:class: bundles are checked and measured without torch too."""

    form_path: str
    workload_path: str

    @property
    def form(self) -> type[GeneratorForm]:
        """Its instances are generators as they are exported."""
        return resolve_name(self.form_path)

    @property
    def workload(self) -> type[Workload]:
        """What is asked of bundles while they are measured; it imports no torch."""
        return resolve_name(self.workload_path)


#: By the name that a run's config.json and a bundle have for the task.
FORMS = {
    "image": Forms("attngan_export.forms.image:ImageForm", "attngan_export.forms.workloads:Workload"),
    "text-to-image": Forms(
        "attngan_export.forms.text_to_image:TextToImageForm", "attngan_export.forms.workloads:PromptWorkload"
    ),
    "text": Forms("attngan_export.forms.text:TextForm", "attngan_export.forms.workloads:SentenceWorkload"),
}
