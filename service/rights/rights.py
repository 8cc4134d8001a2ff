"""The rights on record, brand by brand. A right is added and read; it is not changed, so that what was believed stays.

Place in the flow: brands and operators add rights through the interface, policies read them when a listing has matches.
The document itself lies in the picture store, under the SHA-256 that its row names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from indexes.database import Database, utc_now
from indexes.errors import NotFound
from indexes.ids import new_id
from indexes.paging import Page, decode_cursor, encode_cursor
from service.rights.tables import RIGHTS
from service.rights.values import NewRight, Right

_COLUMNS = tuple(RIGHTS.c[field.name] for field in dataclasses.fields(Right))
_LISTS = ("nice_classes", "vienna_codes", "territories")


class Rights:
    """The table of rights. Thread-safe."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database, self._clock = database, clock

    def add(
        self,
        brand_id: str,
        new: NewRight,
        *,
        created_by: str,
        document_sha256: str | None = None,
        document_media_type: str | None = None,
    ) -> Right:
        """Put a right on record; `NotFound` for an unknown brand. The document is in the store already."""
        values = {**dataclasses.asdict(new), "id": new_id("rgt"), "brand_id": brand_id, "created_by": created_by}
        values |= {name: list(values[name]) for name in _LISTS}
        values |= {"document_sha256": document_sha256, "document_media_type": document_media_type}
        try:
            with self._database.write() as connection:
                insert = sa.insert(RIGHTS).values(**values, created_at=self._clock())
                return _right(connection.execute(insert.returning(*_COLUMNS)).one())
        except IntegrityError as error:
            raise NotFound("There is no such brand.") from error

    def get(self, brand_id: str, right_id: str) -> Right:
        """One right of the brand; `NotFound`, also for another's."""
        query = sa.select(*_COLUMNS).where(RIGHTS.c.id == right_id, RIGHTS.c.brand_id == brand_id)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("The brand has no such right.")
        return _right(row)

    def list(self, brand_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[Right]:
        """Rights of a brand in the order they were added."""
        query = sa.select(*_COLUMNS).where(RIGHTS.c.brand_id == brand_id).order_by(RIGHTS.c.pk).limit(limit + 1)
        if cursor is not None:
            query = query.where(RIGHTS.c.pk > decode_cursor(cursor))
        with self._database.read() as connection:
            found = [_right(row) for row in connection.execute(query)]
        return Page(found[:limit], encode_cursor(found[limit - 1].pk) if len(found) > limit else None)

    def documents(self, brand_id: str) -> frozenset[str]:
        """The SHA-256 of every document of a brand."""
        query = sa.select(RIGHTS.c.document_sha256).where(RIGHTS.c.brand_id == brand_id)
        with self._database.read() as connection:
            return frozenset(connection.scalars(query.where(RIGHTS.c.document_sha256.is_not(None))))

    def of_brand(self, connection: sa.Connection, brand_id: str) -> Sequence[Right]:
        """Every right of a brand, whether in force or not, in the caller's transaction."""
        return self.of_brands(connection, [brand_id])[brand_id]

    def of_brands(self, connection: sa.Connection, brand_ids: Collection[str]) -> dict[str, Sequence[Right]]:
        """Every right of several brands in one query; a brand without any has an empty list."""
        found: dict[str, Any] = {brand_id: [] for brand_id in brand_ids}
        query = sa.select(*_COLUMNS).where(RIGHTS.c.brand_id.in_(brand_ids)).order_by(RIGHTS.c.pk)
        for row in connection.execute(query):
            found[row.brand_id].append(_right(row))
        return found


def _right(row: Any) -> Right:
    values = dict(row._mapping)
    return Right(**values | {name: tuple(values[name]) for name in _LISTS})
