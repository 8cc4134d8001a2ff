"""What candidates found in shadow, in SQL: added to by every process, read by operators.

Owns every statement on the `shadow_*` tables. An example goes with its listing and a brand's figures with the brand,
by the database's own cascade, so an erasure reaches them. It judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from indexes.brands import BRANDS
from indexes.database import Database
from service.listings.tables import LISTINGS
from service.spaces.comparing import Compared, Tally
from service.spaces.tables import SHADOW_BRANDS, SHADOW_CHANGES, SHADOW_EXAMPLES, SHADOW_TOTALS, SPACES

EXAMPLES: Final = 200
"""Kept for a space; the newest."""
_TOTALS: Final = ("listings", "pictures", "same", "shed", "failed")
_SECONDS: Final = ("current_seconds", "candidate_seconds", "embed_seconds")
_OF_BRAND: Final = ("both", "only_current", "only_candidate")


class Statistics:
    """The figures of spaces in shadow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, space_id: str, tally: Tally) -> None:
        """Add a stretch of comparisons; those of a space that is gone are dropped, and so is what is erased."""
        with self._database.write() as connection:
            row = connection.execute(sa.select(SPACES.c.pk).where(SPACES.c.id == space_id).with_for_update()).first()
            if row is None:
                return
            key = {"space_pk": row.pk}
            totals = {name: tally.totals[name] for name in _TOTALS}
            _increase(
                connection, SHADOW_TOTALS, key, totals | {name: tally.seconds.get(name, 0.0) for name in _SECONDS}
            )
            for (before, after), count in tally.changes.items():
                _increase(connection, SHADOW_CHANGES, key | {"before": before, "after": after}, {"listings": count})
            for brand_id in _there(connection, tally.brands):
                counts = {name: tally.brands[brand_id][name] for name in _OF_BRAND}
                _increase(connection, SHADOW_BRANDS, key | {"brand_id": brand_id}, counts)
            _keep_examples(connection, row.pk, tally.changed)

    def clear(self, space_id: str) -> None:
        """Begin anew."""
        with self._database.write() as connection:
            pk = sa.select(SPACES.c.pk).where(SPACES.c.id == space_id).scalar_subquery()
            for table in (SHADOW_TOTALS, SHADOW_CHANGES, SHADOW_BRANDS, SHADOW_EXAMPLES):
                connection.execute(sa.delete(table).where(table.c.space_pk == pk))

    def read(self, space_pk: int) -> dict[str, Any] | None:
        """As the HTTP interface shows them; None before the first listing. Milliseconds are a picture's mean."""
        with self._database.read() as connection:
            totals = connection.execute(sa.select(SHADOW_TOTALS).where(SHADOW_TOTALS.c.space_pk == space_pk)).first()
            if totals is None:
                return None
            changes = connection.execute(_changes(space_pk)).all()
            brands = connection.execute(_brands(space_pk)).all()
            examples = connection.execute(_examples(space_pk)).all()
        return {
            **{name: getattr(totals, name) for name in ("listings", "pictures", "shed", "failed")},
            "agreement": totals.same / totals.listings if totals.listings else None,
            **{name.replace("_seconds", "_ms"): _mean_ms(totals, name) for name in _SECONDS},
            "changes": [{"from": row.before, "to": row.after, "listings": row.listings} for row in changes],
            "brands": [dict(row._mapping) for row in brands],
            "examples": [_example(row) for row in examples],
        }


def _increase(connection: sa.Connection, table: sa.Table, key: Mapping[str, Any], more: Mapping[str, Any]) -> None:
    """Add to the row of `key`, or make it. The space's row is locked, so nobody makes it at the same moment."""
    mine = sa.and_(*(table.c[name] == value for name, value in key.items()))
    raised = sa.update(table).where(mine).values({name: table.c[name] + value for name, value in more.items()})
    if not connection.execute(raised).rowcount:
        connection.execute(sa.insert(table).values(**key, **more))


