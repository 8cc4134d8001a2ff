"""The named case manager of each brand, and the conversation between the two.

Owns the tables of `service.portal.tables`. A message about one case belongs to the case and not here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from indexes.brands import BRANDS
from indexes.database import Database, utc_now
from indexes.errors import NotFound
from indexes.ids import new_id
from indexes.paging import Page, decode_cursor, encode_cursor
from service.errors import Invalid
from service.keys import API_KEYS
from service.portal.tables import BRAND_MESSAGES, CASE_MANAGERS

MOST_TEXT: Final = 4000


@dataclass(frozen=True, slots=True)
class Manager:
    """Who looks after a brand."""

    name: str
    key_id: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `author` is `brand`, `reviewer` or `operator`."""

    pk: int
    id: str
    author: str
    text: str
    at: datetime


class Managers:
    """Managers and messages of one database."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database, self._clock = database, clock

    def assign(self, brand_id: str, name: str, *, key_id: str | None = None) -> Manager:
        """Name the case manager of a brand; `NotFound` without the brand, `Invalid` for a key that is no reviewer's."""
        made = Manager(name, key_id, self._clock())
        row = {"brand_id": brand_id, "name": made.name, "key_id": key_id, "since": made.since}
        with self._database.write() as connection:
            _check_brand(connection, brand_id)
            _check_key(connection, key_id)
            connection.execute(sa.delete(CASE_MANAGERS).where(CASE_MANAGERS.c.brand_id == brand_id))
            connection.execute(sa.insert(CASE_MANAGERS).values(row))
        return made

    def manager(self, brand_id: str) -> Manager | None:
        """The case manager of a brand; None before one is named."""
        columns = (CASE_MANAGERS.c.name, CASE_MANAGERS.c.key_id, CASE_MANAGERS.c.since)
        with self._database.read() as connection:
            row = connection.execute(sa.select(*columns).where(CASE_MANAGERS.c.brand_id == brand_id)).one_or_none()
        return None if row is None else Manager(*row)

    def write(self, brand_id: str, text: str, *, role: str, key_id: str) -> Message:
        """Add a message to the brand's conversation; `NotFound` without the brand."""
        text = text.strip()
        if not 1 <= len(text) <= MOST_TEXT:
            raise Invalid(
                f"A message has 1 to {MOST_TEXT:,} characters.",
                errors=[{"loc": ["body", "text"], "msg": "wrong length"}],
            )
        row = {"id": new_id("msg"), "brand_id": brand_id, "author_role": role, "author_id": key_id, "text": text}
        with self._database.write() as connection:
            _check_brand(connection, brand_id)
            made = connection.execute(
                sa.insert(BRAND_MESSAGES).values(**row, at=self._clock()).returning(*_MESSAGE)
            ).one()
        return Message(*made)

    def messages(self, brand_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[Message]:
        """The conversation, newest first."""
        query = sa.select(*_MESSAGE).where(BRAND_MESSAGES.c.brand_id == brand_id)
        if cursor is not None:
            query = query.where(BRAND_MESSAGES.c.pk < decode_cursor(cursor))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(BRAND_MESSAGES.c.pk.desc()).limit(limit + 1)).all()
        found = [Message(*row) for row in rows]
        return Page(found[:limit], encode_cursor(found[limit - 1].pk) if len(found) > limit else None)


_MESSAGE = tuple(BRAND_MESSAGES.c[name] for name in ("pk", "id", "author_role", "text", "at"))


def _check_brand(connection: sa.Connection, brand_id: str) -> None:
    if connection.scalar(sa.select(BRANDS.c.pk).where(BRANDS.c.id == brand_id)) is None:
        raise NotFound("There is no such brand.")


def _check_key(connection: sa.Connection, key_id: str | None) -> None:
    if key_id is None:
        return
    role = connection.scalar(sa.select(API_KEYS.c.role).where(API_KEYS.c.id == key_id))
    if role not in ("reviewer", "operator"):
        wrong = [{"loc": ["body", "key_id"], "msg": "must be the key of a reviewer or an operator"}]
        raise Invalid("A case manager signs in as a reviewer or an operator.", errors=wrong)
