"""The schema's history: complete, safe to run twice at once, and never backwards by accident."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from indexes.database import Database
from service.migrations import DatabaseTooNew, upgrade
from service.tables import METADATA


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path):
    cluster = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    opened = Database(cluster.create_database() if cluster else f"sqlite:///{tmp_path / 'empty.db'}")
    yield opened
    opened.close()
    if cluster:
        cluster.drop_database(opened.url.render_as_string(hide_password=False))


def test_the_migrated_schema_is_the_declared_one(empty):
    upgrade(empty)
    with empty.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_upgrading_again_changes_nothing(empty):
    upgrade(empty)
    with empty.write() as connection:
        connection.execute(sa.text("INSERT INTO counters (name, value) VALUES ('kept', 7)"))
    upgrade(empty)
    with empty.read() as connection:
        assert connection.scalar(sa.text("SELECT value FROM counters WHERE name = 'kept'")) == 7


def test_processes_that_start_at_once_migrate_once(empty):
    databases = [Database(empty.url.render_as_string(hide_password=False)) for _ in range(4)]
    barrier, failures = threading.Barrier(len(databases)), []

    def start(database):
        barrier.wait()
        try:
            upgrade(database)
        except Exception as error:  # noqa: BLE001  # whatever it is, the test shows it
            failures.append(error)

    threads = [threading.Thread(target=start, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert failures == []
    with empty.read() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM alembic_version")) == 1


def test_a_database_of_a_newer_release_is_refused_and_left_alone(empty):
    upgrade(empty)
    with empty.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseTooNew, match="9999"):
        upgrade(empty)
    with empty.read() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "9999"


def test_a_migration_that_fails_leaves_nothing_behind(empty):
    with empty.write() as connection:
        connection.execute(sa.text("CREATE TABLE marketplaces (pk integer)"))
    with pytest.raises(sa.exc.DBAPIError):
        upgrade(empty)
    assert sa.inspect(empty.engine).get_table_names() == ["marketplaces"]
