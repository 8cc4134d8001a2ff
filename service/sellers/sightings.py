"""Pictures of sellers in SQL: which were seen since, which first picture each one shows, and who shares one.

A picture is known by the first one like it, its leader: pictures that are near-identical carry the leader's SHA-256.
Everything is compared with leaders alone, so that likeness does not creep along a chain of pictures.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from indexes.changes import COUNTERS
from service.listings.tables import LISTING_IMAGES, LISTINGS
from service.listings.vectors import unpack_whole
from service.sellers.tables import SELLER_PICTURES, SELLERS
from vision.embedding import Vectors

_LISTED_AGAIN: Final = 10  # listings that show a leader anew, for each that is looked for
CURSOR: Final = "sellers_clustered"
"""Name of the counter that tells up to which revision listings were looked at."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A picture in a listing of a seller, with the vector of the whole picture."""

    listing_pk: int
    position: int
    marketplace: str
    seller_id: str
    sha256: str
    space: str
    vector: Vectors


@dataclass(frozen=True, slots=True)
class Placed:
    """A sighting and the first picture like it."""

    sighting: Sighting
    picture: str
    similarity: float


def cursor(connection: sa.Connection) -> int:
    """The revision up to which listings were looked at."""
    return connection.scalar(sa.select(COUNTERS.c.value).where(COUNTERS.c.name == CURSOR)) or 0


def advance(connection: sa.Connection, before: int, after: int) -> bool:
    """Move on from `before`; False when another process did."""
    named = COUNTERS.c.name == CURSOR
    moved = sa.update(COUNTERS).where(named, COUNTERS.c.value == before).values(value=after)
    if connection.execute(moved).rowcount:
        return True
    if before or connection.scalar(sa.select(sa.literal(1)).where(sa.exists().where(named))):
        return False
    connection.execute(sa.insert(COUNTERS).values(name=CURSOR, value=after))
    return True


def seen_since(connection: sa.Connection, revision: int, limit: int) -> tuple[int, list[Sighting]]:
    """Pictures of the next `limit` listings after `revision`, and the revision of the last of these."""
    after = sa.select(LISTINGS.c.pk, LISTINGS.c.revision).where(LISTINGS.c.revision > revision)
    due = connection.execute(after.order_by(LISTINGS.c.revision).limit(limit)).all()
    if not due:
        return revision, []
    columns = (LISTINGS.c.marketplace, LISTINGS.c.seller_id, LISTINGS.c.space, *_IMAGE)
    query = sa.select(*columns).join(LISTING_IMAGES, LISTING_IMAGES.c.listing_pk == LISTINGS.c.pk)
    query = query.where(LISTINGS.c.pk.in_([row.pk for row in due]), *_USABLE)
    rows = connection.execute(query.order_by(LISTINGS.c.revision, LISTING_IMAGES.c.position))
    return due[-1].revision, [found for row in rows if (found := _sighting(row)) is not None]


def leaders_since(connection: sa.Connection, pk: int, space: str, limit: int) -> list[tuple[int, str, Vectors]]:
    """The last `limit` leaders of `space` after `pk`, oldest first: primary key, SHA-256, vector."""
    still_shown = sa.and_(  # a listing that was judged again may show another picture by now
        LISTING_IMAGES.c.listing_pk == SELLER_PICTURES.c.listing_pk,
        LISTING_IMAGES.c.position == SELLER_PICTURES.c.position,
        LISTING_IMAGES.c.sha256 == SELLER_PICTURES.c.sha256,
    )
    leading = sa.select(SELLER_PICTURES.c.pk, SELLER_PICTURES.c.picture).join(LISTING_IMAGES, still_shown)
    leading = leading.where(SELLER_PICTURES.c.pk > pk, SELLER_PICTURES.c.space == space)
    leading = leading.where(SELLER_PICTURES.c.picture == SELLER_PICTURES.c.sha256)
    last = leading.order_by(SELLER_PICTURES.c.pk.desc()).limit(limit * _LISTED_AGAIN).subquery()
    once = sa.select(sa.func.max(last.c.pk)).group_by(last.c.picture)
    columns = (
        SELLER_PICTURES.c.pk,
        SELLER_PICTURES.c.picture,
        LISTING_IMAGES.c.photo_vectors,
        LISTING_IMAGES.c.regions,
    )
    query = sa.select(*columns).join(LISTING_IMAGES, still_shown).where(SELLER_PICTURES.c.pk.in_(once))
    query = query.where(LISTING_IMAGES.c.photo_vectors.is_not(None))
    rows = connection.execute(query.order_by(SELLER_PICTURES.c.pk.desc()).limit(limit)).all()
    found = ((row.pk, row.picture, unpack_whole(row.photo_vectors, row.regions)) for row in reversed(rows))
    return [(key, sha256, vector) for key, sha256, vector in found if vector is not None]


