"""What people say about matches, kept for training. Owns the reading and writing of the table `verdicts`."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from indexes.database import Database, utc_now
from indexes.errors import NotFound
from indexes.ids import new_id
from indexes.paging import Page, decode_cursor, encode_cursor
from service.listings.tables import LISTING_IMAGES, LISTING_MATCHES, LISTINGS, VERDICTS
from service.listings.values import Verdict, VerdictWord

_COLUMNS = tuple(VERDICTS.c[field.name] for field in dataclasses.fields(Verdict))
_OF_MATCH = ("image_index", "kind", "brand_id", "reference_id", "confidence", "score")
_OF_LISTING = ("marketplace", "listing_id", "space", "calibration")


class Verdicts:
    """Verdicts on matches. They stay when the listing goes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        marketplace: str,
        listing_id: str,
        match_id: str,
        verdict: VerdictWord,
        *,
        note: str | None,
        given_by: str,
    ) -> Verdict:
        """Record a verdict on a match of the listing's last result; `NotFound` when it has no such match."""
        said = {"id": new_id("ver"), "match_id": match_id, "verdict": verdict, "note": note, "given_by": given_by}
        with self._database.write() as connection:
            row = connection.execute(_match(marketplace, listing_id, match_id)).one_or_none()
            if row is None:
                raise NotFound("The listing has no such match.")
            return _insert(connection, {**row._mapping, **said, "created_at": utc_now()})

    def list(
        self,
        *,
        marketplace: str | None = None,
        since: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Verdict]:
        """Verdicts in the order they were given."""
        query = sa.select(*_COLUMNS).order_by(VERDICTS.c.pk).limit(limit + 1)
        if marketplace is not None:
            query = query.where(VERDICTS.c.marketplace == marketplace)
        if since is not None:
            query = query.where(VERDICTS.c.created_at >= since)
        if cursor is not None:
            query = query.where(VERDICTS.c.pk > decode_cursor(cursor))
        with self._database.read() as connection:
            found = [Verdict(**row._mapping) for row in connection.execute(query)]
        return Page(found[:limit], encode_cursor(found[limit - 1].pk) if len(found) > limit else None)


def record(connection: sa.Connection, **values: Any) -> Verdict:
    """Write a verdict whose every field but its id is known, in the caller's transaction."""
    return _insert(connection, {**values, "id": new_id("ver")})


def _insert(connection: sa.Connection, values: dict[str, Any]) -> Verdict:
    made = connection.execute(sa.insert(VERDICTS).values(**values).returning(*_COLUMNS)).one()
    return Verdict(**made._mapping)


def _match(marketplace: str, listing_id: str, match_id: str) -> sa.Select[Any]:
    picture = sa.and_(
        LISTING_IMAGES.c.listing_pk == LISTING_MATCHES.c.listing_pk,
        LISTING_IMAGES.c.position == LISTING_MATCHES.c.image_index,
    )
    return (
        sa.select(
            *(LISTING_MATCHES.c[name] for name in _OF_MATCH),
            *(LISTINGS.c[name] for name in _OF_LISTING),
            LISTING_IMAGES.c.sha256.label("image_sha256"),
        )
        .select_from(LISTING_MATCHES)
        .join(LISTINGS, LISTINGS.c.pk == LISTING_MATCHES.c.listing_pk)
        .outerjoin(LISTING_IMAGES, picture)
        .where(
            LISTING_MATCHES.c.id == match_id,
            LISTINGS.c.marketplace == marketplace,
            LISTINGS.c.listing_id == listing_id,
        )
    )
