"""Tables of pictures: CSV, TSV and Parquet with the columns `image`, and optionally `label, split, group, text, name`.

In text tables `image` is a path, relative to the table's folder. In Parquet it is the encoded bytes, a path, or a
struct of `bytes` and `path` as the Hugging Face datasets write it. Other columns are passed over. Paths never lead out
of the table's folder.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from training.readers.items import Item, Row, RowError

IMAGE: Final = "image"
_TOLD: Final = ("label", "split", "group", "text")
_BATCH: Final = 64  # pictures of Parquet held at a time


class TableError(Exception):
    """The table as a whole cannot be read; the message says what it lacks."""


class TextTableReader:
    """A CSV or TSV file with a heading."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._comma = "\t" if path.suffix.lower() == ".tsv" else ","

    def rows(self) -> Iterator[Row]:
        """In the order of the file; a row with too many cells is an error of its own."""
        with self._path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, delimiter=self._comma)
            if IMAGE not in (table.fieldnames or ()):
                raise TableError(f"{self._path} has no column {IMAGE!r}; its heading is {table.fieldnames}")
            for number, cells in enumerate(table, start=1):
                if None in cells:
                    yield RowError(str(number), "has more cells than the heading; quote those that hold a comma")
                else:
                    yield row_of(number, cells, cells[IMAGE], self._path.parent)


class ParquetReader:
    """A Parquet file, read a few pictures at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self) -> Iterator[Row]:
        """In the order of the file."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - of the extra `training`; only this reader needs it

        with pq.ParquetFile(self._path) as file:
            names = set(file.schema_arrow.names)
            if IMAGE not in names:
                raise TableError(f"{self._path} has no column {IMAGE!r}; it has {', '.join(sorted(names))}")
            wanted = [name for name in (IMAGE, "name", *_TOLD) if name in names]
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH, columns=wanted):
                for cells in batch.to_pylist():
                    number += 1
                    yield row_of(number, cells, cells[IMAGE], self._path.parent)


def row_of(number: int, cells: Mapping[str, Any], image: Any, folder: Path) -> Row:
    """The row of some cells, its picture given as bytes, as a path below `folder`, or as a struct of the two."""
    if isinstance(image, Mapping):
        image = image.get("bytes") or image.get("path")
    told = {name: str(cells[name]) for name in _TOLD if cells.get(name) is not None}
    if isinstance(image, bytes):
        return Item(str(cells.get("name") or number), image, **told)
    if not isinstance(image, str) or not image:
        return RowError(str(number), f"the cell {IMAGE!r} is empty; give a path or bytes")
    path = (folder / image).resolve()
    if not path.is_relative_to(folder.resolve()):
        return RowError(str(number), f"{image} lies outside the table's folder; move the picture beside the table")
    try:
        return Item(str(cells.get("name") or image), path.read_bytes(), **told)
    except (OSError, ValueError) as error:
        return RowError(str(number), f"{image} cannot be read ({error})")
