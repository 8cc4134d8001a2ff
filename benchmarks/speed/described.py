"""Descriptions of a catalogue's references on its disk, as a service that has run for a day would have them.

Place in the flow: the end of `catalogue.prepare`. A service describes each file once; most files here differ in a note
only (`catalogue`), so what is made of one picture is written down for every file that shows it. Some of those are
described for themselves all the same, and must come out equal to the byte. What is there already is left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from indexes.blobs import BlobStore
from indexes.catalog import Catalog
from indexes.database import Database
from indexes.descriptions import Descriptions, Kept
from indexes.shelves import Shelves
from service.describing import kept_marks, kept_photos
from service.settings import Settings
from vision.embedding import Kind
from vision.images import VETTED
from vision.verification import LogoTemplate, LogoVerifier, PhotoDescription, PhotoVerifier

_PAGE = 1_000
_CHECKED_EVERY = 400
_NOTE = re.compile(rb"reference \d+\Z")


def numbered(data: bytes, kind: Kind, number: int) -> bytes:
    """The picture as another file: a comment in a JPEG, bytes after the end of a PNG."""
    note = f"reference {number}".encode()
    if kind == "logo":
        return data + note
    return data[:2] + b"\xff\xfe" + (len(note) + 2).to_bytes(2, "big") + note + data[2:]


def unnumbered(data: bytes, kind: Kind) -> bytes:
    """What `numbered` was given; any other file as it is."""
    if kind == "logo":
        return _NOTE.sub(b"", data)
    end = 4 + int.from_bytes(data[4:6], "big")
    return data[:2] + data[end:] if data[2:4] == b"\xff\xfe" and _NOTE.fullmatch(data[6:end]) else data


def describe(data_dir: Path) -> tuple[int, int]:
    """See that every reference of the service in `data_dir` has its description; how many were made and copied."""
    settings = Settings(data_dir=data_dir)
    shelves = Shelves(settings.descriptions_dir, max_bytes=settings.descriptions_max_bytes)
    blobs, database = BlobStore(settings.pictures_url), Database(settings.sql_url)
    with contextlib.closing(database):
        pictures = list(_pictures(Catalog(database)))
    described = {"photo": _photos(blobs, shelves), "logo": _marks(blobs, shelves)}
    if all(described[kind].has(sha256) for kind, sha256 in pictures):
        return 0, 0
    for kind, sha256 in pictures:
        described[kind].see_to(sha256, kind)
    made, copied = (sum(counts) for counts in zip(*(one.counts for one in described.values()), strict=True))
    return made, copied


def _pictures(catalog: Catalog) -> Iterator[tuple[Kind, str]]:
    after = 0
    while page := catalog.pictures(after, _PAGE):
        yield from ((kind, sha256) for _, kind, sha256 in page)
        after = page[-1][0]


class _Described:
    """One kind of descriptions: which file's is that of which picture."""

    def __init__(
        self,
        blobs: BlobStore,
        made: Descriptions[PhotoDescription] | Descriptions[LogoTemplate],
        kept: Kept[PhotoDescription] | Kept[LogoTemplate],
    ) -> None:
        self._blobs, self._descriptions, self._shelf = blobs, made, kept.shelf
        self._first: dict[bytes, str] = {}
        self._made = self._copied = 0

    @property
    def counts(self) -> tuple[int, int]:
        return self._made, self._copied

    def has(self, sha256: str) -> bool:
        return self._shelf.has(sha256)

    def see_to(self, sha256: str, kind: Kind) -> None:
        """Make the description of the first file that shows a picture, write it down for the others."""
        shown = hashlib.sha256(unnumbered(self._blobs.get(sha256), kind)).digest()
        first = self._first.setdefault(shown, sha256)
        if first == sha256:
            self._made += self._descriptions.keep(sha256)
        elif not self.has(sha256):
            self._copied += 1
            known = self._read(first)
            if self._copied % _CHECKED_EVERY == 1:
                self._descriptions.keep(sha256)
                if self._read(sha256) != known:
                    raise RuntimeError(f"{sha256} is not described as {first} is, which shows the same picture")
            else:
                self._shelf.write(sha256, known)

    def _read(self, sha256: str) -> bytes:
        data = self._shelf.read(sha256)
        if data is None:
            raise RuntimeError(f"the description of {sha256} was not kept; is the disk full?")
        return data


def _photos(blobs: BlobStore, shelves: Shelves) -> _Described:
    kept = kept_photos(shelves)
    return _Described(blobs, Descriptions(blobs, PhotoVerifier().enrol, max_bytes=0, limits=VETTED, kept=kept), kept)


def _marks(blobs: BlobStore, shelves: Shelves) -> _Described:
    kept = kept_marks(shelves)
    return _Described(blobs, Descriptions(blobs, LogoVerifier().enrol, max_bytes=0, limits=VETTED, kept=kept), kept)
