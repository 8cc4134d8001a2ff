"""Notices over HTTP: receipts, cases joined and opened, the fast lane, the desk. On both databases."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.standing import records as standing_records
from service.standing.values import Figures, Standing
from tests.callers import as_role
from tests.photographs import jpeg
from tests.service.notices.test_values import GOOD
from tests.service.statements.schema import check

NOTICE = {**GOOD, "urls": ["https://shop.example/A-1"]}


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL."""
    return replace(settings, database_url=database_url, notices_per_hour=3)


@pytest.fixture
def own(client, brand):
    """The header of the brand's key."""
    client.post(f"/v1/brands/{brand}/references", data={"kind": "photo"}, files={"image": jpeg("coffee")})
    right = {"type": "copyright", "title": "Cup", "owner": "Acme Ltd", "territories": []}
    assert client.post(f"/v1/brands/{brand}/rights", json=right).status_code == 201
    return as_role(client, "brand", brand_id=brand)


@pytest.fixture
def reviewer(client):
    return as_role(client, "reviewer")


@pytest.fixture
def fast(runtime, brand):
    """The brand has earned the fast lane for photos."""
    now = datetime.now(UTC)
    earned = Standing("stolen_photo", "fast", now, None, Figures(decided=10, upheld=10))
    with runtime.database.write() as connection:
        standing_records.write(connection, brand, earned, now + timedelta(days=1))


def list_one(client, listing_id="A-1", picture="coffee", **fields):
    body = {"listing_id": listing_id, "seller_id": "s-9", "url": f"https://shop.example/{listing_id}", **fields}
    body["images"] = [{"data": base64.b64encode(jpeg(picture, 70)).decode()}]
    return client.post("/v1/listings", json=body).json()


def send(client, headers, **changed):
    return client.post("/v1/notices", json={**NOTICE, **changed}, headers=headers)


def anybody(client, **changed):
    return send(client, {"Authorization": ""}, **changed)


def test_anybody_gets_a_receipt_that_tells_nothing_of_listings(client, own):
    list_one(client)
    known = anybody(client)
    unknown = anybody(client, urls=["https://shop.example/none"])
    assert known.status_code == unknown.status_code == 201
    for receipt in (known.json(), unknown.json()):
        assert receipt["id"].startswith("not_")
        assert receipt["state"] == "received"
        assert receipt["urls"][0]["outcome"] == "received"
    assert known.json()["next"] == unknown.json()["next"]


def test_a_notice_of_anybody_joins_the_case_and_acts_on_nothing(client, own, reviewer):
    case_id = list_one(client)["matches"][0]["case_id"]
    notice_id = anybody(client).json()["id"]
    notice = client.get(f"/v1/notices/{notice_id}", headers=reviewer).json()
    assert notice["urls"][0] == {
        "url": "https://shop.example/A-1",
        "outcome": "joined",
        "marketplace": "default",
        "listing_id": "A-1",
        "case_id": case_id,
    }
    case = client.get(f"/v1/cases/{case_id}", headers=reviewer).json()
    assert case["state"] == "open"
    assert [entry["action"] for entry in case["audit"]] == ["opened", "noticed"]
    assert "jane" not in str(case["audit"]).lower()


def test_a_brand_in_the_fast_lane_is_acted_on_at_once(client, own, fast, reviewer):
    case_id = list_one(client)["matches"][0]["case_id"]
    receipt = send(client, own).json()
    assert (receipt["state"], receipt["urls"][0]["outcome"]) == ("acted", "acted")
    assert client.get(f"/v1/cases/{case_id}").json()["state"] == "taken_down"
    stated = client.get(f"/v1/cases/{case_id}/statement").json()
    check(stated["record"])
    assert stated["record"]["source_type"] == "SOURCE_ARTICLE_16"
    assert stated["record"]["automated_decision"] == "AUTOMATED_DECISION_PARTIALLY"


