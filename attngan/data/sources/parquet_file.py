"""A Parquet table as the Hub has it: pictures in one column, what is said of them in others.

Its rows become picture files, and its other columns a metadata.jsonl beside them.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from attngan.data.layouts.columns import LABELS, TEXTS, find_column
from attngan.data.listing import LARGEST, SourceFile
from attngan.data.transforms import UnreadablePictureError, not_read
from attngan.errors import AttnGANError

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.parquet

_CALLED = ("image", "img", "picture", "photo", "jpg", "png", "webp")  # of several such columns
_KEPT = 2  # row groups in memory: threads read on while the first ones still finish the group before
_MAGIC = b"PAR1"


class NoPicturesError(AttnGANError):
    """A table without a column of pictures."""


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet does."""
    with open(path, "rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def list_parquet(path: Path, below: str = "") -> list[SourceFile]:
    """The pictures and the metadata.jsonl of a table, under names that begin with `below`.

    AttnGANError without pyarrow and for a torn file, NoPicturesError for a table without pictures.
    """
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise AttnGANError(f"--data {path}", "Parquet needs pyarrow", 'pip install "attngan[parquet]"') from None
    try:
        with ParquetFile(path) as file:
            schema = file.schema_arrow
            column = _picture_column(schema)
            if column is None:
                names = ", ".join(schema.names)[:80]
                raise NoPicturesError(f"--data {path}", f"no column of pictures ({names})", "name another table")
            pictures = _Pictures(path, column, file)
            rows = list(_rows(file, schema))
    except (pyarrow.ArrowException, OSError, ValueError, KeyError) as error:
        problem = (
            f"not a whole Parquet table ({str(error).splitlines()[0][:60] if str(error) else type(error).__name__})"
        )
        raise AttnGANError(f"--data {path}", problem, "download it again") from None
    found = [SourceFile(f"{below}{_name(row)}", partial(pictures.read, row), path) for row in range(pictures.count)]
    said = "\n".join(json.dumps({"file_name": _name(place), **row}) for place, row in enumerate(rows))
    return [*found, SourceFile(f"{below}metadata.jsonl", said.encode, path)] if rows else found


class _Pictures:
    """The bytes of the pictures, a row group at a time."""

    def __init__(self, path: Path, column: str, file: pyarrow.parquet.ParquetFile) -> None:
        self._path, self._column = path, column
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        self._starts = [sum(sizes[:group]) for group in range(len(sizes))]
        self.count = sum(sizes)
        self._groups: dict[int, Any] = {}
        self._lock = Lock()

    def read(self, row: int) -> bytes:
        group = bisect_right(self._starts, row) - 1
        try:
            value = self._open(group)[row - self._starts[group]].as_py()
        except Exception as error:  # pyarrow's are many, and come from threads
            raise not_read(error, "damaged table") from None
        if isinstance(value, dict):
            value = value.get("bytes")
        if not isinstance(value, bytes):
            raise UnreadablePictureError("not in the table, which only names it")
        if len(value) > LARGEST:
            raise UnreadablePictureError(f"too large: {len(value):,} bytes")
        return value

    def _open(self, group: int) -> Any:
        from pyarrow.parquet import ParquetFile

        with self._lock:
            if group not in self._groups:
                while len(self._groups) >= _KEPT:
                    del self._groups[next(iter(self._groups))]
                with ParquetFile(self._path) as file:
                    self._groups[group] = file.read_row_group(group, columns=[self._column], use_threads=False).column(
                        0
                    )
            return self._groups[group]


def _name(row: int) -> str:
    return f"{row:08}.png"  # of any type: what a picture is, its bytes say


def _picture_column(schema: pyarrow.Schema) -> str | None:
    """The column of pictures: bytes, or a struct with bytes; the bytes alone of a struct."""
    from pyarrow import types

    def is_bytes(kind: pyarrow.DataType) -> bool:
        return types.is_binary(kind) or types.is_large_binary(kind)

    columns = {}
    for field in schema:
        if types.is_struct(field.type) and any(inner.name == "bytes" and is_bytes(inner.type) for inner in field.type):
            columns[field.name] = f"{field.name}.bytes"
        elif is_bytes(field.type):
            columns[field.name] = field.name
    called = find_column(columns, _CALLED) or next(iter(columns), None)
    return None if called is None else columns[called]


def _rows(file: pyarrow.parquet.ParquetFile, schema: pyarrow.Schema) -> Iterator[dict[str, Any]]:
    """What each row says, classes by their names; none without such columns."""
    columns = [column for column in (find_column(schema.names, TEXTS), find_column(schema.names, LABELS)) if column]
    if not columns:
        return
    names = {column: _class_names(schema, column) for column in columns}
    for batch in file.iter_batches(columns=columns, use_threads=False):
        for row in batch.to_pylist():
            yield {column: _named(value, names[column]) for column, value in row.items()}


def _named(value: Any, names: list[str]) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and names:
        return names[value] if 0 <= value < len(names) else None  # −1 is a row without a class
    return value if isinstance(value, str | int | float | list | None) else str(value)


def _class_names(schema: pyarrow.Schema, column: str) -> list[str]:
    """The names that `datasets` keeps of a ClassLabel; [] where there are none."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[column]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return []
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []
