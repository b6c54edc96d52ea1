"""Pictures side by side in one file."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from attngan_runtime.errors import AttnGANError
from attngan_runtime.saving import check_output_file, write_output

GAP = 2  #: pixels between pictures
_LARGEST_SHEET = 178_956_970  # pixels; Pillow, and so many a program, opens no larger picture


def grid(images: np.ndarray, columns: int | None = None, gap: int = GAP) -> Image.Image:
    """Lays images [B, H, W, C] uint8 (C 1, 3 or 4) out row by row; `columns` defaults to the square root of B."""
    count, height, width, channels = images.shape
    rows, columns = _rows_and_columns(count, columns)
    # White between the pictures, transparent where they can be transparent themselves.
    background = 0 if channels == 4 else 255
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), background, np.uint8)
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return as_image(sheet)


def encode_png(picture: np.ndarray) -> bytes:
    """One picture uint8 [H, W, C] as a PNG."""
    data = io.BytesIO()
    as_image(picture).save(data, format="PNG")
    return data.getvalue()


def save_grid(images: np.ndarray, path: str | Path, columns: int | None = None) -> None:
    """Writes `grid(images)` to `path`; the ending chooses the format (PNG, WebP, JPEG …).

    Raises AttnGANError if there can be no such folder, the ending is unknown or the format can't hold the sheet.
    """
    check_picture_path(path)
    save_picture(grid(images, columns), path)


def save_picture(sheet: Image.Image, path: str | Path, **options: Any) -> None:
    """Writes one picture as `save_grid` does, and with its errors; `options` are those of Pillow's `save`."""
    path = Path(path)
    check_picture_path(path)
    kind = _format(path)
    if kind == "JPEG":
        sheet = on_white(sheet)
    # Encoded in memory: Pillow reports a full disk as "encoder error -2", without its errno.
    data = io.BytesIO()
    try:
        sheet.save(data, format=kind, **options)
    except (OSError, ValueError) as error:
        size = f"{sheet.width}×{sheet.height} {sheet.mode}"
        raise AttnGANError(f"--out {path}", f"{kind} can't hold this {size} grid ({error})", "use .png") from None
    write_output(path, data.getbuffer())


def on_white(picture: Image.Image) -> Image.Image:
    """White where it is transparent, for files that can't be; others stay as they are."""
    if picture.mode != "RGBA":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def check_picture_path(path: str | Path) -> None:
    """Raises AttnGANError unless a picture can be written to `path`; costs nothing, so call it before the work."""
    path = Path(path)
    check_output_file(path, "grid.png")
    if _format(path) is None:
        raise AttnGANError(f"--out {path}", f"unknown picture type '{path.suffix}'", "use .png, .webp or .jpg")


def check_sheet_size(
    count: int, height: int, width: int, columns: int | None = None, option: str = "--seeds"
) -> None:  # fmt: skip
    """Raises AttnGANError if `grid` of so many pictures would be larger than programs open; call it before the work.

    option: what makes it so large.
    """
    rows, columns = _rows_and_columns(count, columns)
    pixels = rows * (height + GAP) * columns * (width + GAP)
    if pixels > _LARGEST_SHEET:
        raise AttnGANError(
            option,
            f"{count:,} pictures in {columns:,} columns make a sheet of {pixels:,} pixels, where {_LARGEST_SHEET:,} "
            "is the limit",
            "ask for less",
        )


def as_image(picture: np.ndarray) -> Image.Image:
    """Of uint8 [H, W, C]."""
    return Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)


def _rows_and_columns(count: int, columns: int | None) -> tuple[int, int]:
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    return math.ceil(count / columns), columns


def _format(path: Path) -> str | None:
    """Pillow's name of the format that the ending stands for; None if it can't write one."""
    suffix = path.suffix.lower()
    Image.preinit()  # PNG, JPEG, GIF, BMP and PPM in 5 ms; the other forty formats take 60 ms
    if suffix not in Image.EXTENSION:
        Image.init()
    kind = Image.EXTENSION.get(suffix)
    return kind if kind in Image.SAVE else None