def test_a_brand_without_the_right_or_the_lane_is_reviewed(client, own, brand):
    case_id = list_one(client)["matches"][0]["case_id"]
    receipt = send(client, own).json()
    assert (receipt["state"], receipt["urls"][0]["outcome"]) == ("in_review", "joined")
    assert client.get(f"/v1/cases/{case_id}").json()["state"] == "open"
    [standing] = client.get(f"/v1/brands/{brand}/standing", headers=own).json()["reasons"]
    assert (standing["reason"], standing["figures"]["pending"]) == ("stolen_photo", 1)


def test_the_fast_lane_needs_the_right_where_the_listing_is_sold(client, brand, fast):
    client.post(f"/v1/brands/{brand}/references", data={"kind": "photo"}, files={"image": jpeg("coffee")})
    list_one(client)
    assert send(client, as_role(client, "brand", brand_id=brand)).json()["urls"][0]["outcome"] == "joined"


def test_a_match_that_opened_no_case_gets_one(client, own, brand, reviewer):
    quiet = {"rules": [{"kind": "stolen_photo", "marketplace": "*", "monitor": 0.05, "review": None}]}
    assert client.put(f"/v1/brands/{brand}/policy", json=quiet).status_code == 200
    assert list_one(client)["matches"][0]["case_id"] is None
    url = send(client, own).json()["urls"][0]
    assert url["outcome"] == "opened"
    notice = client.get("/v1/notices", headers=own).json()["items"][0]
    case = client.get(f"/v1/cases/{notice['urls'][0]['case_id']}", headers=reviewer).json()
    assert (case["state"], case["audit"][0]["action"]) == ("open", "noticed")
    assert client.get("/v1/listings/default/A-1").json()["matches"][0]["case_id"] == case["id"]
    assert send(client, own).json()["urls"][0]["outcome"] == "joined"


def test_what_becomes_of_the_case_decides_the_notice(client, own, reviewer, brand):
    case_id = list_one(client)["matches"][0]["case_id"]
    notice_id = send(client, own).json()["id"]
    for action, state in (("remove", "founded"), ("reinstate", "unfounded")):
        deed = {"action": action, "reason": f"because {action}", "evidence_version": 1}
        assert client.post(f"/v1/cases/{case_id}/actions", json=deed, headers=reviewer).status_code == 200
        notice = client.get(f"/v1/notices/{notice_id}").json()
        assert (notice["state"], notice["decision_reason"]) == (state, f"because {action}")
    [standing] = client.get(f"/v1/brands/{brand}/standing").json()["reasons"]
    assert (standing["figures"]["decided"], standing["figures"]["upheld"]) == (1, 0)


def test_what_has_no_match_is_decided_at_the_desk(client, own, brand, reviewer):
    list_one(client, picture="rocket")
    receipt = send(client, own, urls=["https://shop.example/A-1", "https://shop.example/none"]).json()
    assert [url["outcome"] for url in receipt["urls"]] == ["no_match", "unknown_listing"]
    waiting = client.get("/v1/notices", params={"state": "received"}, headers=reviewer).json()["items"]
    assert [one["id"] for one in waiting] == [receipt["id"]]
    path = f"/v1/notices/{receipt['id']}/decision"
    assert client.post(path, json={"decision": "unfounded", "reason": " "}, headers=reviewer).status_code == 422
    decided = client.post(path, json={"decision": "unfounded", "reason": "another cup"}, headers=reviewer).json()
    assert (decided["state"], decided["decision_reason"]) == ("unfounded", "another cup")
    assert client.post(path, json={"decision": "founded", "reason": "x"}, headers=reviewer).status_code == 409
    [standing] = client.get(f"/v1/brands/{brand}/standing").json()["reasons"]
    assert (standing["reason"], standing["figures"]["rejected"]) == ("notice", 1)


def test_addresses_that_differ_in_nothing_that_matters_are_the_same(client, own):
    list_one(client)
    for url in ("http://SHOP.example/A-1", "https://shop.example/A-1/#photo"):
        assert send(client, own, urls=[url]).json()["urls"][0]["outcome"] == "joined"
    assert send(client, own, urls=["https://shop.example/a-1"]).json()["urls"][0]["outcome"] == "unknown_listing"


