"""The desk and its clock."""

from __future__ import annotations

import base64

import pytest

from tests.photographs import jpeg
from tests.service.cases.desk import Clock, Desk


@pytest.fixture
def clock() -> Clock:
    """A time that passes when told."""
    return Clock()


@pytest.fixture
def desk(database, clock) -> Desk:
    """Cases on an empty database, once for each kind."""
    return Desk(database, clock)


@pytest.fixture
def open_case(client, brand) -> str:
    """The id of an open case on the listing A-1 of `default`."""
    client.post(f"/v1/brands/{brand}/references", data={"kind": "photo"}, files={"image": jpeg("coffee")})
    body = {
        "listing_id": "A-1",
        "seller_id": "s-9",
        "images": [{"data": base64.b64encode(jpeg("coffee", 70)).decode()}],
    }
    (match,) = client.post("/v1/listings", json=body).json()["matches"]
    return match["case_id"]
