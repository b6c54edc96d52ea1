"""Files of a few bytes as a folder or a zip, for the tests of what reads them."""

import io
import zipfile
from pathlib import Path

from PIL import Image

SIDE = 8


def png(value: int) -> bytes:
    """A grey picture of 8²."""
    buffer = io.BytesIO()
    Image.new("L", (SIDE, SIDE), value).save(buffer, "PNG")
    return buffer.getvalue()


def make(root: Path, files: dict[str, bytes], zipped: bool) -> Path:
    """The files as a folder or as a zip; a zip keeps the order given."""
    if zipped:
        path = root / "data.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    path = root / "data"
    path.mkdir()
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path
