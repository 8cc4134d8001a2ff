"""Webhooks over HTTP: made, shown without secrets, told of what really happens, and refused when they lead astray."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.photographs import jpeg
from tests.service.webhooks.conftest import until
from tests.service.webhooks.receiver import Receiver


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL, and deliveries reach loopback."""
    return replace(settings, database_url=database_url, fetch_allow=("127.0.0.1",))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.end()


def make(client, url, *events, **more):
    return client.post("/v1/webhooks", json={"url": url, "events": list(events), **more})


def test_an_endpoint_is_told_what_the_interface_shows(client, brand, receiver):
    made = make(client, receiver.url, "listing.decided", "reference.*")
    assert made.status_code == 201, made.text
    secret = made.json()["secret"]
    files = {"image": jpeg("coffee")}
    reference = client.post(f"/v1/brands/{brand}/references", data={"kind": "photo"}, files=files).json()
    path = f"/v1/brands/{brand}/references/{reference['id']}"
    picture = base64.b64encode(jpeg("coffee", 70)).decode()
    client.post("/v1/listings", json={"listing_id": "A-1", "images": [{"data": picture}]})
    shown = {
        "reference.active": client.get(path).json(),
        "listing.decided": client.get("/v1/listings/default/A-1").json(),
        "reference.disabled": client.patch(path, json={"status": "disabled"}).json(),
    }
    shown["reference.deleted"] = shown["reference.disabled"]
    client.delete(path)
    told = {message["type"]: message["data"] for message in (one.verified(secret) for one in receiver.wait(4))}
    assert told == shown


def test_the_secret_is_shown_once(client, receiver):
    made = make(client, receiver.url, "case.held").json()
    assert made["secret"].startswith("whsec_")
    listed = client.get("/v1/webhooks").json()["items"]
    assert [item["id"] for item in listed] == [made["id"]]
    assert made["secret"] not in client.get("/v1/webhooks").text
    assert {**listed[0], "secret": made["secret"]} == made


def test_a_delivery_is_shown_and_sent_again(client, receiver):
    hook = make(client, receiver.url, "listing.decided").json()["id"]
    picture = base64.b64encode(jpeg("coffee")).decode()
    client.post("/v1/listings", json={"listing_id": "A-1", "images": [{"data": picture}]})
    path = f"/v1/webhooks/{hook}/deliveries"
    (delivery,) = until(lambda: client.get(path, params={"state": "delivered"}).json()["items"])
    assert delivery["next_attempt_at"] is None
    again = client.post(f"{path}/{delivery['id']}/retry")
    assert again.status_code == 200, again.text
    first, second = receiver.wait(2)
    assert first.id == second.id == delivery["id"]
    assert client.post(f"{path}/msg_unknown/retry").status_code == 404


def test_a_deleted_endpoint_is_gone_with_its_deliveries(client, receiver):
    hook = make(client, receiver.url, "listing.decided").json()["id"]
    assert client.delete(f"/v1/webhooks/{hook}").status_code == 204
    assert client.get(f"/v1/webhooks/{hook}/deliveries").status_code == 404
    assert client.delete(f"/v1/webhooks/{hook}").status_code == 404


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "https://10.0.0.1/",
        "https://[::ffff:169.254.169.254]/latest",
        "https://127.0.0.2/",
        "https://user:password@127.0.0.1/",
        "https://127.0.0.1/#fragment",
        "ftp://127.0.0.1/",
        "javascript:alert(1)",
        "https://",
        "https://127.0.0.1/" + "x" * 2048,
        "",
    ],
)
def test_urls_that_lead_inside_or_nowhere_are_refused(client, url):
    answer = make(client, url, "case.held")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["loc"][-1] == "url"


@pytest.mark.parametrize(
    "body",
    [
        {"events": []},
        {"events": ["case.unheard_of"]},
        {"events": ["<script>alert(1)</script>"]},
        {"events": ["*"]},
        {"events": ["case.held"] * 10_000},
        {"events": ["case.held"], "decisions": ["hold"]},
        {"events": ["listing.decided"], "decisions": ["<b>"]},
        {"events": ["reference.active"], "marketplace": "default"},
        {"events": ["case.held\x00"]},
        {"events": "case.held"},
        {"events": ["case.held"], "secret": "whsec_mine"},
    ],
)
def test_what_cannot_be_asked_for_is_refused(client, receiver, body):
    answer = client.post("/v1/webhooks", json={"url": receiver.url, **body})
    assert answer.status_code == 422, answer.text
    assert "<script" not in answer.text
    assert client.get("/v1/webhooks").json()["items"] == []


def test_a_marketplace_has_to_exist(client, receiver):
    assert make(client, receiver.url, "case.held", marketplace="nowhere").status_code == 404


def test_there_are_fifty_at_most(client, receiver):
    statuses = [make(client, receiver.url, "case.held").status_code for _ in range(51)]
    assert statuses == [201] * 50 + [409]


def test_an_erased_listing_takes_its_messages_along(client, receiver):
    hook = make(client, receiver.url, "listing.decided").json()["id"]
    picture = base64.b64encode(jpeg("coffee")).decode()
    for name in ("A-1", "A-2"):
        client.post("/v1/listings", json={"listing_id": name, "images": [{"data": picture}]})
    path = f"/v1/webhooks/{hook}/deliveries"
    until(lambda: len(client.get(path, params={"state": "delivered"}).json()["items"]) == 2)
    client.delete("/v1/listings/default/A-1")
    assert len(client.get(path).json()["items"]) == 1


def test_metrics_tell_how_deliveries_do(client, receiver):
    make(client, receiver.url, "listing.decided")
    picture = base64.b64encode(jpeg("coffee")).decode()
    client.post("/v1/listings", json={"listing_id": "A-1", "images": [{"data": picture}]})
    until(lambda: 'brandwarden_webhook_attempts_total{outcome="delivered"} 1.0' in client.get("/metrics").text)
    page = client.get("/metrics").text
    assert 'brandwarden_webhook_deliveries{state="delivered"} 1.0' in page
    assert "brandwarden_webhook_lag_seconds 0.0" in page
