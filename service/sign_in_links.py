"""One-time links that sign a person in: made by an operator for a key, used once. Owns the table `sign_in_links`.

Place in the flow: the operator sends the link to whoever is to use the key, who never sees the key itself. The table
holds the SHA-256 of the token. Looking at a link does not use it up, so that programs which open every link of a mail
burn none: only `take` does.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from indexes.database import METADATA, Database, UtcDateTime, utc_now
from indexes.errors import NotFound
from service.keys import Keys, Principal, hash_secret

LIFETIME: Final = timedelta(minutes=15)
_MADE_HERE: Final = re.compile(r"bw_link_[A-Za-z0-9_-]{43}")

SIGN_IN_LINKS = sa.Table(
    "sign_in_links",
    METADATA,
    sa.Column("token_sha256", sa.String(64), primary_key=True),
    sa.Column("key_id", sa.String(40), nullable=False, index=True),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
)


class SignInLinks:
    """The links of one database."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        *,
        lifetime: timedelta = LIFETIME,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database, self._keys, self._lifetime, self._clock = database, keys, lifetime, clock

    def make(self, key_id: str) -> tuple[str, datetime]:
        """A token that signs in once with this key, and when it ends; `NotFound`."""
        if self._keys.find_id(key_id) is None:
            raise NotFound(f"There is no key {key_id}.")
        token, now = f"bw_link_{secrets.token_urlsafe(32)}", self._clock()
        row = {"token_sha256": hash_secret(token), "key_id": key_id, "expires_at": now + self._lifetime}
        with self._database.write() as connection:
            connection.execute(sa.delete(SIGN_IN_LINKS).where(SIGN_IN_LINKS.c.expires_at <= now))
            connection.execute(sa.insert(SIGN_IN_LINKS).values(row))
        return token, now + self._lifetime

    def is_open(self, token: str) -> bool:
        """Could `token` still sign somebody in? Changes nothing."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(SIGN_IN_LINKS.c.key_id).where(self._live(token))).first()
        return row is not None and self._keys.find_id(row.key_id) is not None

    def take(self, token: str) -> Principal | None:
        """Who signs in with `token`, which is used up by it; None when it was before, is over or never was."""
        with self._database.write() as connection:
            used = sa.delete(SIGN_IN_LINKS).where(self._live(token)).returning(SIGN_IN_LINKS.c.key_id)
            key_id = connection.execute(used).scalar()
        return None if key_id is None else self._keys.find_id(key_id)

    def _live(self, token: str) -> sa.ColumnElement[bool]:
        return sa.and_(SIGN_IN_LINKS.c.token_sha256 == hash_secret(token), SIGN_IN_LINKS.c.expires_at > self._clock())


def has_shape(token: str) -> bool:
    """Does `token` look like one made here? Others need no look into the database."""
    return _MADE_HERE.fullmatch(token) is not None
