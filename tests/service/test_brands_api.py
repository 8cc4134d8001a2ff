"""Brands over HTTP: what an operator does to them and what a brand sees."""

from __future__ import annotations

import pytest

from tests.callers import as_role


def test_a_brand_is_made_read_changed_and_erased(client):
    made = client.post("/v1/brands", json={"name": " Acme "})
    assert made.status_code == 201
    brand = made.json()
    assert (brand["name"], brand["status"], brand["contact_email"]) == ("Acme", "verified", None)
    path = f"/v1/brands/{brand['id']}"
    changed = client.patch(path, json={"status": "suspended", "contact_email": "legal@acme.example"}).json()
    assert (changed["name"], changed["status"]) == ("Acme", "suspended")
    assert client.get(path).json() == changed
    assert client.patch(path, json={"contact_email": None}).json()["contact_email"] is None
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert client.delete(path).status_code == 404


def test_a_brand_sees_itself_and_no_other(client):
    mine, other = (client.post("/v1/brands", json={"name": name}).json()["id"] for name in ("Mine", "Other"))
    headers = as_role(client, "brand", brand_id=mine)
    assert client.get(f"/v1/brands/{mine}", headers=headers).status_code == 200
    assert [brand["id"] for brand in client.get("/v1/brands", headers=headers).json()["items"]] == [mine]
    unseen = client.get(f"/v1/brands/{other}", headers=headers)
    missing = client.get("/v1/brands/brd_nothing", headers=headers)
    assert unseen.status_code == missing.status_code == 404
    assert {**unseen.json(), "request_id": ""} == {**missing.json(), "request_id": ""}


def test_erasing_a_brand_ends_its_keys(client):
    brand_id = client.post("/v1/brands", json={"name": "Gone"}).json()["id"]
    headers = as_role(client, "brand", brand_id=brand_id)
    assert client.delete(f"/v1/brands/{brand_id}").status_code == 204
    assert client.get(f"/v1/brands/{brand_id}", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 201},
        {"name": "A", "status": "good"},
        {"name": "A", "colour": 1},
        {"name": "A", "contact_email": "nobody"},
        [],
    ],
)
def test_a_bad_brand_is_refused_with_the_place_of_the_error(client, body):
    answer = client.post("/v1/brands", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert client.get("/v1/brands").json()["items"] == []


def test_brands_come_in_pages(client):
    made = [client.post("/v1/brands", json={"name": f"Brand {n}"}).json()["id"] for n in range(5)]
    seen, cursor = [], None
    while True:
        page = client.get("/v1/brands", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [brand["id"] for brand in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made
    assert client.get("/v1/brands", params={"cursor": "nonsense"}).status_code == 422
    assert client.get("/v1/brands", params={"limit": 201}).status_code == 422
