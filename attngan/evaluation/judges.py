"""Which features judge which generator: never those that its training looked through."""

from __future__ import annotations

from collections.abc import Sequence

from attngan.features.extractor import EFFICIENTNET, OPEN_NSFW, Extractor, load_extractor
from attngan.generators import LoadedGenerator

#: Printed where OPEN_NSFW judges alone.
WHY_ALONE = "EfficientNet-Lite0 does not judge here: training looked through its features."


def choose_judges(generators: Sequence[LoadedGenerator], own: str | None = None) -> tuple[Extractor, ...]:
    """EfficientNet-Lite0, unless the training of one of the generators saw it, then Open NSFW, which none has seen.

    own: `module:function`, in place of both. Raises AttnGANError as `load_extractor` does.
    """
    if own:
        return (load_extractor(own),)
    saw = any(generator.source.saw_efficientnet for generator in generators)
    return (OPEN_NSFW,) if saw else (EFFICIENTNET, OPEN_NSFW)
