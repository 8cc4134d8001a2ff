"""The schema's history: Alembic migrations inside the package, run when a runtime opens.

`upgrade` takes a lock, so that two processes that start at once migrate once, and refuses a database that a newer
release has already moved on.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from indexes.database import Database

_LOCK_KEY = 0x6272616E64  # "brand": the advisory lock every release agrees on


class DatabaseTooNew(Exception):
    """The database was migrated by a newer release than this one."""


def upgrade(database: Database) -> None:
    """Bring the schema to this release's revision. `DatabaseTooNew` when it is past it."""
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    with _locked(database) as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current == scripts.get_current_head():
            return
        if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
            raise DatabaseTooNew(
                f"The database is at revision {current}, which this release does not know; "
                "start the newer release that made it, or restore a backup from before."
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "service:migrations")
    config.set_main_option("path_separator", "os")
    return config


@contextlib.contextmanager
def _locked(database: Database) -> Iterator[sa.Connection]:
    """A connection in one write transaction that no other process migrates beside."""
    with contextlib.ExitStack() as stack:
        if database.is_sqlite and database.url.database not in (None, "", ":memory:"):
            lock = stack.enter_context(Path(f"{database.url.database}.migrating").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)  # closing the file gives the lock back
        connection = stack.enter_context(database.write())
        if not database.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_KEY)))
        yield connection
