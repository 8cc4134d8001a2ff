"""What several service tests begin with."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.runtime import Runtime
from tests.conftest import OPERATOR_KEY
from tests.fakes import ThumbnailEmbedder


@pytest.fixture
def brand(client) -> str:
    """The id of a verified brand."""
    return client.post("/v1/brands", json={"name": "Acme"}).json()["id"]


@pytest.fixture
def either(settings, database_url) -> Iterator[TestClient]:
    """An operator's client of a service on SQLite, and on PostgreSQL."""
    opened = Runtime.open(dataclasses.replace(settings, database_url=database_url), embedder=ThumbnailEmbedder())
    with TestClient(create_app(opened.settings, runtime=opened)) as client:
        client.headers["Authorization"] = f"Bearer {OPERATOR_KEY}"
        yield client
    opened.close()


@pytest.fixture
def brand_of_either(either) -> str:
    """The id of a verified brand there."""
    return either.post("/v1/brands", json={"name": "Acme"}).json()["id"]
