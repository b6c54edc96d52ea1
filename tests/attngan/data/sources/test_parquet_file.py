"""Parquet as the Hub has it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from picture_files import SIDE, png
from refusals import refuses

from attngan.data import load_captioned, load_pictures

NAMES = json.dumps({"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}})


def table(path: Path, columns: dict[str, Any], info: str | None = None, rows: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    found = pa.table(columns)
    if info:
        found = found.replace_schema_metadata({"huggingface": info})
    pq.write_table(found, path, row_group_size=rows)
    return path


def pictures(*values: int) -> list[dict[str, Any]]:
    return [{"bytes": png(value), "path": f"{value}.png"} for value in values]


def test_pictures_with_labels(tmp_path: Path) -> None:
    path = table(tmp_path / "0000.parquet", {"image": pictures(1, 2, 3, 4, 5), "label": [1, 0, 1, 1, -1]}, NAMES)
    found = load_pictures(path, resolution=SIDE, channels=1)
    assert found.images[:, 0, 0, 0].tolist() == [1, 2, 3, 4] and found.classes is not None
    assert found.classes.tolist() == [1, 0, 1, 1]
    assert found.describe() == (
        "4 pictures, 2 classes (cat: 1, dog: 3); labels of 0000.parquet; "
        "1 picture without a label left out: 0000.parquet/00000004.png"
    )


@pytest.mark.parametrize("info", [None, "{", '{"info": {"features": {"label": {"names": 7}}}}', "[]"])
def test_labels_without_names_are_numbers(tmp_path: Path, info: str | None) -> None:
    path = table(tmp_path / "a.parquet", {"image": pictures(1, 2), "label": [10, 9]}, info)
    assert load_pictures(path, resolution=SIDE, channels=1).class_names == ["9", "10"]


@pytest.mark.parametrize("column", ["text", "caption"])
def test_captions_in_one_of_two_splits(tmp_path: Path, column: str) -> None:
    for name, values in (
        ("train-00000-of-00002", (1, 2, 3)),
        ("train-00001-of-00002", (4,)),
        ("test-00000-of-00001", (5,)),
    ):
        columns = {column: [f"number {value}" for value in values], "image": pictures(*values), "id": list(values)}
        table(tmp_path / "data" / f"{name}.parquet", columns)
    (tmp_path / "README.md").write_text("a dataset")
    found = load_captioned(tmp_path, resolution=SIDE, channels=1)
    assert found.captions.texts == [(f"number {n}",) for n in found.images[:, 0, 0, 0]] and len(found) == 4
    assert found.describe() == (
        "4 pictures, 4 captions, 4 concepts; split train alone, not test-00000-of-00001.parquet (1 picture); "
        "captions of data/train-00000-of-00002.parquet and 1 more"
    )


def test_captions_as_lists_and_pictures_as_bytes(tmp_path: Path) -> None:
    columns = {"jpg": [png(1), png(2)], "thumbnail": [b"x", b"y"], "captions": [["one", "first"], ["two"]]}
    found = load_captioned(table(tmp_path / "a.parquet", columns), resolution=SIDE, channels=1)
    assert found.captions.texts == [("one", "first"), ("two",)] and found.images[:, 0, 0, 0].tolist() == [1, 2]


def test_pictures_alone(tmp_path: Path) -> None:
    found = load_pictures(table(tmp_path / "a.parquet", {"image": pictures(3, 4)}), resolution=SIDE, channels=1)
    assert found.describe() == "2 pictures"


def test_pictures_that_are_elsewhere_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(png(9))
    rows = [*pictures(1), {"bytes": None, "path": str(tmp_path / "secret.png")}, None]
    found = load_pictures(table(tmp_path / "a.parquet", {"image": rows}), resolution=SIDE, channels=1)
    assert [reason for _, reason in found.skipped] == ["not in the table, which only names it"] * 2


def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(tmp_path / "a.parquet", {"text": ["x"], "label": [1]})
    with refuses(r"--data: no column of pictures \(text, label\)"):
        load_pictures(path, resolution=SIDE, channels=1)
    whole = table(tmp_path / "b.parquet", {"image": pictures(1, 2)})
    whole.write_bytes(whole.read_bytes()[:-9])
    with refuses("--data: not a whole Parquet table"):
        load_pictures(whole, resolution=SIDE, channels=1)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with refuses(r"--data: pip install \"attngan\[parquet\]\""):
        load_pictures(path, resolution=SIDE, channels=1)


def test_a_damaged_row_group_is_skipped(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", {"image": pictures(1, 2, 3, 4)})
    start = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + 20] = b"\xff" * 20
    path.write_bytes(content)
    found = load_pictures(path, resolution=SIDE, channels=1)
    assert found.images[:, 0, 0, 0].tolist() == [1, 2]
    assert [name for name, reason in found.skipped if "damaged table" in reason] == [
        "a.parquet/00000002.png", "a.parquet/00000003.png"
    ]  # fmt: skip
