"""A throw-away catalogue, and the service's own search over it.

Place in the flow: references of a protocol → **catalogue** → questions through decoder, embedder and
`indexes.search.Searcher` → outcomes. This is the one place in training that builds a `Searcher`: it is wired as
`service.runtime` wires it, and a listing's effort (`ECONOMICAL`) is what a question gets unless told otherwise.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from indexes.background import Background
from indexes.blobs import BlobStore
from indexes.brands import Brands
from indexes.cascade import LOGO_LIKE
from indexes.catalog import Catalog, NewReference
from indexes.database import Database
from indexes.gallery import Gallery
from indexes.scoring import Calibration
from indexes.search import Searcher
from indexes.verifiers import ReadsWords
from training.evaluation.outcomes import Outcome, outcome_of_matches
from training.evaluation.runs import BATCH
from training.protocols import Asked, Enrolled, Protocol
from vision.embedders.words import WordsUnavailable, open_words
from vision.embedding import Embedder, Kind, Pixels, QueryEmbedding, Regions
from vision.images import Picture, decode
from vision.verification import LogoScene, LogoTemplate, LogoVerifier, PhotoDescription, PhotoGlances, PhotoVerifier
from vision.verification.wording import Word

_DONE: Final = "enrolled"
AnySearcher: TypeAlias = Searcher[PhotoDescription, LogoScene, LogoTemplate]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the references of an evaluation are enrolled; a reference's `title` holds the answer it stands for."""

    embedder: Embedder
    brands: Brands
    catalog: Catalog
    blobs: BlobStore
    gallery: Gallery

    def enrol(self, kind: Kind, references: Iterable[Enrolled]) -> None:
        """Store, embed and index the references, as enrolment does; every brand is a verified one."""
        owners: dict[str, str] = {}
        for part in _batches(references):
            pictures = [decode(reference.data) for reference in part]
            made = self._embedded(kind, pictures)
            rows = []
            for reference, picture, regions in zip(part, pictures, made, strict=True):
                if reference.brand not in owners:
                    owners[reference.brand] = self.brands.create(reference.brand).id
                new = NewReference(
                    owners[reference.brand], kind, reference.name, reference.answer, None, None,
                    self.blobs.put(reference.data), picture.width, picture.height, f"image/{picture.format.lower()}",
                )  # fmt: skip
                rows.append((new, regions))
            self.catalog.add_many(rows, self.embedder.space)
        self.gallery.catch_up()

    def _embedded(self, kind: Kind, pictures: Sequence[Picture]) -> list[Regions]:
        if kind == "logo":
            return self.embedder.embed_logos([picture.pixels for picture in pictures])
        return self.embedder.embed_photos([self.embedder.prepare(picture.pixels) for picture in pictures])


