"""API keys: who may call, in which role, for which tenant. Owns the table `api_keys`.

A secret is `bw_<role>_<43 random characters>`. It is shown once; the table holds its SHA-256, which suffices for
256 random bits. Keys are looked up in the database at each call, so a deleted key stops working everywhere at once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, Database, UtcDateTime, utc_now
from indexes.errors import Conflict, NotFound
from indexes.ids import new_id
from indexes.paging import Page, decode_cursor, encode_cursor
from service.errors import Invalid

KeyRole = Literal["operator", "ingest", "brand", "reviewer"]
ROLES: tuple[KeyRole, ...] = get_args(KeyRole)
"""The roles a key can have. A `seller` has none: a case's token speaks for them."""
Role = KeyRole | Literal["seller"]
ENVIRONMENT_KEY_ID = "key_environment"
"""Key id of the operator key that stands in the settings and not in the table."""

API_KEYS = sa.Table(
    "api_keys",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("brand_id", sa.String(40), index=True),
    sa.Column("marketplace", sa.String(64)),
    sa.Column("secret_sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("email", sa.String(254), unique=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret."""

    pk: int
    id: str
    role: KeyRole
    name: str
    brand_id: str | None
    marketplace: str | None
    created_at: datetime
    email: str | None = None
    """Of the person who signs in with this key through OpenID Connect."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking. `brand_id` is set for a brand, `marketplace` for ingest, `case_id` for a seller."""

    role: Role
    key_id: str
    brand_id: str | None = None
    marketplace: str | None = None
    case_id: str | None = None

    def may_see_brand(self, brand_id: str) -> bool:
        """Operators and reviewers see every brand, a brand its own."""
        return self.role in ("operator", "reviewer") or (self.role == "brand" and self.brand_id == brand_id)

    def may_see_marketplace(self, slug: str) -> bool:
        """Operators and reviewers see every marketplace, ingest its own."""
        return self.role in ("operator", "reviewer") or (self.role == "ingest" and self.marketplace == slug)


class Keys:
    """The keys of one database; `operator_key` is the secret from the settings, accepted whenever it is set."""

    def __init__(self, database: Database, *, operator_key: str | None = None) -> None:
        self._database = database
        self._operator_hash = hash_secret(operator_key) if operator_key else None

    def create(
        self,
        role: KeyRole,
        name: str,
        *,
        brand_id: str | None = None,
        marketplace: str | None = None,
        email: str | None = None,
    ) -> tuple[Key, str]:
        """A new key and its secret, which nobody can read again.

        `Invalid` when role and tenant do not fit, `Conflict` when another key bears the e-mail address.
        """
        _check(role, brand_id, marketplace)
        secret = f"bw_{role}_{secrets.token_urlsafe(32)}"
        values = {"id": new_id("key"), "role": role, "name": name, "brand_id": brand_id, "marketplace": marketplace}
        values["email"] = None if email is None else _address(email)
        with self._database.write() as connection:
            _refuse_taken(connection, values["email"])
            row = connection.execute(
                sa.insert(API_KEYS)
                .values(**values, secret_sha256=hash_secret(secret), created_at=utc_now())
                .returning(*_COLUMNS)
            ).one()
        return Key(*row), secret

    def ensure_operator(self) -> str | None:
        """Make an operator key where none can be used; its secret, or None when there is one already."""
        if self._operator_hash is not None:
            return None
        with self._database.read() as connection:
            found = connection.execute(sa.select(API_KEYS.c.pk).where(API_KEYS.c.role == "operator").limit(1)).first()
        return None if found else self.create("operator", "first operator key")[1]

    def find(self, secret: str) -> Principal | None:
        """Who `secret` belongs to; None for one that is unknown or deleted."""
        digest = hash_secret(secret)
        if self._operator_hash is not None and hmac.compare_digest(digest, self._operator_hash):
            return Principal("operator", ENVIRONMENT_KEY_ID)
        return self._principal(API_KEYS.c.secret_sha256 == digest)

    def find_id(self, key_id: str) -> Principal | None:
        """Who the key `key_id` belongs to, for a session that was opened with it; None once it is deleted."""
        if key_id == ENVIRONMENT_KEY_ID:
            return None if self._operator_hash is None else Principal("operator", ENVIRONMENT_KEY_ID)
        return self._principal(API_KEYS.c.id == key_id)

    def find_email(self, email: str) -> Principal | None:
        """Who the key with this e-mail address belongs to; capitals do not matter."""
        return self._principal(API_KEYS.c.email == _address(email))

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[Key]:
        """Keys, newest first."""
        query = sa.select(*_COLUMNS).order_by(API_KEYS.c.pk.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(API_KEYS.c.pk < decode_cursor(cursor))
        with self._database.read() as connection:
            keys = [Key(*row) for row in connection.execute(query)]
        return Page(keys[:limit], encode_cursor(keys[limit - 1].pk) if len(keys) > limit else None)

    def delete(self, key_id: str) -> None:
        """Revoke a key; `NotFound` when there is none."""
        with self._database.write() as connection:
            if connection.execute(sa.delete(API_KEYS).where(API_KEYS.c.id == key_id)).rowcount == 0:
                raise NotFound(f"There is no key {key_id}.")

    def delete_of_brand(self, brand_id: str) -> int:
        """Revoke every key of a brand; how many there were."""
        with self._database.write() as connection:
            return connection.execute(sa.delete(API_KEYS).where(API_KEYS.c.brand_id == brand_id)).rowcount

    def _principal(self, condition: sa.ColumnElement[bool]) -> Principal | None:
        with self._database.read() as connection:
            row = connection.execute(sa.select(*_COLUMNS).where(condition)).first()
        return None if row is None else Principal(row.role, row.id, row.brand_id, row.marketplace)


_NAMES = ("pk", "id", "role", "name", "brand_id", "marketplace", "created_at", "email")
_COLUMNS = tuple(API_KEYS.c[name] for name in _NAMES)


def _address(email: str) -> str:
    return email.strip().casefold()


def _refuse_taken(connection: sa.Connection, email: str | None) -> None:
    taken = sa.select(API_KEYS.c.id).where(API_KEYS.c.email == email)
    if email is not None and (existing := connection.scalar(taken)) is not None:
        raise Conflict(f"The key {existing} bears this e-mail address; delete it first.", existing_id=existing)


def hash_secret(secret: str) -> str:
    """What is kept of a secret of 256 random bits: its SHA-256, in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _check(role: str, brand_id: str | None, marketplace: str | None) -> None:
    wrong = []
    if role not in ROLES:
        wrong.append({"loc": ["body", "role"], "msg": f"must be one of {', '.join(ROLES)}"})
    if (role == "brand") != (brand_id is not None):
        wrong.append({"loc": ["body", "brand_id"], "msg": "goes with the role brand, and only with it"})
    if (role == "ingest") != (marketplace is not None):
        wrong.append({"loc": ["body", "marketplace"], "msg": "goes with the role ingest, and only with it"})
    if wrong:
        raise Invalid("A brand key names its brand, an ingest key its marketplace, other keys neither.", errors=wrong)
