"""Pictures as data URLs, small enough that a page with a dozen of them can be sent by mail."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

_AS_IT_IS = 300_000  # bytes


def data_url(path: Path, largest: int) -> str | None:
    """A PNG as it is if it is small; otherwise as WebP of at most `largest` pixels a side. None if it is no picture."""
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as file:
            kind, picture = file.format, file.convert("RGBA" if "A" in file.getbands() else "RGB")
    except (OSError, ValueError, SyntaxError):  # absent, torn, or not a picture
        return None
    if kind != "PNG" or len(content) > _AS_IT_IS or max(picture.size) > largest:
        picture.thumbnail((largest, largest), Image.Resampling.LANCZOS)
        small = io.BytesIO()
        picture.save(small, "WEBP", quality=85)
        kind, content = "WEBP", small.getvalue()
    return f"data:image/{kind.lower()};base64,{base64.b64encode(content).decode()}"
