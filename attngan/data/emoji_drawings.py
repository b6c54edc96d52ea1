"""An icon set of Iconify, SVG in one JSON, as pictures by code points."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from attngan.data.emoji_sources import DRAWING
from attngan.errors import AttnGANError

_SIDE = 64  # pixels, as of the other vendors' pictures
_SQUARE = {"left": 0, "top": 0, "width": 16, "height": 16}  # where neither says it, by Iconify's format

Render = Callable[[str], bytes]


@dataclass(frozen=True)
class Drawings:
    """An icon set, drawn."""

    pictures: dict[str, bytes]  #: PNG of 64×64, RGBA, by file name, `1f44b-1f3ff.png`
    failed: list[str]  #: file names of those whose SVG can't be rendered


def find_render() -> Render:
    """SVG → PNG of the size that the SVG asks for, ValueError if it is none; AttnGANError if resvg is not installed."""
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise AttnGANError(
            "resvg-py", "not installed, and Fluent Emoji is drawn by it", 'pip install "attngan[emoji]"'
        ) from None
    return lambda svg: svg_to_bytes(svg_string=svg, skip_system_fonts=True)


def draw_icons(files: Mapping[str, bytes], render: Render) -> Drawings:
    """Draws the icons of icons.json to which chars.json gives code points; ValueError unless both are Iconify's."""
    pictures, failed = {}, []
    for name, svg in _documents(files).items():
        try:
            pictures[name] = render(svg)
        except ValueError:
            failed.append(name)
    return Drawings(pictures, failed)


def _documents(files: Mapping[str, bytes]) -> dict[str, str]:
    """SVG by file name; what an icon doesn't say of its box, the set says."""
    found = {}
    try:
        icons, names = (json.loads(files[name]) for name in ("icons.json", "chars.json"))
        for points, name in names.items():
            if not DRAWING.fullmatch(f"{points}.png"):
                raise ValueError("not code points")
            found[f"{points}.png"] = _document(_SQUARE | icons | icons["icons"][name])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError("not the icons.json and chars.json of an icon set of Iconify") from None
    return found


def _document(icon: Mapping[str, Any]) -> str:
    """SVG that shows the whole icon, in the middle where it isn't square."""
    box = f"{icon['left']} {icon['top']} {icon['width']} {icon['height']}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{box}"'
    return head + f' width="{_SIDE}" height="{_SIDE}">' + icon["body"] + "</svg>"
