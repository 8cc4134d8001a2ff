"""Listings to scan, read from a folder, a CSV file or JSON Lines, one at a time.

Place in the flow: under `brandwarden scan`, before the checking. Rows may name pictures by path (relative to the
file they stand in), by URL, or carry them in base64; nothing is decoded or fetched here.
"""

from __future__ import annotations

import base64
import binascii
import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from service.errors import Invalid

PICTURE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})
_FIELDS: Final = ("title", "seller_id", "url", "marketplace", "gtin", "category")
_FEEDS: Final = frozenset({".jsonl", ".ndjson", ".csv", ".tsv"})


@dataclass(frozen=True, slots=True)
class ScannedPicture:
    """A picture of a listing: a file, a URL or bytes; `problem` says what is wrong with the row's own words."""

    path: Path | None = None
    url: str | None = None
    data: bytes | None = None
    problem: str | None = None

    def read(self) -> bytes:
        """The bytes of a picture that is no URL; `Invalid` when they cannot be had."""
        if self.data is not None:
            return self.data
        if self.path is None:
            raise Invalid(self.problem or "A picture is given as a path, a url or data.")
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise Invalid(f"{self.path} cannot be read: {error.strerror}.") from error


@dataclass(frozen=True, slots=True)
class ScannedListing:
    """One listing to judge. `problem` is set for a row that is none."""

    listing_id: str
    pictures: tuple[ScannedPicture, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


def count_listings(source: Path) -> int:
    """How many listings `read_listings` will give."""
    return sum(1 for _ in (_folder_pictures(source) if source.is_dir() else _rows(source)))


def read_listings(source: Path) -> Iterator[ScannedListing]:
    """The listings of a folder (each picture in it, at any depth, is one), a CSV or TSV, or a JSON Lines file.

    A table has the columns `listing_id` and `images` (paths or URLs with ` | ` or new lines between them) and may have
    `title`, `seller_id`, `url`, `marketplace`, `gtin` and `category`. A line of JSON is a listing of the HTTP
    interface whose images may also be `{"path": …}` or plain strings. `Invalid` for another kind of source.
    """
    if source.is_dir():
        for path in _folder_pictures(source):
            yield ScannedListing(path.relative_to(source).as_posix(), (ScannedPicture(path=path),))
        return
    for number, row in enumerate(_rows(source), start=1):
        yield row if isinstance(row, ScannedListing) else _listing(row, number, source.parent)


def _folder_pictures(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())


def _rows(source: Path) -> Iterator[Mapping[str, Any] | ScannedListing]:
    suffix = source.suffix.lower()
    if suffix not in _FEEDS:
        raise Invalid(f"{source} is no folder and does not end in {', '.join(sorted(_FEEDS))}.")
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            if suffix in {".csv", ".tsv"}:
                yield from _table(csv.DictReader(file, delimiter="\t" if suffix == ".tsv" else ","), source)
            else:
                yield from (_line(text, number) for number, text in enumerate(file, start=1) if text.strip())
    except OSError as error:
        raise Invalid(f"{source} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise Invalid(f"{source} cannot be read as text in UTF-8: {error}.") from error


def _table(reader: csv.DictReader[str], source: Path) -> Iterator[Mapping[str, Any]]:
    missing = {"listing_id", "images"} - set(reader.fieldnames or ())
    if missing:
        raise Invalid(f"{source} has no column {' and no column '.join(sorted(missing))}.")
    for row in reader:
        cell = (row["images"] or "").replace("\n", "|")
        yield {**row, "images": [part.strip() for part in cell.split("|") if part.strip()]}


def _line(text: str, number: int) -> Mapping[str, Any] | ScannedListing:
    try:
        row = json.loads(text)
    except ValueError as error:
        return ScannedListing(f"line {number}", problem=f"line {number} is not JSON: {error}")
    return row if isinstance(row, dict) else ScannedListing(f"line {number}", problem=f"line {number} is no object")


def _listing(row: Mapping[str, Any], number: int, folder: Path) -> ScannedListing:
    listing_id, images = row.get("listing_id"), row.get("images")
    if not isinstance(listing_id, str) or not listing_id.strip():
        return ScannedListing(f"row {number}", problem=f"row {number} has no listing_id")
    if not isinstance(images, list) or not images:
        return ScannedListing(listing_id, problem="the listing has no images")
    fields = {name: str(row[name]) for name in _FIELDS if row.get(name)}
    return ScannedListing(listing_id, tuple(_picture(image, folder) for image in images), fields)


def _picture(image: Any, folder: Path) -> ScannedPicture:
    if isinstance(image, str):
        image = {"url": image} if image.startswith(("http://", "https://")) else {"path": image}
    if not isinstance(image, dict):
        return ScannedPicture(problem="an image is a path, a URL or an object with path, url or data")
    if isinstance(image.get("url"), str):
        return ScannedPicture(url=image["url"])
    if isinstance(image.get("path"), str):
        return ScannedPicture(path=folder / image["path"])
    try:
        return ScannedPicture(data=base64.b64decode(str(image["data"]), validate=True))
    except (KeyError, binascii.Error):
        return ScannedPicture(problem="the image has no path, no url and no data in base64")
