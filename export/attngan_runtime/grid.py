"""Pictures side by side in one file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

from attngan_runtime.errors import AttnGANError


def grid(images: np.ndarray, columns: int | None = None, gap: int = 2) -> Image.Image:
    """Lays images [B, H, W, C] uint8 (C 1, 3 or 4) out row by row; `columns` defaults to the square root of B."""
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    # White between the pictures, transparent where they can be transparent themselves.
    background = 0 if channels == 4 else 255
    sheet = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, channels), background, np.uint8
    )
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return Image.fromarray(sheet[..., 0] if channels == 1 else sheet)


def save_grid(images: np.ndarray, path: str | Path, columns: int | None = None) -> None:
    """Writes `grid(images)` to `path`; the ending chooses the format (PNG, WebP, JPEG …).

    Raises AttnGANError if the folder does not exist or the ending is unknown.
    """
    path = Path(path)
    check_picture_path(path)
    sheet = grid(images, columns)
    if path.suffix.lower() in (".jpg", ".jpeg") and sheet.mode == "RGBA":
        sheet = sheet.convert("RGB")
    partial = path.with_name(path.name + ".part")
    try:
        sheet.save(partial, format=Image.registered_extensions()[path.suffix.lower()])
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def check_picture_path(path: str | Path) -> None:
    """Raises AttnGANError unless a picture can be written to `path`; costs nothing, so call it before the work."""
    path = Path(path)
    if not path.parent.is_dir():
        raise AttnGANError(f"--out {path}: folder {path.parent} does not exist; create it first")
    if path.is_dir():
        raise AttnGANError(f"--out {path}: is a folder; name a file such as {path / 'grid.png'}")
    if Image.registered_extensions().get(path.suffix.lower()) is None:
        raise AttnGANError(f"--out {path}: unknown picture type '{path.suffix}'; use .png, .webp or .jpg")
