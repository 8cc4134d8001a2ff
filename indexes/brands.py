"""Brands: whose references they are, and whether they may be matched.

Owns the table `brands`. Removing a brand removes its references with it (the database cascades) and leaves an entry in
the index's log of changes, so that its vectors go as well. Knows no roles: who may call is the service's business.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa

from indexes import changes
from indexes.database import METADATA, BigKey, Database, UtcDateTime, utc_now
from indexes.errors import NotFound
from indexes.ids import new_id
from indexes.paging import Page, decode_cursor, encode_cursor

BrandStatus: TypeAlias = Literal["verified", "unverified", "suspended"]

BRANDS = sa.Table(
    "brands",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("contact_email", sa.Text),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,  # a primary key names vectors in the indexes and is never given out twice
)


@dataclass(frozen=True, slots=True)
class Brand:
    """One row of `brands`. Matches of a `suspended` brand are not reported at all."""

    pk: int
    id: str
    name: str
    status: BrandStatus
    contact_email: str | None
    created_at: datetime


_COLUMNS = tuple(BRANDS.c[field.name] for field in dataclasses.fields(Brand))
_CHANGEABLE = frozenset({"name", "status", "contact_email"})


class Brands:
    """The table of brands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, status: BrandStatus = "verified", contact_email: str | None = None) -> Brand:
        """A new brand."""
        row = {"id": new_id("brd"), "name": name, "status": status, "contact_email": contact_email}
        with self._database.write() as connection:
            made = connection.execute(sa.insert(BRANDS).values(**row, created_at=utc_now()).returning(*_COLUMNS)).one()
        return _brand(made)

    def get(self, brand_id: str) -> Brand:
        """The brand with the public id `brand_id`; `NotFound`."""
        return self._one(BRANDS.c.id == brand_id)

    def get_by_pk(self, pk: int) -> Brand:
        """The brand with the primary key `pk`; `NotFound`."""
        return self._one(BRANDS.c.pk == pk)

    def by_pks(self, pks: frozenset[int]) -> dict[int, Brand]:
        """The brands among `pks`, by primary key, in one query."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(*_COLUMNS).where(BRANDS.c.pk.in_(pks)))
            return {row.pk: _brand(row) for row in rows}

    def pks(self, brand_ids: frozenset[str]) -> frozenset[int]:
        """Primary keys of those `brand_ids` that exist."""
        with self._database.read() as connection:
            return frozenset(connection.scalars(sa.select(BRANDS.c.pk).where(BRANDS.c.id.in_(brand_ids))))

    def list(self, limit: int = 50, cursor: str | None = None, *, status: BrandStatus | None = None) -> Page[Brand]:
        """Brands in the order they were made; with `status` those that have it."""
        query = sa.select(*_COLUMNS).order_by(BRANDS.c.pk).limit(limit + 1)
        if status is not None:
            query = query.where(BRANDS.c.status == status)
        if cursor is not None:
            query = query.where(BRANDS.c.pk > decode_cursor(cursor))
        with self._database.read() as connection:
            found = [_brand(row) for row in connection.execute(query)]
        return Page(found[:limit], encode_cursor(found[limit - 1].pk) if len(found) > limit else None)

    def count(self) -> int:
        """How many brands there are."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(BRANDS)) or 0

    def update(self, brand_id: str, **changed: Any) -> Brand:
        """Change `name`, `status` or `contact_email`; `NotFound`."""
        if unknown := set(changed) - _CHANGEABLE:
            raise ValueError(f"a brand has no changeable field {', '.join(sorted(unknown))}")
        if not changed:
            return self.get(brand_id)
        statement = sa.update(BRANDS).where(BRANDS.c.id == brand_id).values(**changed).returning(*_COLUMNS)
        with self._database.write() as connection:
            row = connection.execute(statement).one_or_none()
            changes.touch(connection)
        return _found(row)

    def delete(self, brand_id: str, first: Callable[[], object] = lambda: None) -> None:
        """Remove the brand and its references from SQL, and log that for the indexes; `NotFound`.

        `first` is called once nobody can give the brand anything any more, and while all it has is still there.
        """
        with self._database.write() as connection:
            pk = connection.scalar(sa.select(BRANDS.c.pk).where(BRANDS.c.id == brand_id).with_for_update())
            if pk is None:
                raise _not_found()
            first()
            connection.execute(sa.delete(BRANDS).where(BRANDS.c.pk == pk))
            changes.record(connection, [changes.Change(brand_pk=pk, reference_pk=None)])

    def _one(self, condition: sa.ColumnElement[bool]) -> Brand:
        with self._database.read() as connection:
            return _found(connection.execute(sa.select(*_COLUMNS).where(condition)).one_or_none())


def _found(row: Any) -> Brand:
    if row is None:
        raise _not_found()
    return _brand(row)


def _brand(row: Any) -> Brand:
    return Brand(**row._mapping)


def _not_found() -> NotFound:
    return NotFound("There is no such brand.")