def test_without_a_key_it_is_rate_limited_and_incomplete_ones_do_not_count(client):
    assert [anybody(client, bona_fide=False).status_code for _ in range(5)] == [422] * 5
    assert [anybody(client).status_code for _ in range(4)] == [201, 201, 201, 429]
    assert int(anybody(client).headers["Retry-After"]) > 0


def test_who_may_send_and_read(client, own, reviewer):
    other = client.post("/v1/brands", json={"name": "Other"}).json()["id"]
    notice_id = send(client, own).json()["id"]
    assert client.get(f"/v1/notices/{notice_id}", headers=own).status_code == 200
    stranger = as_role(client, "brand", brand_id=other)
    assert client.get(f"/v1/notices/{notice_id}", headers=stranger).status_code == 404
    assert client.get("/v1/notices", headers=stranger).json()["items"] == []
    assert send(client, {"Authorization": "Bearer bw_nothing"}).status_code == 401
    assert send(client, reviewer).status_code == 403
    assert client.post(f"/v1/notices/{notice_id}/decision", json={}, headers=own).status_code == 403
    assert client.get("/v1/notices/not_none").status_code == 404


def test_another_brands_match_is_not_touched_by_a_notice(client, own, fast, reviewer):
    case_id = list_one(client)["matches"][0]["case_id"]
    other = client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
    receipt = send(client, as_role(client, "brand", brand_id=other)).json()
    assert receipt["urls"][0]["outcome"] == "no_match"
    assert client.get(f"/v1/cases/{case_id}").json()["state"] == "open"


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script> and more", "=HYPERLINK(1) and some more", "\u202e turned about, all of it"]
)
def test_hostile_text_is_kept_as_it_is_and_means_nothing(client, text, reviewer):
    notice_id = anybody(client, explanation=text, name=text).json()["id"]
    read = client.get(f"/v1/notices/{notice_id}", headers=reviewer)
    assert read.headers["content-type"] == "application/json"
    assert (read.json()["explanation"], read.json()["name"]) == (text, text)


def test_the_same_key_and_body_is_one_notice(client, own):
    headers = {**own, "Idempotency-Key": "once"}
    first, second = send(client, headers), send(client, headers)
    assert first.json() == second.json()
    assert len(client.get("/v1/notices").json()["items"]) == 1


def test_who_sent_it_is_forgotten_in_time(runtime, client, own, reviewer):
    notice_id = send(client, own, urls=["https://shop.example/none"]).json()["id"]
    client.post(f"/v1/notices/{notice_id}/decision", json={"decision": "founded", "reason": "x"}, headers=reviewer)
    assert runtime.trust.notices.forget(datetime.now(UTC) - timedelta(days=1)) == 0
    assert runtime.trust.notices.forget(datetime.now(UTC) + timedelta(days=1)) == 1
    notice = client.get(f"/v1/notices/{notice_id}").json()
    assert "jane" not in str(notice).lower()


def test_a_notice_whose_process_stopped_is_taken_up_again(runtime, client, own):
    list_one(client)
    notice_id = send(client, own).json()["id"]
    with runtime.database.write() as connection:
        connection.exec_driver_sql("UPDATE notice_urls SET outcome = NULL, case_id = NULL")
        connection.exec_driver_sql("UPDATE notices SET state = 'received'")
    assert runtime.trust.notices.pursue_left() == 0
    assert runtime.trust.notices.pursue_left(datetime.now(UTC) + timedelta(minutes=1)) == 1
    assert client.get(f"/v1/notices/{notice_id}").json()["state"] == "in_review"


def test_a_brand_that_anybody_registered_is_braked_and_told_like_anybody(client):
    list_one(client)
    made = client.post("/v1/register", json={"brand": "Nobody", "contact_email": "n@nobody.example"}).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    receipt = send(client, headers)
    assert (receipt.status_code, receipt.json()["urls"][0]["outcome"]) == (201, "received")
    shown = client.get(f"/v1/notices/{receipt.json()['id']}", headers=headers).json()["urls"]
    assert [(one["outcome"], one["marketplace"], one["listing_id"]) for one in shown] == [(None, None, None)]
    assert client.get("/v1/notices", headers=headers).json()["items"][0]["urls"] == shown
    assert [send(client, headers).status_code for _ in range(3)] == [201, 201, 429]
