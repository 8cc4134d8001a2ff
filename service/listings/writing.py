"""The rows of judged listings, written for a group of them at once in the caller's transaction.

Place in the flow: under `service.listings.store`, which gathers the listings of concurrent requests. Statements are for
the group where they can be, so that a clean listing that is new costs its share of five. Only cases are seen to one by
one, where there are any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Protocol, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from indexes.brands import BRANDS
from indexes.ids import new_id
from service.listings.reading import matches_of, result
from service.listings.tables import LISTING_IMAGES, LISTING_MATCHES, LISTINGS
from service.listings.values import ImageResult, ListingResult
from service.nulls.tables import NULL_SCORES
from service.webhooks import Message, Outbox

Row: TypeAlias = dict[str, Any]
Name: TypeAlias = tuple[str, str]
"""Marketplace and listing id."""

_REVISIONS = sa.text(
    "INSERT INTO counters (name, value) VALUES ('listings', :count) "
    "ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value"
)
_OWN = frozenset({"pk", "marketplace", "listing_id", "evidence_version"})
"""Columns of a listing that a new result does not replace."""
_ABSENT = {column.name: None for column in LISTINGS.c}
_INSERTS = tuple(sa.insert(table) for table in (NULL_SCORES, LISTING_IMAGES, LISTING_MATCHES))
_SHOWN_OF_IMAGE = ("width", "height", "sha256", "problem")


class HasCases(Protocol):
    """What listings need of cases: `service.cases.Cases`."""

    def open_for(self, connection: sa.Connection, result: ListingResult) -> Mapping[str, str]:
        """A result is being saved: the case of each match that has one, by match id."""
        ...

    def among(self, connection: sa.Connection, names: Collection[Name]) -> Collection[Name]:
        """Those of the listings (marketplace, listing id) that have a case."""
        ...

    def release_listing(self, connection: sa.Connection, marketplace: str, listing_id: str) -> frozenset[str]:
        """A listing is erased: the pictures that its cases need no more."""
        ...


class BrandsGone(Exception):
    """Brands were erased while a listing that matches them was being judged."""

    def __init__(self, brand_ids: frozenset[str]) -> None:
        super().__init__(f"gone: {', '.join(sorted(brand_ids))}")
        self.brand_ids = brand_ids


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one judged listing."""

    listing: Row
    images: Sequence[Row]
    matches: Sequence[Row]
    scores: Sequence[Row]

    @property
    def name(self) -> Name:
        """What the listing is called."""
        return self.listing["marketplace"], self.listing["listing_id"]

    @property
    def brand_ids(self) -> set[str]:
        """The brands that its rows name."""
        return {row["brand_id"] for row in (*self.matches, *self.scores)}


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written, and the pictures (SHA-256) that the result before it kept."""

    result: ListingResult
    dropped: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Before:
    """What is carried over from the result before: its matches' ids, and when each picture was first seen."""

    match_ids: dict[tuple[str, str], str]
    pictures: frozenset[str]
    seen: dict[str, datetime]


_NOTHING = _Before({}, frozenset(), {})


class ListingWriter:
    """Writes groups of listings, no listing twice in one. With every result `cases` opens those it asks for, and the
    `outbox` is told."""

    def __init__(self, outbox: Outbox | None, cases: HasCases | None) -> None:
        self._outbox, self._cases = outbox, cases

    def write(self, connection: sa.Connection, group: Sequence[Rows]) -> list[Saved]:
        """Write the listings of `group`; `BrandsGone` when one names a brand that was erased meanwhile."""
        _hold_brands(connection, set().union(*(rows.brand_ids for rows in group)))
        pks, versions = _upsert(connection, group)
        before = _clear(connection, [pk for pk, version in zip(pks, versions, strict=True) if version > 1])
        _insert(connection, group, pks, before)
        results = self._with_cases(connection, _results(connection, group, pks, versions))
        self._announce(connection, results)
        dropped = (before.get(pk, _NOTHING).pictures for pk in pks)
        return [Saved(result, pictures) for result, pictures in zip(results, dropped, strict=True)]

    def _with_cases(self, connection: sa.Connection, results: Sequence[ListingResult]) -> list[ListingResult]:
        if self._cases is None:
            return list(results)
        having = self._cases.among(connection, [_name(result) for result in results if not result.matches])
        return [
            _name_cases(connection, result, self._cases.open_for(connection, result))
            if result.matches or _name(result) in having
            else result
            for result in results
        ]

    def _announce(self, connection: sa.Connection, results: Sequence[ListingResult]) -> None:
        if self._outbox is not None:
            told = (Message(r.listing.marketplace, r.as_json, r.decision, "/".join(_name(r))) for r in results)
            self._outbox.put_each(connection, "listing.decided", told)


def _name(result: ListingResult) -> Name:
    return result.listing.marketplace, result.listing.listing_id


def _hold_brands(connection: sa.Connection, brand_ids: set[str]) -> None:
    """Make sure the brands are there and stay until the transaction ends."""
    held = sa.select(BRANDS.c.id).where(BRANDS.c.id.in_(brand_ids)).with_for_update(read=True, key_share=True)
    if brand_ids and (gone := brand_ids - set(connection.scalars(held.order_by(BRANDS.c.id)))):
        raise BrandsGone(frozenset(gone))


