"""Words beside pictures, drawn by Pillow's own font, or by one of the system's for letters that it lacks."""

from __future__ import annotations

import math
import unicodedata
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LINE = 14  #: pixels that a line of text is high
_LETTERS = 11  # pixels
_WIDEST = 180  # pixels of a line; longer labels go on in the next one

# Pillow's own has ASCII and little more. The first of these that is there and has all letters of a label draws it.
_OTHERS = ("DejaVuSans.ttf", "NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "arial.ttf", "msyh.ttc")

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw_label(text: str) -> np.ndarray:
    """Ink uint8 [H, W] of a label: 255 where a letter covers the pixel; as many lines as it needs, LINE high each."""
    font, text = _font_for(text)
    lines = _wrap(text, font)
    wide = 1 + max(math.ceil(max(font.getlength(line), font.getbbox(line)[2])) for line in lines)
    ink = Image.new("L", (wide, LINE * len(lines)))
    pen = ImageDraw.Draw(ink)
    for place, line in enumerate(lines):
        pen.text((0, LINE * place + _LETTERS), line, 255, font, anchor="ls")
    return np.asarray(ink)


def _wrap(text: str, font: Font) -> list[str]:
    """Lines of at most _WIDEST pixels, broken between words, and inside those that are wider."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= _WIDEST:
            lines[-1] = longer
            continue
        lines += [""] if lines[-1] else []
        for letter in word:
            lines += [""] if font.getlength(lines[-1] + letter) > _WIDEST else []
            lines[-1] += letter
    return lines


def _font_for(text: str) -> tuple[Font, str]:
    """The font, and the text as it can draw it: without accents and with ? for what no font here has."""
    own = _own()
    if _draws(own, text):
        return own, text
    for name in _OTHERS:
        if (other := _open(name)) and _draws(other, text):
            return other, text
    plain = (letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return own, "".join(letter if _draws(own, letter) else "?" for letter in plain)


def _draws(font: Font, text: str) -> bool:
    """Whether the font has all letters: for one that it lacks it draws the box that it has for U+FFFF."""
    box = bytes(font.getmask("\uffff"))
    return all(letter.isspace() or bytes(font.getmask(letter)) != box for letter in set(text))


@cache
def _own() -> Font:
    return ImageFont.load_default(_LETTERS)


@cache
def _open(name: str) -> Font | None:
    try:
        return ImageFont.truetype(name, _LETTERS)
    except OSError:
        return None
