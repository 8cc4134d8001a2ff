"""The runtime of service tests: everything real but the embedder, which is small."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.runtime import Runtime
from service.settings import Settings
from tests.fakes import ThumbnailEmbedder


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    """An open runtime with a small embedder."""
    opened = Runtime.open(settings, embedder=ThumbnailEmbedder())
    yield opened
    opened.close()


@pytest.fixture
def brand(client) -> str:
    """The id of a verified brand."""
    return client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