def _upsert(connection: sa.Connection, group: Sequence[Rows]) -> tuple[list[int], list[int]]:
    """The primary key of each listing, and which version of its evidence this is; 1 is a listing that is new."""
    last = connection.execute(_REVISIONS, {"count": len(group)}).scalar_one()  # its row stays locked until the commit
    first = last - len(group) + 1
    values = [{**rows.listing, "revision": first + number, "evidence_version": 1} for number, rows in enumerate(group)]
    found = connection.execute(_UPSERTS[connection.dialect.name], values)
    written = {(row.marketplace, row.listing_id): (row.pk, row.evidence_version) for row in found}
    pairs = [written[rows.name] for rows in group]
    return [pk for pk, _ in pairs], [version for _, version in pairs]


def _upserting(insert: Any) -> sa.UpdateBase:
    """The statement in the dialect of `insert`."""
    added = insert(LISTINGS)
    replaced = {column.name: added.excluded[column.name] for column in LISTINGS.c if column.name not in _OWN}
    columns = (LISTINGS.c[name] for name in ("pk", "marketplace", "listing_id", "evidence_version"))
    again = added.on_conflict_do_update(
        index_elements=["marketplace", "listing_id"],
        set_={**replaced, "evidence_version": LISTINGS.c.evidence_version + 1},
    )
    statement: sa.UpdateBase = again.returning(*columns)
    return statement


_UPSERTS = {"sqlite": _upserting(sqlite.insert), "postgresql": _upserting(postgresql.insert)}


def _clear(connection: sa.Connection, pks: Sequence[int]) -> dict[int, _Before]:
    """Remove what the results before wrote for the listings `pks`; what is carried over of each."""
    if not pks:
        return {}
    matches, images = LISTING_MATCHES.c, LISTING_IMAGES.c
    match_ids: dict[int, dict[tuple[str, str], str]] = defaultdict(dict)
    named = sa.select(matches.listing_pk, matches.kind, matches.reference_id, matches.id)
    for row in connection.execute(named.where(matches.listing_pk.in_(pks))):
        match_ids[row.listing_pk][row.kind, row.reference_id] = row.id
    pictures: dict[int, set[str]] = defaultdict(set)
    seen: dict[int, dict[str, datetime]] = defaultdict(dict)
    shown = sa.select(images.listing_pk, images.sha256, images.kept, images.first_seen_at)
    for row in connection.execute(shown.where(images.listing_pk.in_(pks), images.sha256.is_not(None))):
        if row.kept:
            pictures[row.listing_pk].add(row.sha256)
        if row.first_seen_at is not None:
            seen[row.listing_pk][row.sha256] = row.first_seen_at
    for table in (LISTING_IMAGES, LISTING_MATCHES, NULL_SCORES):
        connection.execute(sa.delete(table).where(table.c.listing_pk.in_(pks)))
    return {pk: _Before(match_ids[pk], frozenset(pictures[pk]), seen[pk]) for pk in pks}


def _insert(
    connection: sa.Connection, group: Sequence[Rows], pks: Sequence[int], before: Mapping[int, _Before]
) -> None:
    """Scores, pictures and matches."""
    scores: list[Row] = []
    images: list[Row] = []
    matches: list[Row] = []
    for rows, pk in zip(group, pks, strict=True):
        known, now = before.get(pk, _NOTHING), rows.listing["judged_at"]
        scores += ({**row, "listing_pk": pk} for row in rows.scores)
        images += (
            {**row, "listing_pk": pk, "first_seen_at": known.seen.get(row["sha256"], now)} for row in rows.images
        )
        matches += (
            {**row, "listing_pk": pk, "id": known.match_ids.get((row["kind"], row["reference_id"])) or new_id("mat")}
            for row in rows.matches
        )
    for statement, values in zip(_INSERTS, (scores, images, matches), strict=True):
        if values:
            connection.execute(statement, values)


def _results(
    connection: sa.Connection, group: Sequence[Rows], pks: Sequence[int], versions: Sequence[int]
) -> list[ListingResult]:
    """What was written, as it would be read; matches are read, since only the database knows their brands' names."""
    matched = [pk for rows, pk in zip(group, pks, strict=True) if rows.matches]
    matches = matches_of(connection, matched) if matched else {}
    return [
        result(_row_of(rows.listing, version), list(map(_image_of, rows.images)), matches.get(pk, []))
        for rows, pk, version in zip(group, pks, versions, strict=True)
    ]


def _row_of(listing: Row, version: int) -> SimpleNamespace:
    row = {**_ABSENT, **listing, "evidence_version": version}
    if row["listed_at"] is not None:
        row["listed_at"] = row["listed_at"].astimezone(UTC)
    return SimpleNamespace(**row)


def _image_of(row: Row) -> ImageResult:
    return ImageResult(row["position"], *(row[name] for name in _SHOWN_OF_IMAGE))


def _name_cases(connection: sa.Connection, result: ListingResult, cases: Mapping[str, str]) -> ListingResult:
    """Write which case each match belongs to; the result with it."""
    for match_id, case_id in cases.items():
        named = sa.update(LISTING_MATCHES).where(LISTING_MATCHES.c.id == match_id)
        connection.execute(named.values(case_id=case_id))
    return replace(result, matches=tuple(replace(match, case_id=cases.get(match.id)) for match in result.matches))
