"""Product feeds: CSV, TSV, JSON Lines and Google Merchant XML (RSS 2.0 or Atom), read record by record.

The format is told by the content, not the name. Records become dicts of normalised column names; which columns mean
what is `service.catalog_rows`. Cells are text and stay text: what looks like a formula is never worked out. XML is
parsed with DTDs and entities forbidden. Nothing is fetched here.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from service.errors import Invalid

Record = dict[str, str] | str
"""A record's cells by column, or the sentence that says why it cannot be read."""

MAX_LINE = 1 << 20
_HEAD = 64 * 1024
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_ITEMS = ("item", "entry")
_MERCHANT = "{http://base.google.com/ns/1.0}"


def read_records(file: BinaryIO) -> Generator[Record, None, None]:
    """The records of a feed in order; `Invalid` when it is no feed, has no usable header or breaks off.

    Close it when it is not read to its end (`contextlib.closing`): it holds on to the file.
    """
    encoding = _encoding(file)
    file.seek(0)
    start = file.read(_HEAD).decode(encoding, errors="replace").lstrip("\ufeff \t\r\n")
    file.seek(0)
    if not start:
        raise Invalid("The feed is empty.")
    if start.startswith("<"):
        yield from _read_xml(file)
    elif start.startswith("{"):
        with _text(file, encoding) as text:
            yield from _read_json_lines(text)
    elif start.startswith("["):
        raise Invalid("The feed is a JSON array; send JSON Lines, one object on each line.")
    else:
        with _text(file, encoding) as text:
            yield from read_table(text)


def read_table(text: io.TextIOBase) -> Iterator[Record]:
    """Records of CSV or TSV with a header line; the delimiter is the one the header uses most."""
    header = text.readline(MAX_LINE)
    if "\x00" in header:
        raise Invalid("The feed is not a text file.")
    delimiter = max(",\t;|", key=header.count)
    columns = [normalise(cell) for cell in next(csv.reader([header], delimiter=delimiter), [])]
    if len(columns) != len(set(columns) - {""}) + columns.count(""):
        raise Invalid("The header names a column twice.", errors=[{"loc": ["header"], "msg": "a column comes twice"}])
    lines = iter(lambda: text.readline(MAX_LINE), "")
    yield from _rows(csv.reader(lines, delimiter=delimiter), columns)


def header_of(records: Iterator[Record]) -> tuple[frozenset[str], Iterator[Record]]:
    """The columns of the first readable record, and all records again."""
    passed: list[Record] = []
    for record in records:
        passed.append(record)
        if isinstance(record, dict):
            return frozenset(record), _chain(passed, records)
    return frozenset(), iter(passed)


def normalise(name: str) -> str:
    """`g:Image Link` and `image_link` are one column."""
    return name.strip().lstrip("\ufeff").lower().removeprefix("g:").replace(" ", "_").replace("-", "_")


def _chain(passed: list[Record], rest: Iterator[Record]) -> Iterator[Record]:
    yield from passed
    yield from rest


def _rows(reader: Iterator[list[str]], columns: list[str]) -> Iterator[Record]:
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield f"This row cannot be read: {error}."
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
            yield f"This row has {len(cells)} cells, the header {len(columns)}; quote cells that hold the delimiter."
            continue
        padded = cells + [""] * (len(columns) - len(cells))
        yield {column: cell.strip() for column, cell in zip(columns, padded, strict=False) if column}


def _read_json_lines(text: io.TextIOBase) -> Iterator[Record]:
    while line := text.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise Invalid(f"A line of the feed has more than {MAX_LINE:,} characters.")
        if line.strip():
            yield _json_record(line)


def _json_record(line: str) -> Record:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return "This line is not valid JSON."
    if not isinstance(value, dict):
        return "This line is not a JSON object."
    return {normalise(str(name)): _cell(cell) for name, cell in value.items() if cell is not None}


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_cell(part) for part in value)
    return str(value).strip()


def _read_xml(file: BinaryIO) -> Iterator[Record]:
    depth: list[Element] = []
    try:
        for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
            if event == "start":
                depth.append(element)
                continue
            depth.pop()
            if _local(element) in _ITEMS:
                yield _xml_record(element)
                (depth[-1] if depth else element).clear()  # what was read is not kept
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Invalid("The XML feed cannot be read: it is damaged, or it has a DTD or entities.") from error


def _xml_record(item: Element) -> Record:
    record: dict[str, str] = {}
    for child in item:
        name, value = normalise(_local(child)), (child.text or "").strip()
        if name.startswith("additional") and name in record:
            record[name] = f"{record[name]},{value}"
        elif name not in record or child.tag.startswith(_MERCHANT):  # `g:id` means more than Atom's own `id`
            record[name] = value
    return record


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


@contextmanager
def _text(file: BinaryIO, encoding: str) -> Iterator[io.TextIOWrapper]:
    """`file` as text; it stays open for whoever opened it."""
    text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
    try:
        yield text
    finally:
        text.detach()


def _encoding(file: BinaryIO) -> str:
    """UTF-16 by its mark, UTF-8 (with or without one) when it is that from end to end, else Windows' Latin."""
    file.seek(0)
    if file.read(2) in _UTF16_MARKS:
        return "utf-16"
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(_HEAD):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"
