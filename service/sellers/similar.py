"""Who shares near-identical pictures with a seller: read from SQL, step by step from seller to picture to seller.

A picture that more than `cap` sellers show is stock and joins nobody. Within a marketplace only its own sellers are
seen; who asks for all of them is told of other marketplaces too, which is for operators alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from service.listings.tables import LISTINGS
from service.sellers.tables import SELLER_PICTURES, SELLERS
from service.sellers.values import Seller

MOST: Final = 100
"""Sellers of a cluster that are shown."""
_STEPS: Final = 4
_EVIDENCE: Final = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture in a listing."""

    listing_id: str
    image_index: int
    sha256: str
    similarity: float

    def as_json(self) -> dict[str, Any]:
        """As the interface shows it."""
        same = ("listing_id", "image_index", "sha256")
        return {**{name: getattr(self, name) for name in same}, "similarity": round(self.similarity, 4)}


@dataclass(frozen=True, slots=True)
class Similar:
    """A seller of the same cluster: `via` is who it shares pictures with, `evidence` pairs of both."""

    seller: Seller
    via: Seller
    shared: int
    evidence: tuple[tuple[Shown, Shown], ...]

    def as_json(self) -> dict[str, Any]:
        """As the interface shows it."""
        pairs = [{"theirs": theirs.as_json(), "its": its.as_json()} for theirs, its in self.evidence]
        return {
            "marketplace": self.seller.marketplace,
            "seller_id": self.seller.seller_id,
            "via": {"marketplace": self.via.marketplace, "seller_id": self.via.seller_id},
            "shared_pictures": self.shared,
            "evidence": pairs,
        }


def cluster(connection: sa.Connection, seller: Seller, *, cap: int, everywhere: bool) -> list[Similar]:
    """The other sellers of the seller's cluster, nearest first; at most `MOST`."""
    reached: dict[int, Seller] = {seller.pk: seller}
    found: list[Similar] = []
    frontier = [seller]
    for _ in range(_STEPS):
        if not frontier or len(found) >= MOST:
            break
        of_frontier = _sharing(connection, frontier, cap, None if everywhere else seller.marketplace)
        step = [one for one in of_frontier if one.seller.pk not in reached]
        fresh = {one.seller.pk: one for one in reversed(step)}
        reached |= {pk: one.seller for pk, one in fresh.items()}
        ordered = sorted(fresh.values(), key=lambda one: (-one.shared, one.seller.seller_id))
        found += ordered
        frontier = [one.seller for one in ordered][:MOST]
    return found[:MOST]


def _sharing(
    connection: sa.Connection, sellers: Collection[Seller], cap: int, marketplace: str | None
) -> list[Similar]:
    """Whoever shares a picture with one of `sellers`."""
    mine = sa.select(SELLER_PICTURES.c.picture).where(SELLER_PICTURES.c.seller_pk.in_([one.pk for one in sellers]))
    sellers_of = sa.func.count(sa.distinct(SELLER_PICTURES.c.seller_pk))
    telling = sa.select(SELLER_PICTURES.c.picture).where(SELLER_PICTURES.c.picture.in_(mine))
    telling = telling.group_by(SELLER_PICTURES.c.picture).having(sellers_of.between(2, cap))
    columns = (SELLER_PICTURES, SELLERS.c.marketplace, SELLERS.c.seller_id, LISTINGS.c.listing_id)
    query = (
        sa.select(*columns)
        .join(SELLERS, SELLERS.c.pk == SELLER_PICTURES.c.seller_pk)
        .join(LISTINGS, LISTINGS.c.pk == SELLER_PICTURES.c.listing_pk)
        .where(SELLER_PICTURES.c.picture.in_(telling))
    )
    if marketplace is not None:
        query = query.where(SELLERS.c.marketplace == marketplace)
    rows = connection.execute(query.order_by(SELLER_PICTURES.c.pk).limit(MOST * 50)).all()
    return _paired(rows, {one.pk: one for one in sellers})


def _paired(rows: Collection[Any], askers: dict[int, Seller]) -> list[Similar]:
    by_picture: dict[str, dict[int, Any]] = defaultdict(dict)
    for row in rows:
        by_picture[row.picture].setdefault(row.seller_pk, row)
    pairs: dict[tuple[int, int], list[tuple[Any, Any]]] = defaultdict(list)
    for shown in by_picture.values():
        for mine in shown.keys() & askers.keys():
            for other in shown.keys() - {mine}:
                pairs[mine, other].append((shown[mine], shown[other]))
    return [
        Similar(
            Seller(other, entries[0][1].marketplace, entries[0][1].seller_id),
            askers[mine],
            len(entries),
            tuple((_shown(theirs), _shown(its)) for theirs, its in entries[:_EVIDENCE]),
        )
        for (mine, other), entries in pairs.items()
    ]


def _shown(row: Any) -> Shown:
    return Shown(row.listing_id, row.position, row.sha256, row.similarity)
