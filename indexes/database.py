"""The SQL database: one engine, two kinds of transaction, and the column types every table shares.

SQLite (WAL, `synchronous=FULL`) is the default, PostgreSQL is one URL away. Tables are declared on `METADATA` by the
module that owns them; the schema is made by the Alembic migrations of the service, or by `create_all` in a test.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.dialects.postgresql import JSONB

from indexes.errors import DatabaseAway, Deadlock, StorageFailed, Unstorable

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_SQLITE_TROUBLE = (
    "disk is full",
    "readonly database",
    "disk i/o error",
    "unable to open database",
    "no space left",
    "database is locked",
)
_CONNECT_SECONDS = 5
_DEADLOCK = "40P01"
_READ_ONLY = "25006"
"""SQLSTATE of a PostgreSQL that takes no writes, such as a standby."""


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime on every database (SQLite itself forgets the zone)."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse naive times, store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("times are stored in UTC and must be aware")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Hand out aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BigKey = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""Type of integer primary keys: 64 bit everywhere, and SQLite's rowid there."""

Json = sa.JSON().with_variant(JSONB(), "postgresql")
"""A JSON document."""


def utc_now() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)


class Database:
    """One engine. `read` and `write` hand out a connection inside a transaction.

    On SQLite a write begins IMMEDIATE and writers of this process queue on a lock, so that none of them meets
    `database is locked`. A full or read-only disk and a server that cannot be reached raise `StorageFailed`, values
    that no database takes raise `Unstorable`; nothing of the transaction stays.
    """

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        self.url = sa.engine.make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writer = threading.Lock() if self.is_sqlite else contextlib.nullcontext()
        options: dict[str, Any] = {"pool_size": pool_size, "max_overflow": 16}
        if self.is_sqlite:
            options["connect_args"] = {"check_same_thread": False, "timeout": 30}
        else:
            options["pool_pre_ping"] = True
            if "connect_timeout" not in self.url.query:
                options["connect_args"] = {"connect_timeout": _CONNECT_SECONDS}
        self.engine = sa.create_engine(self.url, **options)
        self._reading = self.engine
        if self.is_sqlite:
            _prepare_sqlite(self.engine)
        else:
            self._reading = self.engine.execution_options(isolation_level="REPEATABLE READ")

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection in a read transaction: its queries see one moment, and what is written on it is rolled back."""
        with told_apart(), self._reading.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A connection in one transaction, committed (and on disk) when the block ends without an error."""
        with self._writer, told_apart(), self.engine.connect() as connection:
            connection.execution_options(brandwarden_write=True)
            with connection.begin():
                yield connection

    def ping(self) -> None:
        """Ask it for anything; `StorageFailed` when it does not answer."""
        with self.read() as connection:
            connection.execute(sa.select(1))

    def create_all(self) -> None:
        """Make every declared table; for tests and scratch databases. The service migrates instead."""
        METADATA.create_all(self.engine)

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


def _prepare_sqlite(engine: sa.Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours, below
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("brandwarden_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextlib.contextmanager
def told_apart() -> Iterator[None]:
    """Trouble of the machine (`StorageFailed`) and values of strangers (`Unstorable`) get errors of their own.

    Mistakes of ours stay as they are. After the first nothing is left of a transaction.
    """
    try:
        yield
    except (exc.DataError, UnicodeEncodeError) as error:
        raise Unstorable("A value holds characters or numbers that cannot be stored; mend it.") from error
    except exc.DBAPIError as error:
        if _is_of_storage(error):
            raise _explained(error) from error
        raise
    except exc.TimeoutError as error:
        raise DatabaseAway("Every connection to the database is taken; send again in a moment.") from error


def _is_of_storage(error: exc.DBAPIError) -> bool:
    if error.connection_invalidated or getattr(error.orig, "sqlstate", None) == _READ_ONLY:
        return True
    if not isinstance(error, exc.OperationalError):
        return False
    said = str(error.orig).lower()
    return not _is_sqlite(error) or any(trouble in said for trouble in _SQLITE_TROUBLE)


def _is_sqlite(error: exc.DBAPIError) -> bool:
    return "sqlite" in type(error.orig).__module__


def _explained(error: exc.DBAPIError) -> StorageFailed:
    if _is_sqlite(error):
        return StorageFailed(
            f"The database could not be written ({error.orig}); free or remount its disk, then send again."
        )
    if getattr(error.orig, "sqlstate", None) == _DEADLOCK:
        return Deadlock("Two writes waited for each other and this one gave way; send again.")
    # Without a state it is about the connection, and names addresses that are nobody's business.
    said = str(error.orig).partition("\n")[0] if getattr(error.orig, "sqlstate", None) else "no connection"
    return DatabaseAway(f"The database is away or refuses to work ({said}); send again once it is mended.")
