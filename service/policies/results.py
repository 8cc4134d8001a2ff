"""Stored results read again: the matches of a brand as they were ruled on, with what is known of their listings.

Place in the flow: under a replay. Newest first and in blocks, only the columns that a ruling looks at. Reads the
tables of listings and writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

import sqlalchemy as sa

from service.authorised import ListingFacts
from service.authorised.tables import NEGATIVES
from service.listings.tables import LISTING_IMAGES, LISTING_MATCHES, LISTINGS, VERDICTS
from service.policies.decisions import Decision
from service.policies.ruling import Claim

Places: TypeAlias = Mapping[str, tuple[str, ...]]
_BLOCK: Final = 5_000
_OF_MATCH = ("pk", "id", "listing_pk", "image_index", "kind", "confidence", "decision", "suppressed_by", "negative_id")
_OF_LISTING = (
    "marketplace",
    "listing_id",
    "seller_id",
    "url",
    "gtin",
    "category",
    "price_amount",
    "price_currency",
    "judged_at",
)


class StoredResult(NamedTuple):
    """One match as it stands. No dataclass: a replay makes a hundred thousand."""

    match_id: str
    listing_pk: int
    listing_id: str
    judged_at: datetime
    decision: Decision
    suppressed_by: str | None
    facts: ListingFacts
    claim: Claim


def stored_results(connection: sa.Connection, brand_id: str, most: int, places: Places) -> Iterator[StoredResult]:
    """The newest `most` matches of a brand, those that nobody was told of among them.

    `places` are the territories of each marketplace, for listings that name none.
    """
    query = (
        sa.select(
            *(LISTING_MATCHES.c[name] for name in _OF_MATCH),
            *(LISTINGS.c[name] for name in _OF_LISTING),
            sa.cast(LISTINGS.c.territories, sa.Text),
        )
        .join(LISTINGS, LISTINGS.c.pk == LISTING_MATCHES.c.listing_pk)
        .where(LISTING_MATCHES.c.brand_id == brand_id)
        .order_by(LISTING_MATCHES.c.pk.desc())
    )
    harmless = _Harmless.read(connection, brand_id)
    left, after = most, None
    while left > 0:
        block = query if after is None else query.where(LISTING_MATCHES.c.pk < after)
        rows = connection.execute(block.limit(min(left, _BLOCK))).all()
        yield from (_result(brand_id, row, harmless, places) for row in rows)
        if len(rows) < _BLOCK:
            return
        left, after = left - len(rows), rows[-1].pk


def verdicts_of(connection: sa.Connection, brand_id: str) -> dict[str, str]:
    """The last verdict on each match of a brand that has one."""
    query = sa.select(VERDICTS.c.match_id, VERDICTS.c.verdict).where(VERDICTS.c.brand_id == brand_id)
    return {row.match_id: row.verdict for row in connection.execute(query.order_by(VERDICTS.c.pk))}


@dataclass(frozen=True, slots=True)
class _Harmless:
    """The harmless pictures a brand has now, and the pictures of listings that are the very same file."""

    ids: frozenset[str]
    pictures: dict[tuple[int, int], str]

    @classmethod
    def read(cls, connection: sa.Connection, brand_id: str) -> _Harmless:
        mine = NEGATIVES.c.brand_id == brand_id
        ids = frozenset(connection.scalars(sa.select(NEGATIVES.c.id).where(mine)))
        same = sa.select(LISTING_IMAGES.c.listing_pk, LISTING_IMAGES.c.position, NEGATIVES.c.id)
        same = same.join(NEGATIVES, NEGATIVES.c.sha256 == LISTING_IMAGES.c.sha256).where(mine)
        rows = connection.execute(same) if ids else ()
        return cls(ids, {(row.listing_pk, row.position): row.id for row in rows})

    def find(self, listing_pk: int, image_index: int, negative_id: str | None) -> str | None:
        """The one that a match was found in: as when it was judged, or by the file."""
        if not self.ids:
            return None
        return negative_id if negative_id in self.ids else self.pictures.get((listing_pk, image_index))


@lru_cache(10_000)
def _territories(written: str) -> tuple[str, ...]:
    """As they stand in the row; most listings name the same few."""
    return tuple(json.loads(written))


def _result(brand_id: str, row: Any, harmless: _Harmless, places: Places) -> StoredResult:
    # unpacked at once, in the order of the columns above: asking a row by name takes as long as the ruling
    _, match_id, listing_pk, image_index, kind, confidence, decision, suppressed_by, negative_id, *listing = row
    marketplace, listing_id, seller_id, url, gtin, category, amount, currency, judged_at, territories = listing
    facts = ListingFacts(
        marketplace,
        seller_id,
        url,
        gtin,
        category,
        None if amount is None else Decimal(amount),
        currency,
        _territories(territories) or places.get(marketplace, ()),
    )
    claim = Claim(brand_id, kind, confidence, harmless.find(listing_pk, image_index, negative_id))
    return StoredResult(match_id, listing_pk, listing_id, judged_at, decision, suppressed_by, facts, claim)
