"""What a catalogue upload asks for, as one row for each picture, whether it came as an archive or as a feed.

An archive names its pictures in `manifest.csv`, or by their paths alone: then those under `logos/` are logos. A feed
names picture URLs. A row that cannot be used carries its problem and leaves the others alone; columns that make the
whole upload unusable raise `Invalid`. Reads no pictures.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import BinaryIO

from service.archives import Archive, Entry
from service.errors import BodyTooLarge, Invalid
from service.feeds import Record, header_of, read_records, read_table
from service.settings import MIB
from vision.embedding import KINDS, Kind

MANIFEST = "manifest.csv"
MANIFEST_BYTES = 64 * MIB
_IMAGE = ("image_link", "image_url", "image", "picture", "picture_url")
_ID = ("external_id", "id", "sku", "offer_id")
_TITLE = ("title", "name")
_GTIN = ("gtin", "ean", "upc")
_MORE = ("additional_image_link", "additional_image_links")
_PICTURE_NAME = re.compile(r"\.(jpe?g|png|webp|gif|bmp|tiff?|avif)$", re.IGNORECASE)
_BETWEEN_URLS = re.compile(r"[,\s]+(?=https?://)", re.IGNORECASE)
_LONGEST = {"file": 4096, "external_id": 500, "title": 2000, "gtin": 32}


@dataclass(frozen=True, slots=True)
class CatalogRow:
    """One picture to enrol. `number` counts the records of the upload from 1; `file` is an entry name or a URL."""

    number: int
    file: str
    kind: Kind = "photo"
    external_id: str | None = None
    title: str | None = None
    gtin: str | None = None
    problem: str | None = None

    @property
    def key(self) -> tuple[str, str | None]:
        """What makes it one reference of the brand."""
        return self.kind, self.external_id


def feed_rows(file: BinaryIO, *, limit: int) -> list[CatalogRow]:
    """Rows of a feed; `Invalid` without a picture column, `BodyTooLarge` beyond `limit` rows."""
    with closing(read_records(file)) as read:
        records = _with_columns(read, _IMAGE, "a column with picture URLs, such as image_link")
        return _bounded(_unique(_feed_rows(records)), limit)


def archive_rows(archive: Archive, *, limit: int) -> list[CatalogRow]:
    """Rows of an archive, by its manifest or by its paths; errors as in `feed_rows`."""
    manifest = _manifest(archive)
    rows = _path_rows(archive.entries) if manifest is None else _manifest_rows(archive, manifest)
    return _bounded(_unique(rows), limit)


def _with_columns(records: Iterator[Record], names: tuple[str, ...], wanted: str) -> Iterator[Record]:
    columns, records = header_of(records)
    if not columns.intersection(names):
        found = ", ".join(sorted(columns))[:200].encode(errors="replace").decode() or "none"
        raise Invalid(
            f"The columns do not fit: it takes {wanted}; found: {found}.",
            errors=[{"loc": ["header"], "msg": f"one of {', '.join(names)} required"}],
        )
    return records


def _feed_rows(records: Iterable[Record]) -> Iterator[CatalogRow]:
    for number, record in enumerate(records, 1):
        if isinstance(record, str):
            yield CatalogRow(number, "", problem=record)
            continue
        url = _first(record, _IMAGE)
        row = _row(number, url or "", record, default_kind="photo")
        if not url:
            row = replace(row, problem="This row names no picture.")
        yield replace(row, external_id=row.external_id or url)
        extra = _BETWEEN_URLS.split(_first(record, _MORE) or "")
        for position, more in enumerate(filter(None, extra), 2):
            yield replace(row, file=more, external_id=f"{row.external_id or url}#{position}")


def _manifest(archive: Archive) -> Entry | None:
    """The manifest at the top, or inside the one folder that holds everything."""
    tops = {entry.name.partition("/")[0] for entry in archive.entries}
    names = {MANIFEST, *(f"{top}/{MANIFEST}" for top in tops if len(tops) == 1)}
    return next((entry for entry in archive.entries if entry.name.lower() in {n.lower() for n in names}), None)


def _manifest_rows(archive: Archive, manifest: Entry) -> Iterator[CatalogRow]:
    data = archive.read(manifest, max_bytes=MANIFEST_BYTES)
    text = io.TextIOWrapper(io.BytesIO(data), encoding=_encoding(data), newline="")
    records = _with_columns(read_table(text), ("file",), "a column 'file' in manifest.csv")
    folder = manifest.name[: -len(MANIFEST)]
    entries = {entry.name: entry for entry in reversed(archive.entries)}
    named = {manifest.name}
    number = 0
    for number, record in enumerate(records, 1):  # counted on below
        if isinstance(record, str):
            yield CatalogRow(number, "", problem=record)
            continue
        name = folder + record.get("file", "")
        named.add(name)
        yield _manifest_row(number, name, record, entries.get(name))
    for entry in archive.entries:
        if entry.name not in named and _PICTURE_NAME.search(entry.name):
            number += 1
            yield CatalogRow(number, entry.name, problem="The manifest does not name this picture.")


def _manifest_row(number: int, name: str, record: dict[str, str], entry: Entry | None) -> CatalogRow:
    row = _row(number, name, record, default_kind=_kind_of(name))
    if entry is None:
        return replace(row, problem="The archive has no file of this name.")
    return replace(row, external_id=row.external_id or name, problem=entry.problem or row.problem)


def _path_rows(entries: Iterable[Entry]) -> Iterator[CatalogRow]:
    for number, entry in enumerate(entries, 1):
        row = CatalogRow(number, entry.name, _kind_of(entry.name), external_id=entry.name, problem=entry.problem)
        yield row if row.problem else _checked(row)


def _kind_of(name: str) -> Kind:
    folders = [part.lower() for part in PurePosixPath(name).parts[:-1]]
    return "logo" if "logos" in folders else "photo"


def _row(number: int, file: str, record: dict[str, str], *, default_kind: Kind) -> CatalogRow:
    given = (_first(record, ("kind",)) or default_kind).lower()
    row = CatalogRow(
        number,
        file,
        kind=next((kind for kind in KINDS if kind == given), default_kind),
        external_id=_first(record, _ID),
        title=_first(record, _TITLE),
        gtin=_first(record, _GTIN),
    )
    if given not in KINDS:
        return replace(row, problem=f"The kind must be one of {', '.join(KINDS)}.")
    return _checked(row)


def _checked(row: CatalogRow) -> CatalogRow:
    """The row, with a problem where a text is longer than is kept or holds what a database does not take."""
    for name, longest in _LONGEST.items():
        text = getattr(row, name) or ""
        if len(text) > longest or "\x00" in text or not _is_encodable(text):
            return replace(row, problem=f"The {name} is longer than {longest} characters or holds odd ones.")
    return row


def _is_encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _first(record: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((record[name] for name in names if record.get(name)), None)


def _unique(rows: Iterable[CatalogRow]) -> Iterator[CatalogRow]:
    """Later rows of one kind and external_id get a problem: two pictures cannot be one reference."""
    seen: dict[tuple[str, str | None], int] = {}
    for row in rows:
        if row.problem is None and row.key in seen:
            yield replace(row, problem=f"Row {seen[row.key]} has this external_id already; give each its own.")
            continue
        if row.problem is None:
            seen[row.key] = row.number
        yield row


def _bounded(rows: Iterable[CatalogRow], limit: int) -> list[CatalogRow]:
    found: list[CatalogRow] = []
    for row in rows:
        if len(found) >= limit:
            raise BodyTooLarge(f"The upload has more than {limit:,} rows; split it.")
        found.append(row)
    if not found:
        raise Invalid("The upload names no pictures.")
    return found


def _encoding(data: bytes) -> str:
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"
    return "utf-8-sig"