def _there(connection: sa.Connection, brand_ids: Mapping[str, Any]) -> Sequence[str]:
    """Those of the brands that were not erased meanwhile; they stay until the commit."""
    held = sa.select(BRANDS.c.id).where(BRANDS.c.id.in_(brand_ids)).with_for_update(read=True, key_share=True)
    return connection.scalars(held).all()


def _keep_examples(connection: sa.Connection, space_pk: int, changed: Sequence[Compared]) -> None:
    for one in changed[-EXAMPLES:]:
        named = sa.and_(LISTINGS.c.marketplace == one.marketplace, LISTINGS.c.listing_id == one.listing_id)
        row = connection.execute(
            sa.select(LISTINGS.c.pk).where(named).with_for_update(read=True, key_share=True)
        ).first()
        if row is None:
            continue  # erased meanwhile
        mine = {"space_pk": space_pk, "listing_pk": row.pk}
        connection.execute(sa.delete(SHADOW_EXAMPLES).where(*(SHADOW_EXAMPLES.c[name] == mine[name] for name in mine)))
        names = ("before", "after", "before_confidence", "after_confidence", "at")
        connection.execute(sa.insert(SHADOW_EXAMPLES).values(**mine, **{name: getattr(one, name) for name in names}))
    own = sa.select(SHADOW_EXAMPLES.c.pk).where(SHADOW_EXAMPLES.c.space_pk == space_pk)
    newest = own.order_by(SHADOW_EXAMPLES.c.pk.desc()).offset(EXAMPLES).limit(1)
    oldest = connection.scalar(newest)
    if oldest is not None:
        old = sa.and_(SHADOW_EXAMPLES.c.space_pk == space_pk, SHADOW_EXAMPLES.c.pk <= oldest)
        connection.execute(sa.delete(SHADOW_EXAMPLES).where(old))


def _changes(space_pk: int) -> sa.Select[Any]:
    mine = sa.select(SHADOW_CHANGES).where(SHADOW_CHANGES.c.space_pk == space_pk)
    return mine.order_by(SHADOW_CHANGES.c.listings.desc(), SHADOW_CHANGES.c.before, SHADOW_CHANGES.c.after)


def _brands(space_pk: int) -> sa.Select[Any]:
    columns = (SHADOW_BRANDS.c.brand_id, BRANDS.c.name.label("brand"), *(SHADOW_BRANDS.c[name] for name in _OF_BRAND))
    joined = SHADOW_BRANDS.join(BRANDS, BRANDS.c.id == SHADOW_BRANDS.c.brand_id)
    mine = sa.select(*columns).select_from(joined).where(SHADOW_BRANDS.c.space_pk == space_pk)
    return mine.order_by(SHADOW_BRANDS.c.only_current.desc(), SHADOW_BRANDS.c.only_candidate.desc()).limit(EXAMPLES)


def _examples(space_pk: int) -> sa.Select[Any]:
    joined = SHADOW_EXAMPLES.join(LISTINGS, LISTINGS.c.pk == SHADOW_EXAMPLES.c.listing_pk)
    mine = sa.select(SHADOW_EXAMPLES, LISTINGS.c.marketplace, LISTINGS.c.listing_id).select_from(joined)
    return mine.where(SHADOW_EXAMPLES.c.space_pk == space_pk).order_by(SHADOW_EXAMPLES.c.pk.desc()).limit(EXAMPLES)


def _example(row: Any) -> dict[str, Any]:
    return {
        "marketplace": row.marketplace,
        "listing_id": row.listing_id,
        "from": row.before,
        "to": row.after,
        "current_confidence": round(row.before_confidence, 6),
        "candidate_confidence": round(row.after_confidence, 6),
        "at": row.at,
    }


def _mean_ms(totals: Any, name: str) -> float | None:
    return round(1000 * getattr(totals, name) / totals.pictures, 3) if totals.pictures else None
