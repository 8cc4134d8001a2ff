"""What a case stands on: the listing and its strongest match as they were judged, kept with the case.

Place in the flow: written by `opening`, read by whoever shows or proves a case. A document lives as long as its case,
so that nothing is lost when the listing is judged again, changed or erased:

    {"listing": {... as the interface shows it, with "images"}, "match": {... as there}, "found": true,
     "features": {... what score and confidence were made of}, "reference_sha256": "…"}

`found` is false where a later judgement does not find the match any more; listing and match are then the last ones
that did. Pictures are named by SHA-256, and `case_pictures` holds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from indexes.references import REFERENCES
from service.cases.tables import CASE_EVIDENCE, CASE_PICTURES
from service.cases.values import Case
from service.listings.values import ListedMatch, ListingResult

Document: TypeAlias = dict[str, Any]
_OF_THE_RUN: Final = frozenset({"matches", "elapsed_ms", "evidence_version"})
_VOLATILE: Final = frozenset({"index_generation", "judged_at"})
"""What differs between two judgements that found the same."""


def document(connection: sa.Connection, result: ListingResult, match: ListedMatch) -> Document:
    """What `match` of `result` is remembered by."""
    listing = {name: value for name, value in result.as_json().items() if name not in _OF_THE_RUN}
    shown = match.as_json()
    del shown["case_id"]
    sha256 = connection.scalar(sa.select(REFERENCES.c.sha256).where(REFERENCES.c.id == match.reference_id))
    features = dict(match.features)
    return {"listing": listing, "match": shown, "found": True, "features": features, "reference_sha256": sha256}


def differ(one: Document, other: Document) -> bool:
    """Do two documents say different things?"""
    return _lasting(one) != _lasting(other)


def write(connection: sa.Connection, case: Case, found: Document) -> None:
    """Keep `found` as what `case` stands on from its evidence version on, with the pictures it names."""
    values = {"case_pk": case.pk, "version": case.evidence_version, "document": found}
    connection.execute(sa.insert(CASE_EVIDENCE).values(values))
    known = connection.scalars(sa.select(CASE_PICTURES.c.sha256).where(CASE_PICTURES.c.case_pk == case.pk))
    new = sorted(set(pictures(found)) - set(known))
    if new:
        connection.execute(sa.insert(CASE_PICTURES), [{"case_pk": case.pk, "sha256": sha256} for sha256 in new])


def read(connection: sa.Connection, cases: Sequence[Case]) -> dict[int, Document]:
    """What each case stands on now, by the case's primary key."""
    newest = (
        sa.select(CASE_EVIDENCE.c.case_pk, sa.func.max(CASE_EVIDENCE.c.version).label("version"))
        .where(CASE_EVIDENCE.c.case_pk.in_([case.pk for case in cases]))
        .group_by(CASE_EVIDENCE.c.case_pk)
        .subquery()
    )
    is_newest = sa.and_(CASE_EVIDENCE.c.case_pk == newest.c.case_pk, CASE_EVIDENCE.c.version == newest.c.version)
    query = sa.select(CASE_EVIDENCE.c.case_pk, CASE_EVIDENCE.c.document).join(newest, is_newest)
    return {row.case_pk: row.document for row in connection.execute(query)}


def versions(connection: sa.Connection, case: Case) -> dict[int, Document]:
    """Everything a case ever stood on, by the evidence version it began with."""
    query = sa.select(CASE_EVIDENCE.c.version, CASE_EVIDENCE.c.document).where(CASE_EVIDENCE.c.case_pk == case.pk)
    return {row.version: row.document for row in connection.execute(query.order_by(CASE_EVIDENCE.c.version))}


def pictures(found: Document) -> Iterable[str]:
    """The pictures a document names: the listing's, and the reference's."""
    images = (image.get("sha256") for image in found["listing"]["images"])
    return (sha256 for sha256 in (*images, found["reference_sha256"]) if sha256 is not None)


def picture_of(found: Document) -> str | None:
    """The SHA-256 of the listing's picture that the match is in."""
    index = found["match"]["image_index"]
    return next((image.get("sha256") for image in found["listing"]["images"] if image["index"] == index), None)


def _lasting(found: Document) -> Document:
    listing = {name: value for name, value in found["listing"].items() if name not in _VOLATILE}
    images = [(image["index"], image.get("sha256")) for image in listing["images"]]  # a refusal names its request
    return {**found, "listing": {**listing, "images": images}}
