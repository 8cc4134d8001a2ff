"""Marketplaces: the tenants that send listings, with the clocks and strike points of their cases.

Owns the table `marketplaces`. `default` always exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, Database, Json, UtcDateTime, utc_now
from indexes.errors import Conflict, NotFound
from indexes.paging import Page, decode_cursor, encode_cursor

DEFAULT = "default"

MARKETPLACES = sa.Table(
    "marketplaces",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("slug", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("territories", Json, nullable=False),
    sa.Column("clocks", Json, nullable=False),
    sa.Column("strike_points", Json, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Marketplace:
    """One marketplace. `territories` are codes such as `EU` or `DE`; an empty list is everywhere."""

    pk: int
    slug: str
    name: str
    territories: list[str]
    clocks: dict[str, Any]
    strike_points: dict[str, Any]
    created_at: datetime


class Marketplaces:
    """The marketplaces of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure_default(self) -> None:
        """Make `default` where it is missing; safe when two processes start at once."""
        try:
            self.get(DEFAULT)
        except NotFound:
            try:
                self.create(DEFAULT, "Default")
            except Conflict:
                return  # another process was quicker

    def create(
        self,
        slug: str,
        name: str,
        *,
        territories: list[str] | None = None,
        clocks: dict[str, Any] | None = None,
        strike_points: dict[str, Any] | None = None,
    ) -> Marketplace:
        """A new marketplace; `Conflict` when the slug is taken."""
        values = {
            "slug": slug,
            "name": name,
            "territories": territories or [],
            "clocks": clocks or {},
            "strike_points": strike_points or {},
            "created_at": utc_now(),
        }
        try:
            with self._database.write() as connection:
                row = connection.execute(sa.insert(MARKETPLACES).values(**values).returning(*MARKETPLACES.c)).one()
        except sa.exc.IntegrityError as error:
            message = f"A marketplace {slug} exists; change it with PATCH, or take another slug."
            raise Conflict(message, existing_id=slug) from error
        return Marketplace(*row)

    def get(self, slug: str) -> Marketplace:
        """The marketplace, or `NotFound`."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(*MARKETPLACES.c).where(MARKETPLACES.c.slug == slug)).first()
        if row is None:
            raise NotFound(f"There is no marketplace {slug}.")
        return Marketplace(*row)

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[Marketplace]:
        """Marketplaces in the order they were made."""
        query = sa.select(*MARKETPLACES.c).order_by(MARKETPLACES.c.pk).limit(limit + 1)
        if cursor is not None:
            query = query.where(MARKETPLACES.c.pk > decode_cursor(cursor))
        with self._database.read() as connection:
            found = [Marketplace(*row) for row in connection.execute(query)]
        return Page(found[:limit], encode_cursor(found[limit - 1].pk) if len(found) > limit else None)

    def update(self, slug: str, **changes: Any) -> Marketplace:
        """Change any of name, territories, clocks and strike_points; `NotFound` when there is no such marketplace."""
        if changes:
            with self._database.write() as connection:
                connection.execute(sa.update(MARKETPLACES).where(MARKETPLACES.c.slug == slug).values(**changes))
        return self.get(slug)
