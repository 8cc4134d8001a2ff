"""Marketplaces: `default` always exists; others are made, changed and named by their slug."""

from __future__ import annotations

import threading

import pytest

from indexes.errors import Conflict, NotFound
from service.marketplaces import Marketplaces


def test_default_exists_and_is_made_once_by_whoever_comes_first(database):
    threads = [threading.Thread(target=Marketplaces(database).ensure_default) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [item.slug for item in Marketplaces(database).list().items] == ["default"]


def test_a_slug_is_taken_once(database):
    marketplaces = Marketplaces(database)
    made = marketplaces.create("bazaar", "Bazaar", territories=["EU"], clocks={"seller_response": 4.0})
    assert marketplaces.get("bazaar") == made
    with pytest.raises(Conflict) as conflict:
        marketplaces.create("bazaar", "Again")
    assert conflict.value.existing_id == "bazaar"
    with pytest.raises(NotFound):
        marketplaces.get("nowhere")
    with pytest.raises(NotFound):
        marketplaces.update("nowhere", name="X")


def test_over_http(client):
    body = {
        "slug": "bazaar",
        "name": "Bazaar",
        "territories": ["EU", "CH"],
        "clocks": {"seller_response": 4, "counter_notice": "10bd"},
    }
    made = client.post("/v1/marketplaces", json=body)
    assert made.status_code == 201
    assert {name: made.json()[name] for name in body} == body
    changed = client.patch("/v1/marketplaces/bazaar", json={"strike_points": {"stolen_photo": 2}})
    assert changed.json() == {**made.json(), "strike_points": {"stolen_photo": 2}}
    assert client.get("/v1/marketplaces/bazaar").json() == changed.json()
    assert [item["slug"] for item in client.get("/v1/marketplaces").json()["items"]] == ["default", "bazaar"]
    assert client.post("/v1/marketplaces", json=body).status_code == 409
    assert client.get("/v1/marketplaces/nowhere").status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"slug": "Upper"},
        {"slug": "a/b"},
        {"slug": ""},
        {"name": ""},
        {"territories": ["eu"]},
        {"clocks": {"seller_response": -1}},
        {"strike_points": {"x": "many"}},
        {"colour": "red"},
    ],
)
def test_a_bad_marketplace_is_refused(client, change):
    answer = client.post("/v1/marketplaces", json={"slug": "bazaar", "name": "Bazaar", **change})
    assert answer.status_code == 422
    assert client.get("/v1/marketplaces/bazaar").status_code == 404