def known(connection: sa.Connection, sha256s: Collection[str]) -> dict[str, str]:
    """The leader of each of `sha256s` that was seen before."""
    query = sa.select(SELLER_PICTURES.c.sha256, sa.func.min(SELLER_PICTURES.c.picture))
    named = SELLER_PICTURES.c.sha256.in_(sha256s)
    return {row[0]: row[1] for row in connection.execute(query.where(named).group_by(SELLER_PICTURES.c.sha256))}


def crowded(connection: sa.Connection, pictures: Collection[str], cap: int) -> frozenset[str]:
    """Those of `pictures` that more than `cap` sellers show already: stock, which says nothing of who sells it."""
    query = sa.select(SELLER_PICTURES.c.picture).where(SELLER_PICTURES.c.picture.in_(pictures))
    query = query.group_by(SELLER_PICTURES.c.picture).having(cap < _SELLERS)
    return frozenset(connection.scalars(query))


def still_there(connection: sa.Connection, listing_pks: Collection[int]) -> frozenset[int]:
    """Those listings that were not erased meanwhile, held until the transaction ends."""
    query = sa.select(LISTINGS.c.pk).where(LISTINGS.c.pk.in_(listing_pks)).order_by(LISTINGS.c.pk)
    return frozenset(connection.scalars(query.with_for_update(read=True, key_share=True)))


def keys_of(
    connection: sa.Connection, sellers: Collection[tuple[str, str]], now: datetime
) -> dict[tuple[str, str], int]:
    """The primary key of each seller, made where it is new."""
    named = sa.tuple_(SELLERS.c.marketplace, SELLERS.c.seller_id)
    query = sa.select(SELLERS.c.pk, SELLERS.c.marketplace, SELLERS.c.seller_id).where(named.in_(sorted(sellers)))
    found = {(row.marketplace, row.seller_id): row.pk for row in connection.execute(query)}
    for marketplace, seller_id in sorted(set(sellers) - set(found)):
        row = sa.text(_NEW_SELLER).bindparams(sa.bindparam("now", now, SELLERS.c.seen_at.type))
        connection.execute(row, {"marketplace": marketplace, "seller_id": seller_id})
    if len(found) < len(set(sellers)):
        found = {(row.marketplace, row.seller_id): row.pk for row in connection.execute(query)}
    return found


def write(connection: sa.Connection, placed: Sequence[Placed], keys: dict[tuple[str, str], int], now: datetime) -> None:
    """Replace what is known of the pictures of these listings."""
    listings = {one.sighting.listing_pk for one in placed}
    connection.execute(sa.delete(SELLER_PICTURES).where(SELLER_PICTURES.c.listing_pk.in_(listings)))
    rows = [
        {
            "listing_pk": one.sighting.listing_pk,
            "position": one.sighting.position,
            "seller_pk": keys[one.sighting.marketplace, one.sighting.seller_id],
            "sha256": one.sighting.sha256,
            "picture": one.picture,
            "similarity": one.similarity,
            "space": one.sighting.space,
            "seen_at": now,
        }
        for one in placed
    ]
    if rows:
        connection.execute(sa.insert(SELLER_PICTURES), rows)


_SELLERS: Final = sa.func.count(sa.distinct(SELLER_PICTURES.c.seller_pk))
_IMAGE: Final = tuple(
    LISTING_IMAGES.c[name] for name in ("listing_pk", "position", "sha256", "photo_vectors", "regions")
)
_USABLE: Final = (
    LISTINGS.c.seller_id.is_not(None),
    LISTING_IMAGES.c.sha256.is_not(None),
    LISTING_IMAGES.c.photo_vectors.is_not(None),
)
_NEW_SELLER: Final = (
    "INSERT INTO sellers (marketplace, seller_id, seen_at) VALUES (:marketplace, :seller_id, :now) "
    "ON CONFLICT (marketplace, seller_id) DO NOTHING"
)


def _sighting(row: Any) -> Sighting | None:
    vector = unpack_whole(row.photo_vectors, row.regions)
    if vector is None:
        return None
    return Sighting(row.listing_pk, row.position, row.marketplace, row.seller_id, row.sha256, row.space, vector)
