"""Fixtures every test may use: the two databases, settings in a temporary directory, a runtime, an app, a client."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from indexes.database import Database
from service.app import create_app
from service.migrations import upgrade
from service.runtime import Runtime
from service.settings import Settings
from tests import postgres
from tests.fakes import ThumbnailEmbedder
from vision.embedders import load_embedder
from vision.embedding import Embedder

OPERATOR_KEY = "bw_operator_of_the_tests"
ABSENT = "PostgreSQL's server programs (initdb, postgres) are not installed, so its tests cannot run"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright leaves an event loop running in this thread, and `asyncio.run` wants none."""
    items.sort(key=lambda item: "browser" in getattr(item, "fixturenames", ()))


@pytest.fixture(autouse=True)
def _logging_as_found() -> Iterator[None]:
    """A command run inside a test sends the logs to the stream of that test, which is closed when it ends."""
    loggers = [logging.getLogger(name) for name in (None, "brandwarden", "uvicorn.error")]
    found = [(logger, list(logger.handlers), logger.level) for logger in loggers]
    yield
    for logger, handlers, level in found:
        logger.handlers[:] = handlers
        logger.setLevel(level)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory) -> Path:
    """An empty SQLite database with the newest schema; made once, because making it takes longer than most tests."""
    path = tmp_path_factory.mktemp("schema") / "brandwarden.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


@pytest.fixture
def settings(tmp_path: Path, migrated: Path) -> Settings:
    """Defaults, everything stored below `tmp_path`, the operator key known, references compared when a test asks."""
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(migrated, folder / migrated.name)
    return Settings(data_dir=folder, operator_key=OPERATOR_KEY, port=0, compare_seconds=0)


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    """An open runtime with a small, fast embedder; everything else in it is real."""
    opened = Runtime.open(settings, embedder=ThumbnailEmbedder())
    yield opened
    opened.close()


@pytest.fixture
def app(settings: Settings, runtime: Runtime) -> FastAPI:
    """The application on `runtime`."""
    return create_app(settings, runtime=runtime)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client of `app` that calls as the operator."""
    with TestClient(app, headers={"Authorization": f"Bearer {OPERATOR_KEY}"}) as opened:
        yield opened


@pytest.fixture(scope="session")
def shipped_embedder() -> Embedder:
    """The shipped model, loaded once for the session."""
    return load_embedder()


@pytest.fixture(scope="session")
def real_runtime(tmp_path_factory, shipped_embedder: Embedder) -> Iterator[Runtime]:
    """A runtime with the shipped model, shared by the session: make a brand of your own and ask for it alone."""
    real = Settings(
        data_dir=tmp_path_factory.mktemp("real") / "data", operator_key=OPERATOR_KEY, port=0, compare_seconds=0
    )
    opened = Runtime.open(real, embedder=shipped_embedder)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def real_client(real_runtime: Runtime) -> Iterator[TestClient]:
    """A client of the service with the shipped model, calling as the operator."""
    served = create_app(real_runtime.settings, runtime=real_runtime)
    with TestClient(served, headers={"Authorization": f"Bearer {OPERATOR_KEY}"}) as opened:
        yield opened


@pytest.fixture(scope="session")
def postgresql_cluster():
    """A running private PostgreSQL, or None where its programs are missing."""
    cluster = postgres.start()
    yield cluster
    if cluster is not None:
        cluster.stop()


@pytest.fixture
def postgresql(postgresql_cluster) -> postgres.Cluster:
    """The running PostgreSQL. Without it: a skip, and in CI a failure."""
    if postgresql_cluster is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(ABSENT)
    return postgresql_cluster


@pytest.fixture(scope="session")
def migrated_template(postgresql_cluster) -> str | None:
    """The URL of a database with the newest schema that others are copied from: ten times as fast as migrating each."""
    if postgresql_cluster is None:
        return None
    url = postgresql_cluster.create_database()
    database = Database(url)
    upgrade(database)
    database.close()
    return url


@pytest.fixture
def postgresql_url(postgresql, migrated_template) -> Iterator[str]:
    """The URL of a database of PostgreSQL with the newest schema and no rows."""
    url = postgresql.create_database(migrated_template)
    yield url
    postgresql.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path, migrated) -> str:
    """The URL of a database with the newest schema and no rows, once for each kind."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_url")
    return f"sqlite:///{shutil.copy(migrated, tmp_path / 'test.db')}"


@pytest.fixture
def database(database_url) -> Iterator[Database]:
    """A database with the newest schema, once for each kind."""
    opened = Database(database_url)
    yield opened
    opened.close()
