"""Every table's rows out of one database and into another, as plain JSON values.

Place in the flow: under `service.backup`. It knows the schema as a whole and no table in particular, so a backup
made on SQLite can be restored into PostgreSQL and the other way round. Short-lived tables are left out.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext

from indexes.database import Database, UtcDateTime
from service.tables import METADATA

Row: TypeAlias = dict[str, Any]
SHORT_LIVED: Final = frozenset({"web_sessions", "idempotency_keys"})
"""Tables whose rows mean nothing after a restore."""
_CHUNK: Final = 500


def table_names() -> list[str]:
    """The tables a backup holds, each after those it refers to."""
    return [table.name for table in METADATA.sorted_tables if table.name not in SHORT_LIVED]


def revision(database: Database) -> str:
    """The schema's revision."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


@contextlib.contextmanager
def snapshot(database: Database) -> Iterator[Callable[[str], Iterator[Row]]]:
    """A function that gives the rows of a table, all tables as they were at one moment; writers go on meanwhile."""
    options = {} if database.is_sqlite else {"isolation_level": "REPEATABLE READ"}
    with database.engine.connect().execution_options(**options) as connection, connection.begin() as transaction:

        def rows(name: str) -> Iterator[Row]:
            table = METADATA.tables[name]
            query = sa.select(table).order_by(*table.primary_key.columns)
            for row in connection.execution_options(yield_per=_CHUNK).execute(query):
                yield {column: _plain(value) for column, value in row._mapping.items()}

        yield rows
        transaction.rollback()


def is_unused(database: Database) -> bool:
    """Whether nothing was ever stored here but the marketplace and the space every service begins with."""
    with database.read() as connection:
        return not any(
            connection.execute(sa.select(sa.literal(1)).select_from(METADATA.tables[name]).limit(1)).first()
            for name in table_names()
            if name not in {"marketplaces", "counters", "spaces", "space_events"}
        )


def load(database: Database, tables: Iterable[tuple[str, Iterator[Row]]]) -> dict[str, int]:
    """Replace every row by those given, in one transaction; the counts. Tables come in the order of `table_names`."""
    counts: dict[str, int] = {}
    with database.write() as connection:
        for table in reversed(METADATA.sorted_tables):
            connection.execute(sa.delete(table))
        for name, rows in tables:
            counts[name] = _insert(connection, METADATA.tables[name], rows)
            if not database.is_sqlite:
                _move_sequence(connection, METADATA.tables[name])
    return counts


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterator[Row]) -> int:
    count, chunk = 0, []
    for row in rows:
        chunk.append({name: _typed(table.c[name], value) for name, value in row.items()})
        if len(chunk) == _CHUNK:
            connection.execute(sa.insert(table), chunk)
            count, chunk = count + len(chunk), []
    if chunk:
        connection.execute(sa.insert(table), chunk)
    return count + len(chunk)


def _move_sequence(connection: sa.Connection, table: sa.Table) -> None:
    """Let PostgreSQL number new rows after the restored ones; SQLite does by itself."""
    column = table.autoincrement_column
    if column is None:
        return
    sequence = connection.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, column.name)))
    highest = connection.scalar(sa.select(sa.func.max(column)))
    if sequence is not None and highest is not None:
        connection.execute(sa.select(sa.func.setval(sequence, highest)))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value.isoformat() if isinstance(value, datetime) else value


def _typed(column: sa.Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, sa.LargeBinary):
        return base64.b64decode(value)
    return datetime.fromisoformat(value) if isinstance(column.type, sa.DateTime | UtcDateTime) else value
