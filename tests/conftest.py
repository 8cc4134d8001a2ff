"""Fixtures every test may use: the two databases, settings in a temporary directory, a runtime, an app, a client."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from indexes.database import Database
from service.app import create_app
from service.runtime import Runtime
from service.settings import Settings
from tests import postgres

OPERATOR_KEY = "bw_operator_of_the_tests"
ABSENT = "PostgreSQL's server programs (initdb, postgres) are not installed, so its tests cannot run"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Defaults, everything stored below `tmp_path`, loopback hosts fetchable, the operator key known."""
    return Settings(data_dir=tmp_path / "data", operator_key=OPERATOR_KEY, port=0)


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    """An open runtime."""
    opened = Runtime.open(settings)
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
def postgresql_cluster():
    """A running private PostgreSQL, or None where its programs are missing."""
    cluster = postgres.start()
    yield cluster
    if cluster is not None:
        cluster.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """The URL of an empty database, once for each kind. Without PostgreSQL: a skip, and in CI a failure."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    cluster = request.getfixturevalue("postgresql_cluster")
    if cluster is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(ABSENT)
    url = cluster.create_database()
    yield url
    cluster.drop_database(url)


@pytest.fixture
def database(database_url):
    """A database with every declared table, once for each kind."""
    opened = Database(database_url)
    opened.create_all()
    yield opened
    opened.close()