@contextmanager
def catalogue(
    embedder: Embedder,
    calibration: Calibration,
    folder: Path,
    background: Background | None = None,
    read: ReadsWords | None = None,
) -> Iterator[tuple[Shelf, AnySearcher]]:
    """The catalogue in a folder, empty when the folder is new, and the service's search over it.

    `background` is the set of the calibration's gate; `read` replaces what finds words in a picture.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database = Database(f"sqlite:///{folder / 'catalogue.db'}")
    database.create_all()
    brands, catalog, blobs = Brands(database), Catalog(database), BlobStore(str(folder / "blobs"))
    gallery = Gallery.open(database, embedder.space, folder / "index")
    searcher = Searcher(
        catalog=catalog,
        brands=brands,
        blobs=blobs,
        gallery=gallery,
        calibration=calibration,
        background=background,
        photo_verifier=PhotoVerifier(),
        glances=PhotoGlances(),
        logo_verifier=LogoVerifier(),
        read=read or reader(),
        embed_crops=embedder.embed_crops,
        logoness=LOGO_LIKE if calibration.calibrated else 0.0,
    )
    try:
        yield Shelf(embedder, brands, catalog, blobs, gallery), searcher
    finally:
        gallery.close()
        database.close()


def enrol_galleries(embedder: Embedder, protocol: Protocol, folder: Path) -> None:
    """Enrol each gallery of a protocol below `folder`; one that was finished before is left as it is."""
    for name, references in protocol.galleries().items():
        done = folder / name / _DONE
        if not done.exists():
            shutil.rmtree(folder / name, ignore_errors=True)
            with catalogue(embedder, Calibration.uncalibrated(), folder / name) as (shelf, _):
                shelf.enrol(protocol.kind, references)
            done.touch()


@dataclass(frozen=True, slots=True)
class Examiner:
    """Puts questions to every gallery of a protocol; the picture is decoded and embedded once for all of them."""

    embedder: Embedder
    kind: Kind
    searchers: Mapping[str, AnySearcher]
    per_kind: int | None = None

    def ask(self, questions: Sequence[Asked]) -> list[dict[str, Outcome]]:
        """The outcomes of a few questions by gallery; they share a backbone pass, as concurrent requests do."""
        started, busy = time.perf_counter(), time.process_time()
        pictures = [decode(question.data) for question in questions]
        prepared = [self.embedder.prepare(picture.pixels) for picture in pictures]
        decoded = time.perf_counter()
        embedded = self.embedder.embed_queries(prepared)
        ended = time.perf_counter()
        shared = {
            name: spent / len(questions)
            for name, spent in (("decode", decoded - started), ("embed", ended - decoded), ("cpu", _busy_since(busy)))
        }
        return [
            {name: self._one(searcher, *asked, shared) for name, searcher in self.searchers.items()}
            for asked in zip(questions, pictures, embedded, strict=True)
        ]

    def _one(
        self,
        searcher: AnySearcher,
        asked: Asked,
        picture: Picture,
        embedding: QueryEmbedding,
        shared: Mapping[str, float],
    ) -> Outcome:
        busy = time.process_time()
        result = searcher.search(picture.pixels, embedding, kinds=(self.kind,), per_kind=self.per_kind)
        spent = {**shared, **result.seconds, "cpu": shared["cpu"] + _busy_since(busy)}
        return outcome_of_matches(asked, result.matches, spent)


@contextmanager
def examiner(  # noqa: PLR0917 - the parts of an examination, named at every call
    embedder: Embedder,
    calibration: Calibration,
    protocol: Protocol,
    folder: Path,
    per_kind: int | None = None,
    background: Background | None = None,
) -> Iterator[Examiner]:
    """An examiner over the galleries that `enrol_galleries` made below `folder`."""
    read = reader()
    once = None if read is None else ReadOnce(read)
    with ExitStack() as stack:
        searchers = {
            path.parent.name: stack.enter_context(catalogue(embedder, calibration, path.parent, background, once))[1]
            for path in sorted(folder.glob(f"*/{_DONE}"))
        }
        yield Examiner(embedder, protocol.kind, searchers, per_kind)


def _busy_since(before: float) -> float:
    """Seconds of processor time of this process."""
    return time.process_time() - before


def reader() -> ReadsWords | None:
    """What finds words in a picture, as in the service; None where that is not installed."""
    try:
        return open_words()
    except WordsUnavailable:
        return None


class ReadOnce:
    """Reads a picture once for all galleries: the words do not depend on what is enrolled."""

    def __init__(self, read: ReadsWords) -> None:
        self._read = read
        self._last: tuple[Pixels, tuple[Word, ...]] | None = None

    def __call__(self, pixels: Pixels) -> tuple[Word, ...]:
        """The words in a picture; of the same array again, those of before."""
        if self._last is None or self._last[0] is not pixels:
            self._last = pixels, tuple(self._read(pixels))
        return self._last[1]


def _batches(references: Iterable[Enrolled]) -> Iterator[list[Enrolled]]:
    every = list(references)
    return (every[start : start + BATCH] for start in range(0, len(every), BATCH))
