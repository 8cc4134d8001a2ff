"""Sign-in sessions of the pages: somebody is known once, a cookie stands for them afterwards. Owns `web_sessions`.

The table holds the SHA-256 of the cookie's token and nothing that could be replayed: the CSRF token follows from the
token itself. A session ends after `LIFETIME`, at sign-out, and with its key; a seller's with the link to the case.
Knows no HTTP; `service.pages` sets the cookie and `service.api.dependencies` reads it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from indexes.database import METADATA, Database, UtcDateTime, utc_now
from service.keys import ENVIRONMENT_KEY_ID, Keys, Principal, hash_secret
from service.sign_ins import FailedSignIns

COOKIE = "bw_session"
CSRF_HEADER = "X-CSRF-Token"
LIFETIME = timedelta(hours=12)
_CASE_TOKEN_ID = "tok_"  # noqa: S105  # how the id of a seller's link begins

FindSeller = Callable[[str], Principal | None]
"""Who the link to a case with this id belongs to; None once it is over."""

WEB_SESSIONS = sa.Table(
    "web_sessions",
    METADATA,
    sa.Column("token_sha256", sa.String(64), primary_key=True),
    sa.Column("key_id", sa.String(40), nullable=False, index=True),
    sa.Column("binding", sa.String(64), nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. `csrf` goes with every request of theirs that changes something."""

    principal: Principal
    csrf: str
    expires_at: datetime

    def allows(self, csrf: str | None) -> bool:
        """Is `csrf` this session's token? Compared in constant time."""
        return csrf is not None and hmac.compare_digest(self.csrf.encode(), csrf.encode())


class Sessions:
    """The sessions of one database. `operator_key` is the one from the settings, as `Keys` has it."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        *,
        operator_key: str | None = None,
        lifetime: timedelta = LIFETIME,
        find_seller: FindSeller = lambda _token_id: None,
    ) -> None:
        self._database = database
        self._keys = keys
        self._find_seller = find_seller
        self._operator_key = operator_key or ""
        self._lifetime = lifetime
        self.failures = FailedSignIns()

    def start(self, secret: str) -> tuple[str, Session] | None:
        """Sign in with a key: the cookie's token and the session; None for a key that is not valid."""
        principal = self._keys.find(secret)
        return None if principal is None else self.begin(principal)

    def begin(self, principal: Principal) -> tuple[str, Session]:
        """The cookie's token and the session of somebody who is known by now."""
        token = secrets.token_urlsafe(32)
        now = utc_now()
        row = {
            "token_sha256": hash_secret(token),
            "key_id": principal.key_id,
            "binding": self._binding(token, principal.key_id),
            "expires_at": now + self._lifetime,
        }
        with self._database.write() as connection:
            connection.execute(sa.delete(WEB_SESSIONS).where(WEB_SESSIONS.c.expires_at <= now))
            connection.execute(sa.insert(WEB_SESSIONS).values(row))
        return token, Session(principal, csrf_of(token), now + self._lifetime)

    def find(self, token: str) -> Session | None:
        """Who the cookie's token stands for; None when it is unknown, over, or its key is gone."""
        query = sa.select(WEB_SESSIONS).where(WEB_SESSIONS.c.token_sha256 == hash_secret(token))
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None or row.expires_at <= utc_now():
            return None
        if not hmac.compare_digest(row.binding, self._binding(token, row.key_id)):
            return None
        find = self._find_seller if row.key_id.startswith(_CASE_TOKEN_ID) else self._keys.find_id
        principal = find(row.key_id)
        return None if principal is None else Session(principal, csrf_of(token), row.expires_at)

    def end(self, token: str) -> None:
        """Sign out; nothing happens for a token that is unknown."""
        with self._database.write() as connection:
            connection.execute(sa.delete(WEB_SESSIONS).where(WEB_SESSIONS.c.token_sha256 == hash_secret(token)))

    def _binding(self, token: str, key_id: str) -> str:
        """Ties a session to the operator key in force, which has no row whose deletion would end it.

        Keyed with the token, which is not stored, so that the table gives no way to guess the key.
        """
        if key_id != ENVIRONMENT_KEY_ID:
            return ""
        return hmac.new(token.encode(), self._operator_key.encode(), hashlib.sha256).hexdigest()


def csrf_of(token: str) -> str:
    """The CSRF token that belongs to a cookie's token; it does not reveal it."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()
