"""Listings in SQL: written in one transaction each, read back whole, erased whole.

Place in the flow: after judging. Judging the same listing again replaces its rows; a match that is found again keeps
its id, and the evidence version counts up. Does not touch the pictures themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa

from indexes.brands import BRANDS
from indexes.database import Database
from indexes.errors import NotFound
from indexes.ids import new_id
from indexes.paging import Page, decode_cursor, encode_cursor
from service.listings.reading import brand_match, brand_matches, images_of, matches_of, result
from service.listings.tables import LISTING_IMAGES, LISTING_MATCHES, LISTINGS
from service.listings.values import BrandMatch, ListingResult
from service.nulls.tables import NULL_SCORES
from service.webhooks import Outbox

_REVISION = sa.text(
    "INSERT INTO counters (name, value) VALUES ('listings', 1) "
    "ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value"
)
Row = dict[str, Any]


class HasCases(Protocol):
    """What listings need of cases: `service.cases.Cases`."""

    def open_for(self, connection: sa.Connection, result: ListingResult) -> Mapping[str, str]:
        """A result is being saved: the case of each match that has one, by match id."""
        ...

    def release_listing(self, connection: sa.Connection, marketplace: str, listing_id: str) -> frozenset[str]:
        """A listing is erased: the pictures that its cases need no more."""
        ...


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written, and the pictures (SHA-256) that the result before it kept."""

    result: ListingResult
    dropped: frozenset[str]


class BrandsGone(Exception):
    """Brands were erased while a listing that matches them was being judged."""

    def __init__(self, brand_ids: frozenset[str]) -> None:
        super().__init__(f"gone: {', '.join(sorted(brand_ids))}")
        self.brand_ids = brand_ids


class ListingStore:
    """The tables `listings`, `listing_images` and `listing_matches`.

    With every result saved `cases` opens those it asks for, and the `outbox` is told.
    """

    def __init__(self, database: Database, outbox: Outbox | None = None, cases: HasCases | None = None) -> None:
        self._database, self._outbox, self._cases = database, outbox, cases

    def save(self, listing: Row, images: Sequence[Row], matches: Sequence[Row], scores: Sequence[Row] = ()) -> Saved:
        """Write the result of one listing, replacing the one before; acknowledged when this returns.

        `BrandsGone`, and nothing is written, when a match names a brand that was erased meanwhile.
        """
        with self._database.write() as connection:
            _hold_brands(connection, {row["brand_id"] for row in (*matches, *scores)})
            pk, is_new = _upsert(connection, listing)
            known, dropped, seen = ({}, frozenset[str](), {}) if is_new else _clear(connection, pk)
            if scores:
                connection.execute(sa.insert(NULL_SCORES), [{**row, "listing_pk": pk} for row in scores])
            if images:
                rows = [{**row, "listing_pk": pk, "first_seen_at": seen.get(row["sha256"])} for row in images]
                connection.execute(sa.insert(LISTING_IMAGES), [_seen_by(row, listing["judged_at"]) for row in rows])
            for row in matches:
                match_id = known.get((row["kind"], row["reference_id"])) or new_id("mat")
                connection.execute(sa.insert(LISTING_MATCHES).values(**row, id=match_id, listing_pk=pk))
            result = _read(connection, [pk])[0]
            if self._cases is not None:
                result = _name_cases(connection, result, self._cases.open_for(connection, result))
            self._announce(connection, result)
        return Saved(result, dropped)

    def _announce(self, connection: sa.Connection, result: ListingResult) -> None:
        if self._outbox is not None:
            slug, decision = result.listing.marketplace, result.decision
            subject = f"{slug}/{result.listing.listing_id}"
            self._outbox.put(connection, "listing.decided", slug, result.as_json, decision=decision, subject=subject)

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


