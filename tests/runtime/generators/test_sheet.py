"""Tables of pictures: every picture where its names say, nothing cut off, and no strips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from refusals import refuses

from attngan_runtime.generators import labels
from attngan_runtime.generators.labels import LINE, draw_label
from attngan_runtime.generators.sheet import Sheet


def shades(rows: int, columns: int, side: int = 16, channels: int = 3) -> np.ndarray:
    """A picture of one colour for each place of a table: its row in the first channel, its column in the second."""
    pictures = np.full((rows, columns, side, side, channels), 100, np.uint8)
    pictures[..., 0], pictures[..., 1] = np.arange(rows)[:, None, None, None], np.arange(columns)[:, None, None]
    return pictures.reshape(-1, side, side, channels)


def places(sheet: np.ndarray, rows: int, columns: int) -> dict[tuple[int, int], tuple[int, int]]:
    """Where on a sheet of `shades` the picture of each place begins; each is there once and whole."""
    is_picture = sheet[..., 2] == 100
    found = {}
    for row in range(rows):
        for column in range(columns):
            y, x = np.nonzero(is_picture & (sheet[..., 0] == row) & (sheet[..., 1] == column))
            assert len(y) and (np.ptp(y) + 1) * (np.ptp(x) + 1) == len(y)
            found[row, column] = (int(y.min()), int(x.min()))
    return found


def test_names_stand_beside_their_row_and_above_their_column() -> None:
    rows, columns = ["one", "two"], ["cat", "a very long name", "dog"]
    sheet = np.asarray(Sheet(rows, columns, 16, 16).draw(shades(2, 3)))
    at = places(sheet, 2, 3)
    for row, name in enumerate(rows):
        ink = 255 - draw_label(name)
        y, x = at[row, 0]
        top, left = y + 8 - LINE // 2, x - 5 - ink.shape[1]
        np.testing.assert_array_equal(sheet[top : top + LINE, left : x - 5, 0], ink)
    for column, name in enumerate(columns):
        ink = 255 - np.rot90(draw_label(name))  # the long one does not fit above 16 pixels
        y, x = at[0, column]
        np.testing.assert_array_equal(sheet[y - 5 - len(ink) : y - 5, x + 1 : x + 1 + LINE, 0], ink)


def test_headings_that_fit_are_upright() -> None:
    sheet = np.asarray(Sheet(["", ""], ["cat", "dog"], 64, 64).draw(shades(2, 2, side=64)))
    assert sheet.shape == (LINE + 5 + 130, 130, 3)


names = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=60)


@settings(max_examples=30)
@given(st.lists(names, min_size=1, max_size=5), st.lists(names, min_size=1, max_size=5), st.integers(1, 3))
def test_no_letter_is_cut_off(rows: list[str], columns: list[str], scale: int) -> None:
    sheet = np.asarray(Sheet(rows, columns, 16, 16, scale=scale).draw(shades(len(rows), len(columns))))
    beyond = sheet.copy()
    for y, x in places(sheet, len(rows), len(columns)).values():
        beyond[y : y + 16 * scale, x : x + 16 * scale] = 255
    ink = sum(int(draw_label(name).sum()) for name in [*rows, *columns])
    assert int((255 - beyond[..., 0].astype(int)).sum()) == ink


@pytest.mark.parametrize("text", ["Ankle boot", "|gj", "Ång", "ÇŞ", "fjord"])
def test_a_label_holds_all_of_its_letters(text: str) -> None:
    font, text = labels._font_for(text)
    paper = Image.new("L", (300, 100))
    ImageDraw.Draw(paper).text((50, 50), text, 255, font, anchor="ls")
    assert draw_label(text).sum() == np.asarray(paper).sum()


@pytest.mark.parametrize(("rows", "columns"), [(64, 10), (2, 64), (300, 3), (17, 1), (1, 110), (64, 110)])
def test_what_is_long_is_wrapped_towards_a_square(rows: int, columns: int) -> None:
    sheet = Sheet([f"seed {row}" for row in range(rows)], [f"class {column}" for column in range(columns)], 16, 16)
    pictures = shades(min(rows, 255), columns)
    drawn = np.asarray(sheet.draw(np.resize(pictures, (rows * columns, 16, 16, 3))))
    assert 0.45 < drawn.shape[0] / drawn.shape[1] < 2.2
    if rows < 100 and columns < 100:
        places(drawn, rows, columns)


def test_what_is_short_stays_as_it_is() -> None:
    at = places(np.asarray(Sheet(["red", "green"], list("01234567"), 16, 16).draw(shades(2, 8))), 2, 8)
    assert len({y for y, _ in at.values()}) == 2 and len({x for _, x in at.values()}) == 8


@pytest.mark.parametrize(("most", "wide", "high"), [(3, 3, 12), (5, 5, 8), (9, 5, 8), (10, 10, 4), (100, 40, 1)])
def test_columns_are_as_many_as_asked_at_most(most: int, wide: int, high: int) -> None:
    rows = [f"seed {row}" for row in range(8)]
    at = places(np.asarray(Sheet(rows, list("abcde"), 16, 16, most).draw(shades(8, 5))), 8, 5)
    rows_of_sheet = [y for y, _ in at.values()]
    assert max(rows_of_sheet.count(y) for y in rows_of_sheet) == min(wide, most)
    assert len(set(rows_of_sheet)) == (16 if most == 3 else high)


def test_without_names_it_is_the_plain_grid() -> None:
    sheet = Sheet([""], [""] * 10, 16, 16)
    assert sheet.draw(shades(1, 10)).size == (4 * 18 - 2, 3 * 18 - 2)
    assert Sheet([""], [""] * 10, 16, 16, most=5, scale=2).draw(shades(1, 10)).size == (5 * 34 - 2, 2 * 34 - 2)


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_transparent_sheets(channels: int) -> None:
    pictures = np.full((4, 16, 16, channels), 200, np.uint8)
    drawn = np.asarray(Sheet(["one", "two"], ["a", "b"], 16, 16).draw(pictures))
    if channels == 1:
        assert drawn.ndim == 2 and drawn.min() < 60 and drawn[0, 0] == 255
    else:
        assert drawn[0, 0, 3] == 0 and drawn[..., 3].max() > 200


def test_letters_that_a_font_lacks_are_left_out_and_never_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "_OTHERS", ())
    np.testing.assert_array_equal(draw_label("café 猫"), draw_label("cafe ?"))


def test_sheets_that_no_program_opens_are_refused() -> None:
    with refuses("--seeds: ask for less"):
        Sheet(["a"] * 1000, ["b"] * 1000, 256, 256)
    with refuses("--scale 1000: ask for less"):
        Sheet(["a"] * 10, ["b"] * 10, 256, 256, scale=1000)
