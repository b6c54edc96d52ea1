"""What is trained: all that differs between tasks, one file a task."""

from attngan.tasks.base import Task
from attngan.tasks.image import ImageTask
from attngan.tasks.text import TextTask
from attngan.tasks.text_to_image import TextToImageTask

#: By the name that a run's config.json and a bundle have for it.
TASKS: dict[str, Task] = {"image": ImageTask(), "text-to-image": TextToImageTask(), "text": TextTask()}

__all__ = ["TASKS", "Task"]
