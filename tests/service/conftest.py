"""What several service tests begin with."""

from __future__ import annotations

import pytest


@pytest.fixture
def brand(client) -> str:
    """The id of a verified brand."""
    return client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
