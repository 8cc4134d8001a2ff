"""Which reader a source needs, told by its name; and reading items with bad rows set aside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from training.readers.folders import FolderReader
from training.readers.items import Item, Reader, Row, RowError
from training.readers.shards import ShardReader, shard_paths
from training.readers.tables import ParquetReader, TextTableReader
from vision.errors import ImageError
from vision.images import decode

_GLIMPSE: Final = 32  # pixels of the longest side: enough to see that it is a picture, and cheap for a JPEG


class SourceError(Exception):
    """A source that cannot be read at all; the message says what is missing."""


def open_reader(source: str | Path) -> Reader:
    """The reader of a folder, a `.csv`, `.tsv`, `.parquet` or `.tar` file, or shards `name-{000..012}.tar`.

    Raises `SourceError` where there is nothing, or nothing that is known.
    """
    paths = shard_paths(str(source))
    if missing := next((path for path in paths if not path.exists()), None):
        raise SourceError(f"{missing} does not exist; name a folder, a table or tar shards")
    path = paths[0]
    if path.is_dir():
        return FolderReader(path)
    match "".join(path.suffixes[-2:]).lower() if path.suffix == ".gz" else path.suffix.lower():
        case ".csv" | ".tsv":
            return TextTableReader(path)
        case ".parquet":
            return ParquetReader(path)
        case ".tar" | ".tar.gz":
            return ShardReader(paths)
    raise SourceError(f"{path} is no source that is read: a folder, .csv, .tsv, .parquet, .tar or .tar.gz")


def read_items(source: str | Path, *, split: str = "", errors: list[RowError] | None = None) -> Iterator[Item]:
    """The pictures of a source, of one `split` where one is named. Rows without a picture are put into `errors`."""
    for row in checked_rows(open_reader(source)):
        if isinstance(row, RowError):
            if errors is not None:
                errors.append(row)
        elif not split or row.split == split:
            yield row


def checked_rows(reader: Reader) -> Iterator[Row]:
    """The rows of a reader, with an error in place of every picture that cannot be decoded."""
    for row in reader.rows():
        if isinstance(row, Item):
            try:
                decode(row.data, side=_GLIMPSE)
            except ImageError as error:
                yield RowError(row.name, str(error))
                continue
        yield row
