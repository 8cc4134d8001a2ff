"""The same document, sent by another seller: nearest first pages by our own embedder, then a close look at the print.

Place in the flow: after a proof is filed. The search is exact over every first page of the space that judges now, in
blocks; all invoices look alike to it, so it only chooses what `vision.verification.pages` compares.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Final

import sqlalchemy as sa

from indexes.blobs import BlobStore
from indexes.database import Database
from indexes.errors import BlobMissing
from service.pipeline import EmbeddedReference, Pipeline
from service.proofs import records
from service.proofs.documents import PAGE_SIDE
from service.proofs.values import Grade, Proof
from vision.embedding import Vectors
from vision.images import DecodeLimits, decode
from vision.verification.pages import PageAgreement, PageDescription, compare_both_ways, describe_page

_LOG = logging.getLogger("brandwarden.proofs")
_CLOSEST: Final = 6
"""Pages that are looked at closely."""
_FEW: Final = 0.03
"""Share of the print that differs, up to which somebody may have changed a few entries of one document."""
_IN_VIEW: Final = 0.6
_SECONDS: Final = 20.0


class Twins:
    """Compares proofs. Slow, so it is called off the event loop; safe among threads and processes."""

    def __init__(self, database: Database, blobs: BlobStore, pipeline: Pipeline, limits: DecodeLimits) -> None:
        self._database, self._blobs, self._pipeline = database, blobs, pipeline
        self._limits = limits

    def settle(self, proof: Proof) -> None:
        """Embed the first page of a proof and compare it with those of other sellers, unless that was done.

        Raises `Overloaded` when the pipeline has no room; then nothing is written, and it can be done again.
        """
        page = self._blobs.get(proof.preview_sha256)
        future: Future[EmbeddedReference] = self._pipeline.reference(page, "photo", patience=1.0)
        embedded = future.result(_SECONDS)
        vector = embedded.regions.vectors[0]
        with self._database.write() as connection:
            records.write_vector(connection, proof, embedded.space.id, vector)
        if proof.compared:
            return
        grades = dict(self._grades(proof, embedded.space.id, vector))
        with self._database.write() as connection:
            records.write_twins(connection, proof, grades)

    def _grades(self, proof: Proof, space: str, vector: Vectors) -> Iterator[tuple[int, Grade]]:
        with self._database.read() as connection:
            near = _nearest(connection, proof, space, vector)
            pages = records.previews(connection, near)
        if not pages:
            return
        own = self._described(proof.preview_sha256)
        for pk, sha256 in pages.items():
            try:
                agreements = compare_both_ways(own, self._described(sha256))
            except BlobMissing:
                _LOG.warning("the page of a proof is missing", extra={"sha256": sha256})
                continue
            if (grade := _grade(agreements)) is not None:
                yield pk, grade

    def _described(self, sha256: str) -> PageDescription:
        return describe_page(decode(self._blobs.get(sha256), limits=self._limits, side=PAGE_SIDE).pixels)


def _nearest(connection: sa.Connection, proof: Proof, space: str, vector: Vectors) -> list[int]:
    best: list[tuple[float, int]] = []
    for pks, vectors in records.blocks(connection, proof, space):
        scored = zip((vectors @ vector).tolist(), pks, strict=True)
        best = heapq.nlargest(_CLOSEST, [*best, *scored])
    return [pk for _, pk in best]


def _grade(agreements: Iterable[PageAgreement]) -> Grade | None:
    """How alike two pages are by the way of laying one on the other in which less differs."""
    grade: Grade | None = None
    for found in agreements:
        if found.coverage >= _IN_VIEW and found.share <= _FEW:
            if not found.differing:
                return "page"
            grade = "nearly"
    return grade
