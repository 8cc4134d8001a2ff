"""The way in: a document is opened, made harmless, filed with its case, compared, and shown to who may see the case.

Filing is one transaction with the case's move: either the document is there and the brand's clock runs, or neither.
Comparing comes after it, so that of two sellers who send one document at the same moment at least the later is told
of; what a crash leaves uncompared is compared by the next `settle`.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import TimeoutError as TookTooLong
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from indexes.blobs import BlobStore
from indexes.database import Database, utc_now
from indexes.errors import IndexesError, NotFound
from indexes.ids import new_id
from service.cases import Acting, Case, Cases
from service.cases.states import find_move
from service.errors import ServiceError, StateConflict
from service.pictures import PictureKeeper
from service.pipeline import Pipeline
from service.proofs import records
from service.proofs.checks import checks_of
from service.proofs.documents import Document, Documents
from service.proofs.rendering import ProofRefused
from service.proofs.twins import Twins
from service.proofs.values import Check, Proof, Said
from vision.errors import VisionError
from vision.images import DecodeLimits

_LOG = logging.getLogger("brandwarden.proofs")
MOST = 10
"""Documents of one case."""
_AT_ONCE = 100


class Proofs:
    """The proofs of one database. Safe among threads; `file` and `settle` are slow."""

    def __init__(
        self,
        database: Database,
        *,
        blobs: BlobStore,
        pictures: PictureKeeper,
        cases: Cases,
        pipeline: Pipeline,
        limits: DecodeLimits,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database, self._blobs, self._pictures, self._cases = database, blobs, pictures, cases
        self._pipeline, self._clock = pipeline, clock
        self._documents = Documents(limits)
        self._twins = Twins(database, blobs, pipeline, limits)
        self._filled: str | None = None

    def file(self, case: Case, acting: Acting, data: bytes, said: Said) -> Proof:
        """Open a document, file it with its case and compare it.

        `StateConflict` unless the case waits for one, or when it was sent before; `ProofRefused`, `WrongMediaType` or
        an `ImageError` when the document is not taken; then nothing was kept.
        """
        _check_waits(case, acting)
        self._check_validity(case, said)
        document = self._documents.open(data)
        page = document.preview()
        stored = {document.stored_sha256: document.stored}
        with contextlib.ExitStack() as kept:
            preview = hashlib.sha256(page).hexdigest()
            kept.enter_context(self._pictures.keep({**stored, preview: page}))
            connection = kept.enter_context(self._database.write())
            proof = self._write(connection, case, acting, self._proof(case, said, document, preview))
        self._compare(proof)
        return proof

    def of_case(self, connection: sa.Connection, case: Case) -> list[tuple[Proof, tuple[Check, ...]]]:
        """The proofs of a case, oldest first, with what the checks say of each now."""
        return self._checked(connection, [case]).get(case.pk, [])

    def show(
        self, connection: sa.Connection, cases: Sequence[Case], asker: Acting | None
    ) -> Mapping[str, list[dict[str, Any]]]:
        """The proofs of each case by its id, as `asker` may see them."""
        found = self._checked(connection, cases)
        role = "seller" if asker is None else asker.role
        return {case.id: [proof.as_json(checks, role) for proof, checks in found.get(case.pk, [])] for case in cases}

    def find(self, case: Case, proof_id: str) -> Proof:
        """A proof of this case; `NotFound`."""
        with self._database.read() as connection:
            proofs = records.of_cases(connection, [case.pk]).get(case.pk, [])
        for proof in proofs:
            if proof.id == proof_id:
                return proof
        raise NotFound("There is no such proof in this case.")

    def document(self, proof: Proof) -> bytes:
        """What is stored of it: a PDF without anything that acts, or a picture written anew."""
        return self._blobs.get(proof.stored_sha256)

    def preview(self, proof: Proof) -> bytes:
        """Its first page as a PNG."""
        return self._blobs.get(proof.preview_sha256)

    def forget(self) -> None:
        """Erase proofs whose case is gone, and their files."""
        while True:
            with self._database.write() as connection:
                files = records.drop_caseless(connection, _AT_ONCE)
            self._pictures.release(files)
            if not files:
                return

    def settle(self, limit: int = 4) -> int:
        """Embed and compare what is left to be: after a crash, or in the space of a new model. How many were done."""
        space = self._pipeline.space.id
        with self._database.read() as connection:
            left = records.not_compared(connection, limit)
            if not left and space != self._filled:
                left = records.not_embedded(connection, space, limit)
                self._filled = None if left else space
        return sum(map(self._compare, left))

    def _checked(
        self, connection: sa.Connection, cases: Sequence[Case]
    ) -> dict[int, list[tuple[Proof, tuple[Check, ...]]]]:
        found = records.of_cases(connection, [case.pk for case in cases])
        if not found:
            return {}
        others = records.others(connection, [proof for proofs in found.values() for proof in proofs])
        today = self._clock().date()
        return {
            pk: [(proof, checks_of(proof, others.get(proof.pk, ()), today)) for proof in proofs]
            for pk, proofs in found.items()
        }

    def _check_validity(self, case: Case, said: Said) -> None:
        if said.valid_until is None:
            return
        if said.valid_until < self._clock().date():
            raise ProofRefused(f"The document ended on {said.valid_until}; send one that is valid.", reason="expired")
        listed = self._cases.evidence(case)["listing"].get("listed_at")
        if listed is not None and said.valid_until < date.fromisoformat(listed[:10]):
            words = f"The document ended on {said.valid_until}, before the listing began; send one that covers it."
            raise ProofRefused(words, reason="expired")

    def _proof(self, case: Case, said: Said, document: Document, preview: str) -> Proof:
        return Proof(
            pk=0,
            id=new_id("prf"),
            case_pk=case.pk,
            brand_id=case.brand_id,
            marketplace=case.marketplace,
            seller=case.seller_id if case.seller_id is not None else f"listing {case.listing_id}"[:200],
            type=said.type,
            number=said.number,
            number_key=said.number_key,
            valid_until=said.valid_until,
            media_type=document.media_type,
            pages=document.pages,
            size=document.size,
            sha256=document.sha256,
            stored_sha256=document.stored_sha256,
            preview_sha256=preview,
            compared=False,
            received_at=self._clock(),
        )

    def _write(self, connection: sa.Connection, case: Case, acting: Acting, proof: Proof) -> Proof:
        moved = self._cases.act_on(
            connection,
            case.id,
            acting,
            "submit_proof",
            reason=f"Sent an {proof.type}.",
            evidence_version=None,
            details={"proof_id": proof.id, "type": proof.type, "sha256": proof.sha256},
        )
        for known in records.of_cases(connection, [case.pk]).get(case.pk, []):
            if known.sha256 == proof.sha256:
                raise StateConflict("This document was sent in this case before.", existing_id=known.id)
        if moved.proofs > MOST:
            raise StateConflict(f"This case has {MOST} documents, which is all it can hold; write a message instead.")
        return records.insert(connection, proof)

    def _compare(self, proof: Proof) -> bool:
        """Compare a proof; where that fails for now, it is left for the next `settle`."""
        try:
            self._twins.settle(proof)
        except (ServiceError, IndexesError, VisionError, TookTooLong) as error:
            _LOG.warning("a proof could not be compared: %s", error, extra={"proof": proof.id})
            return False
        return True


def _check_waits(case: Case, acting: Acting) -> None:
    if find_move(case.state, "submit_proof", acting.role) is None:
        raise StateConflict(
            f"Proofs are taken while a listing is held; this case is {case.state}.",
            state=case.state,
            evidence_version=case.evidence_version,
        )
