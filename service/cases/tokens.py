"""Sellers' links: a token that stands for one case and nothing else. Owns the reading and writing of `case_tokens`.

A secret is `bw_case_<43 random characters>`, shown once; the table holds its SHA-256. It works until its time is over,
or the case's: pictures and case are kept for a while after the case came to rest, and the link no longer than they.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from indexes.database import Database
from indexes.errors import NotFound
from indexes.ids import new_id
from service.cases import records
from service.cases.journal import Deed, Journal
from service.cases.keeping import AT_REST
from service.cases.tables import CASE_TOKENS, CASES
from service.cases.values import Acting, Case
from service.keys import Principal, hash_secret
from service.stamps import stamp

PREFIX: Final = "bw_case_"


class Tokens:
    """The tokens of all cases. `lives` is how long one works, `kept` how long after the end of its case."""

    def __init__(
        self, database: Database, journal: Journal, *, lives: timedelta, kept: timedelta, clock: Callable[[], datetime]
    ) -> None:
        self._database, self._journal = database, journal
        self._lives, self._kept, self._clock = lives, kept, clock

    def make(self, case_id: str, acting: Acting) -> tuple[str, datetime]:
        """A new token and when it ends; `NotFound`. The case's audit says who made it."""
        with self._database.write() as connection:
            case = records.lock(connection, case_id)
            if case is None:
                raise NotFound("There is no such case.")
            return self.make_on(connection, case, acting)

    def make_on(self, connection: sa.Connection, case: Case, acting: Acting) -> tuple[str, datetime]:
        """As `make`, in the caller's transaction, which holds the case."""
        secret, now = PREFIX + secrets.token_urlsafe(32), self._clock()
        row = {"id": new_id("tok"), "expires_at": now + self._lives, "created_at": now}
        connection.execute(sa.insert(CASE_TOKENS).values(**row, case_pk=case.pk, secret_sha256=hash_secret(secret)))
        details = {"token": row["id"], "expires_at": stamp(now + self._lives)}
        reason = "A link for the seller was made."
        self._journal.noted(connection, case, Deed(acting, "linked", reason, details), now)
        return secret, now + self._lives

    def find(self, secret: str) -> Principal | None:
        """The seller that `secret` stands for; None for one that is unknown or over."""
        if not secret.startswith(PREFIX):
            return None
        return self._seller(CASE_TOKENS.c.secret_sha256 == hash_secret(secret))

    def find_id(self, token_id: str) -> Principal | None:
        """As `find`, for a session that was opened with the token `token_id`."""
        return self._seller(CASE_TOKENS.c.id == token_id)

    def _seller(self, condition: sa.ColumnElement[bool]) -> Principal | None:
        query = (
            sa.select(CASE_TOKENS.c.id, CASE_TOKENS.c.expires_at, CASES.c.id.label("case_id"), CASES.c.state)
            .add_columns(CASES.c.moved_at)
            .join(CASES, CASES.c.pk == CASE_TOKENS.c.case_pk)
            .where(condition)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None or row.expires_at <= self._clock():
            return None
        if row.state in AT_REST and row.moved_at + self._kept <= self._clock():
            return None
        return Principal("seller", row.id, case_id=row.case_id)
