"""Authorisations on record, brand by brand.

Place in the flow: a brand makes and withdraws them through the interface; policies read them when a listing has
matches, and a match that one permits is shown with its id and does not count.
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
from service.authorised.tables import AUTHORISATIONS
from service.authorised.values import Authorisation, NewAuthorisation

_COLUMNS = tuple(AUTHORISATIONS.c[field.name] for field in dataclasses.fields(Authorisation))


class Authorised:
    """The table of authorisations. Thread-safe."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database, self._clock = database, clock

    def add(self, brand_id: str, new: NewAuthorisation, *, created_by: str) -> Authorisation:
        """Allow something; it holds for every listing judged from now on. `NotFound` for an unknown brand."""
        values = {**dataclasses.asdict(new), "id": new_id("aut"), "brand_id": brand_id, "created_by": created_by}
        values |= {"territories": list(new.territories), "created_at": self._clock()}
        try:
            with self._database.write() as connection:
                insert = sa.insert(AUTHORISATIONS).values(**values).returning(*_COLUMNS)
                return _authorisation(connection.execute(insert).one())
        except IntegrityError as error:
            raise NotFound("There is no such brand.") from error

    def list(self, brand_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[Authorisation]:
        """Authorisations of a brand in the order they were made, those that ran out among them."""
        query = sa.select(*_COLUMNS).where(AUTHORISATIONS.c.brand_id == brand_id)
        query = query.order_by(AUTHORISATIONS.c.pk).limit(limit + 1)
        if cursor is not None:
            query = query.where(AUTHORISATIONS.c.pk > decode_cursor(cursor))
        with self._database.read() as connection:
            found = [_authorisation(row) for row in connection.execute(query)]
        return Page(found[:limit], encode_cursor(found[limit - 1].pk) if len(found) > limit else None)

    def delete(self, brand_id: str, authorisation_id: str) -> None:
        """Withdraw one; listings judged from now on are not permitted by it. `NotFound`, also for another's."""
        mine = sa.and_(AUTHORISATIONS.c.id == authorisation_id, AUTHORISATIONS.c.brand_id == brand_id)
        with self._database.write() as connection:
            if connection.execute(sa.delete(AUTHORISATIONS).where(mine)).rowcount == 0:
                raise NotFound("The brand has no such authorisation.")

    def of_brand(self, connection: sa.Connection, brand_id: str) -> Sequence[Authorisation]:
        """Every authorisation of a brand, in force or not, in the caller's transaction."""
        return self.of_brands(connection, [brand_id])[brand_id]

    def of_brands(self, connection: sa.Connection, brand_ids: Collection[str]) -> dict[str, Sequence[Authorisation]]:
        """Every authorisation of several brands in one query; a brand without any has an empty list."""
        found: dict[str, Any] = {brand_id: [] for brand_id in brand_ids}
        query = sa.select(*_COLUMNS).where(AUTHORISATIONS.c.brand_id.in_(brand_ids)).order_by(AUTHORISATIONS.c.pk)
        for row in connection.execute(query):
            found[row.brand_id].append(_authorisation(row))
        return found


def _authorisation(row: Any) -> Authorisation:
    values = dict(row._mapping)
    return Authorisation(**values | {"territories": tuple(values["territories"])})
