"""Listings in SQL: written in one transaction with those that come at the same time, read back whole, erased whole.

Place in the flow: after judging; `service.listings.writing` has the statements that write. Judging the same listing
again replaces its rows; a match that is found again keeps its id, and the evidence version counts up. Does not touch
the pictures themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from indexes.database import Database
from indexes.errors import NotFound
from indexes.grouping import GroupedWrites
from indexes.paging import Page, decode_cursor, encode_cursor
from service.listings.reading import brand_match, brand_matches, images_of, matches_of, result
from service.listings.tables import LISTING_IMAGES, LISTINGS
from service.listings.values import BrandMatch, ListingResult
from service.listings.writing import HasCases, ListingWriter, Row, Rows, Saved
from service.webhooks import Outbox

_APART: Final = 0.02
"""Seconds between two commits while listings come together: more of them share what a transaction costs, and nobody
waits longer than a person could notice."""


class ListingStore:
    """The tables `listings`, `listing_images` and `listing_matches`.

    With every result saved `cases` opens those it asks for, and the `outbox` is told.
    """

    def __init__(self, database: Database, outbox: Outbox | None = None, cases: HasCases | None = None) -> None:
        self._database, self._outbox, self._cases = database, outbox, cases
        self._writes = GroupedWrites(database, ListingWriter(outbox, cases).write, lambda rows: rows.name, apart=_APART)

    def save(self, listing: Row, images: Sequence[Row], matches: Sequence[Row], scores: Sequence[Row] = ()) -> Saved:
        """Write the result of one listing, replacing the one before; acknowledged when this returns.

        Listings that are saved at the same time share a transaction, and none of them the failure of another.
        `BrandsGone`, and nothing is written, when a match names a brand that was erased meanwhile.
        """
        return self._writes.write(Rows(listing, images, matches, scores))

    def get(self, marketplace: str, listing_id: str) -> ListingResult:
        """The last result; `NotFound`."""
        with self._database.read() as connection:
            pk = connection.scalar(sa.select(LISTINGS.c.pk).where(_named(marketplace, listing_id)))
            if pk is None:
                raise NotFound("There is no such listing.")
            return _read(connection, [pk])[0]

    def list(
        self,
        *,
        marketplace: str | None = None,
        decision: str | None = None,
        since: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[ListingResult]:
        """Results in the order they were judged; one judged again comes again, so that polling misses nothing."""
        query = sa.select(LISTINGS.c.pk, LISTINGS.c.revision).order_by(LISTINGS.c.revision).limit(limit + 1)
        if marketplace is not None:
            query = query.where(LISTINGS.c.marketplace == marketplace)
        if decision is not None:
            query = query.where(LISTINGS.c.decision == decision)
        if since is not None:
            query = query.where(LISTINGS.c.judged_at >= since)
        if cursor is not None:
            query = query.where(LISTINGS.c.revision > decode_cursor(cursor))
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            items = _read(connection, [row.pk for row in rows[:limit]])
        return Page(items, encode_cursor(rows[limit - 1].revision) if len(rows) > limit else None)

    def matches_of_brand(self, brand_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[BrandMatch]:
        """What was found for a brand, newest first."""
        with self._database.read() as connection:
            found = [brand_match(row) for row in connection.execute(brand_matches(brand_id, limit + 1, cursor))]
        return Page(found[:limit], encode_cursor(found[limit - 1].pk) if len(found) > limit else None)

    def delete(self, marketplace: str, listing_id: str, *, judged_at: datetime | None = None) -> frozenset[str]:
        """Erase a listing with its images, vectors and matches; `NotFound`. Returns the pictures it let go of.

        With `judged_at` only when that is when it was last judged.
        """
        query = sa.select(LISTINGS.c.pk).where(_named(marketplace, listing_id))
        if judged_at is not None:
            query = query.where(LISTINGS.c.judged_at == judged_at)
        with self._database.write() as connection:
            pk = connection.scalar(query.with_for_update())
            if pk is None:
                raise NotFound("There is no such listing.")
            pictures = _pictures(connection, pk)
            connection.execute(sa.delete(LISTINGS).where(LISTINGS.c.pk == pk))
            if self._outbox is not None:
                self._outbox.forget(connection, f"{marketplace}/{listing_id}")
            if self._cases is not None:
                pictures |= self._cases.release_listing(connection, marketplace, listing_id)
        return pictures


def _named(marketplace: str, listing_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(LISTINGS.c.marketplace == marketplace, LISTINGS.c.listing_id == listing_id)


def _pictures(connection: sa.Connection, pk: int) -> frozenset[str]:
    of_listing = sa.and_(LISTING_IMAGES.c.listing_pk == pk, LISTING_IMAGES.c.kept)
    return frozenset(connection.scalars(sa.select(LISTING_IMAGES.c.sha256).where(of_listing)))


def _read(connection: sa.Connection, pks: Sequence[int]) -> list[ListingResult]:
    rows = {row.pk: row for row in connection.execute(sa.select(LISTINGS).where(LISTINGS.c.pk.in_(pks)))}
    images, matches = images_of(connection, pks), matches_of(connection, pks)
    return [result(rows[pk], images.get(pk, []), matches.get(pk, [])) for pk in pks]