def _hold_brands(connection: sa.Connection, brand_ids: set[str]) -> None:
    """Make sure the brands are there and stay until the transaction ends."""
    held = sa.select(BRANDS.c.id).where(BRANDS.c.id.in_(brand_ids)).with_for_update(read=True, key_share=True)
    if brand_ids and (gone := brand_ids - set(connection.scalars(held))):
        raise BrandsGone(frozenset(gone))


def _named(marketplace: str, listing_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(LISTINGS.c.marketplace == marketplace, LISTINGS.c.listing_id == listing_id)


def _upsert(connection: sa.Connection, listing: Row) -> tuple[int, bool]:
    """The primary key of the listing, and whether it was never here."""
    listing = {**listing, "revision": connection.scalar(_REVISION)}  # its row stays locked until the commit
    changed = {**listing, "evidence_version": LISTINGS.c.evidence_version + 1}
    again = sa.update(LISTINGS).where(_named(listing["marketplace"], listing["listing_id"])).values(**changed)
    pk = connection.scalar(again.returning(LISTINGS.c.pk))
    if pk is not None:
        return int(pk), False
    first = sa.insert(LISTINGS).values(**listing, evidence_version=1)
    return int(connection.execute(first.returning(LISTINGS.c.pk)).scalar_one()), True


def _clear(
    connection: sa.Connection, pk: int
) -> tuple[dict[tuple[str, str], str], frozenset[str], dict[str, datetime]]:
    """Remove what the last result wrote; its matches' ids, the pictures it kept, and when each was first seen."""
    before = _match_ids(connection, pk), _pictures(connection, pk), _first_seen(connection, pk)
    for table in (LISTING_IMAGES, LISTING_MATCHES, NULL_SCORES):
        connection.execute(sa.delete(table).where(table.c.listing_pk == pk))
    return before


def _name_cases(connection: sa.Connection, result: ListingResult, cases: Mapping[str, str]) -> ListingResult:
    """Write which case each match belongs to; the result with it."""
    for match_id, case_id in cases.items():
        named = sa.update(LISTING_MATCHES).where(LISTING_MATCHES.c.id == match_id)
        connection.execute(named.values(case_id=case_id))
    return replace(result, matches=tuple(replace(match, case_id=cases.get(match.id)) for match in result.matches))


def _match_ids(connection: sa.Connection, pk: int) -> dict[tuple[str, str], str]:
    columns = (LISTING_MATCHES.c.kind, LISTING_MATCHES.c.reference_id, LISTING_MATCHES.c.id)
    rows = connection.execute(sa.select(*columns).where(LISTING_MATCHES.c.listing_pk == pk))
    return {(row.kind, row.reference_id): row.id for row in rows}


def _pictures(connection: sa.Connection, pk: int) -> frozenset[str]:
    of_listing = sa.and_(LISTING_IMAGES.c.listing_pk == pk, LISTING_IMAGES.c.kept)
    return frozenset(connection.scalars(sa.select(LISTING_IMAGES.c.sha256).where(of_listing)))


def _first_seen(connection: sa.Connection, pk: int) -> dict[str, datetime]:
    columns = (LISTING_IMAGES.c.sha256, LISTING_IMAGES.c.first_seen_at)
    rows = connection.execute(sa.select(*columns).where(LISTING_IMAGES.c.listing_pk == pk))
    return {row.sha256: row.first_seen_at for row in rows if row.first_seen_at is not None}


def _seen_by(row: Row, at: datetime) -> Row:
    """A picture that is new to the listing is seen now."""
    return row if row["first_seen_at"] is not None else {**row, "first_seen_at": at}


def _read(connection: sa.Connection, pks: Sequence[int]) -> list[ListingResult]:
    rows = {row.pk: row for row in connection.execute(sa.select(LISTINGS).where(LISTINGS.c.pk.in_(pks)))}
    images, matches = images_of(connection, pks), matches_of(connection, pks)
    return [result(rows[pk], images.get(pk, []), matches.get(pk, [])) for pk in pks]
