"""Verdicts over HTTP: on matches that exist, kept after the listing is gone."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from tests.callers import as_role
from tests.photographs import jpeg


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL."""
    return replace(settings, database_url=database_url)


@pytest.fixture
def match_id(client, brand) -> str:
    """A match in the listing A-1 of `default`."""
    client.post(f"/v1/brands/{brand}/references", data={"kind": "photo"}, files={"image": jpeg("coffee")})
    body = {"listing_id": "A-1", "images": [{"data": base64.b64encode(jpeg("coffee")).decode()}]}
    return client.post("/v1/listings", json=body).json()["matches"][0]["id"]


def say(client, match_id, verdict="infringing", headers=None, listing="default/A-1", **fields):
    body = {"match_id": match_id, "verdict": verdict, **fields}
    return client.post(f"/v1/listings/{listing}/verdicts", json=body, headers=headers)


def test_a_verdict_keeps_what_training_needs(client, brand, match_id):
    made = say(client, match_id, "not_a_match", note="another cup")
    assert made.status_code == 201
    body = made.json()
    assert (body["match_id"], body["verdict"], body["note"]) == (match_id, "not_a_match", "another cup")
    assert (body["brand_id"], body["kind"], body["listing_id"]) == (brand, "stolen_photo", "A-1")
    assert len(body["image_sha256"]) == 64
    assert client.get("/v1/verdicts").json()["items"] == [body]


def test_a_verdict_outlives_its_listing(client, match_id):
    body = say(client, match_id).json()
    client.delete("/v1/listings/default/A-1")
    assert client.get("/v1/verdicts").json()["items"] == [body]
    assert say(client, match_id).status_code == 404


def test_a_match_of_another_listing_is_missing(client, match_id):
    assert say(client, "mat_absent").status_code == 404
    assert say(client, match_id, listing="default/A-2").status_code == 404


def test_a_word_that_is_no_verdict_is_refused(client, match_id):
    assert say(client, match_id, "maybe").status_code == 422


def test_roles_and_marketplaces(client, brand, match_id):
    client.post("/v1/marketplaces", json={"slug": "shop", "name": "Shop"})
    ingest, elsewhere = as_role(client, "ingest"), as_role(client, "ingest", marketplace="shop")
    reviewer, own = as_role(client, "reviewer"), as_role(client, "brand", brand_id=brand)
    assert say(client, match_id, headers=ingest).status_code == 201
    assert say(client, match_id, headers=reviewer).status_code == 201
    assert say(client, match_id, headers=elsewhere).status_code == 404
    assert say(client, match_id, headers=own).status_code == 403
    assert client.get("/v1/verdicts", headers=ingest).status_code == 403
    assert len(client.get("/v1/verdicts", headers=reviewer).json()["items"]) == 2


def test_verdicts_page_and_filter(client, match_id):
    made = [say(client, match_id, note=str(number)).json() for number in range(3)]
    first = client.get("/v1/verdicts", params={"limit": 2}).json()
    rest = client.get("/v1/verdicts", params={"cursor": first["next_cursor"]}).json()
    assert first["items"] + rest["items"] == made
    assert client.get("/v1/verdicts", params={"marketplace": "shop"}).json()["items"] == []
