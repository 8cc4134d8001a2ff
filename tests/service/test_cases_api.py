"""Cases over HTTP: who sees which, what they show, how they are moved, and how the seller gets in."""

from __future__ import annotations

import base64
import dataclasses
from datetime import timedelta

import pytest

from indexes.database import utc_now
from service.cases import Acting, Cases
from service.cases.cases import MOST_MESSAGES
from tests.callers import as_role
from tests.photographs import jpeg

NOTICE = {
    "signature": "S. Eller",
    "statement": "I took this photograph myself.",
    "name": "S. Eller",
    "address": "1 Road, Town",
    "jurisdiction": "Berlin",
}
COPYRIGHT = {"type": "copyright", "title": "Photographs", "owner": "Acme", "territories": ["WO"]}
HOSTILE = '<script>alert(1)</script> =HYPERLINK("http://x") \' OR 1=1 -- \u202e'


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL."""
    return dataclasses.replace(settings, database_url=database_url, public_url="https://shop.example/bw/")


@pytest.fixture
def reference(client, brand) -> dict:
    """A photo of the brand."""
    fields = {"data": {"kind": "photo"}, "files": {"image": jpeg("coffee")}}
    return client.post(f"/v1/brands/{brand}/references", **fields).json()


def judge(client, *pictures: bytes, **fields) -> dict:
    images = [{"data": base64.b64encode(data).decode()} for data in pictures or (jpeg("coffee", 70),)]
    answer = client.post("/v1/listings", json={"listing_id": "A-1", "seller_id": "s-9", "images": images, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def case_id(client, reference) -> str:
    """An open case."""
    return judge(client, title="Cup")["matches"][0]["case_id"]


@pytest.fixture
def reviewer(client) -> dict[str, str]:
    """The headers of a reviewer."""
    return as_role(client, "reviewer")


@pytest.fixture
def owner(client, brand) -> dict[str, str]:
    """The headers of the brand, which has shown a copyright."""
    assert client.post(f"/v1/brands/{brand}/rights", json=COPYRIGHT).status_code == 201
    return as_role(client, "brand", brand_id=brand)


@pytest.fixture
def seller(client, case_id) -> dict[str, str]:
    """The headers of the seller of the case."""
    return {"Authorization": f"Bearer {client.post(f'/v1/cases/{case_id}/seller-link').json()['token']}"}


def get(client, case_id, headers=None) -> dict:
    answer = client.get(f"/v1/cases/{case_id}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def act(client, case_id, action, headers=None, **body):
    version = client.get(f"/v1/cases/{case_id}").json()["evidence_version"]
    sent = {"action": action, "reason": "because", "evidence_version": version, **body}
    return client.post(f"/v1/cases/{case_id}/actions", json=sent, headers=headers)


def test_a_case_shows_what_it_stands_on(client, brand, reference, case_id, reviewer):
    case = get(client, case_id, reviewer)
    assert (case["state"], case["brand_id"], case["brand"], case["kind"]) == ("open", brand, "Acme", "stolen_photo")
    assert (case["listing"]["title"], case["listing"]["listing_id"], case["seller_id"]) == ("Cup", "A-1", "s-9")
    assert (case["match"]["reference_id"], case["match"]["case_id"]) == (reference["id"], case_id)
    assert case["match"] == client.get("/v1/listings/default/A-1").json()["matches"][0]
    assert (case["clock"], case["messages"], case["proofs"], case["evidence_version"]) == (None, [], [], 1)
    assert [entry["action"] for entry in case["audit"]] == ["opened"]
    assert case["allowed_actions"] == ["start_review", "hold", "remove", "dismiss"]
    assert case["features"]


def test_the_whole_way_over_http(client, case_id, reviewer, owner, seller):
    assert act(client, case_id, "start_review", reviewer).json()["state"] == "in_review"
    held = act(client, case_id, "confirm", owner).json()
    assert (held["state"], held["clock"]["whose_turn"], held["clock"]["on_silence"]) == ("held", "seller", "remove")
    noticed = act(client, case_id, "counter_notice", seller, counter_notice=NOTICE).json()
    assert (noticed["state"], noticed["clock"]["whose_turn"]) == ("counter_noticed", "brand")
    assert noticed["audit"][-1]["details"] == {"counter_notice": NOTICE}
    upheld = act(client, case_id, "uphold", reviewer).json()
    assert (upheld["state"], upheld["clock"], upheld["allowed_actions"]) == ("upheld", None, [])
    assert act(client, case_id, "appeal", seller).json()["state"] == "in_review"
    assert act(client, case_id, "dismiss", reviewer).status_code == 409
    assert act(client, case_id, "dismiss", as_role(client, "reviewer")).json()["state"] == "dismissed"
    (verdict,) = [item["verdict"] for item in client.get("/v1/verdicts").json()["items"]][1:]
    assert verdict == "not_a_match"


@pytest.mark.parametrize(
    "right",
    [
        None,
        {**COPYRIGHT, "type": "design", "registration_number": "1"},
        {**COPYRIGHT, "territories": ["DE"]},
        {**COPYRIGHT, "valid_until": "2020-01-01"},
    ],
)
def test_a_brand_confirms_only_what_its_rights_cover(client, brand, reference, reviewer, right):
    case_id = judge(client, territories=["DE", "FR"])["matches"][0]["case_id"]
    headers = as_role(client, "brand", brand_id=brand)
    if right is not None:
        assert client.post(f"/v1/brands/{brand}/rights", json=right).status_code == 201
    assert get(client, case_id, headers)["allowed_actions"] == ["withdraw"]
    refused = act(client, case_id, "confirm", headers)
    assert (refused.status_code, refused.json()["state"]) == (409, "open")
    assert "copyright" in refused.json()["detail"]
    france = {**COPYRIGHT, "territories": ["FR", "DE"]}
    assert client.post(f"/v1/brands/{brand}/rights", json=france).status_code == 201
    assert get(client, case_id, headers)["allowed_actions"] == ["confirm", "withdraw"]
    assert act(client, case_id, "confirm", headers).json()["state"] == "held"


def test_one_side_cannot_use_up_what_the_others_have_to_say(client, runtime, case_id, reviewer, seller):
    for number in range(MOST_MESSAGES):
        runtime.cases.say(case_id, Acting("seller", "tok"), f"{number}")
    say = {"json": {"text": "one more"}}
    assert client.post(f"/v1/cases/{case_id}/messages", headers=seller, **say).status_code == 409
    assert client.post(f"/v1/cases/{case_id}/messages", headers=reviewer, **say).status_code == 201


def test_a_reviewer_decides_without_the_brands_right(client, case_id, reviewer):
    assert act(client, case_id, "remove", reviewer).json()["state"] == "taken_down"


def test_what_is_refused_says_what_is(client, case_id, reviewer, owner):
    assert act(client, case_id, "hold", owner).status_code == 403
    refused = act(client, case_id, "uphold", reviewer)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/conflict")
    judge(client, jpeg("coffee", 71))
    stale = act(client, case_id, "hold", reviewer, evidence_version=1)
    assert (stale.status_code, stale.json()["evidence_version"], stale.json()["state"]) == (409, 2, "open")
    assert act(client, case_id, "hold", reviewer).status_code == 200
    seen = act(client, case_id, "remove", reviewer, state="open")
    assert (seen.status_code, seen.json()["state"]) == (409, "held")


REFUSED = [
    {"reason": ""},
    {"reason": " \t"},
    {"reason": "x" * 4001},
    {"reason": "\x00"},
    {"action": "submit_proof"},
    {"action": "explode"},
    {"evidence_version": 0},
    {"evidence_version": None},
    {"evidence_version": 1 << 40},
    {"state": "closed"},
    {"counter_notice": NOTICE},
    {"action": "counter_notice"},
    *({"action": "counter_notice", "counter_notice": {**NOTICE, name: ""}} for name in NOTICE),
    *({"action": "counter_notice", "counter_notice": {**NOTICE, name: "x" * 4001}} for name in NOTICE),
    {"action": "counter_notice", "counter_notice": {name: NOTICE[name] for name in NOTICE if name != "address"}},
    {"colour": "red"},
]


def test_what_is_no_action(client, case_id):
    before = get(client, case_id)
    for change in REFUSED:
        body = {"action": "hold", "reason": "because", "evidence_version": 1, **change}
        assert client.post(f"/v1/cases/{case_id}/actions", json=body).status_code == 422, change
    assert get(client, case_id) == before


def test_a_missing_field_is_refused(client, case_id):
    for missing in ("action", "reason", "evidence_version"):
        body = {"action": "hold", "reason": "because", "evidence_version": 1}
        del body[missing]
        assert client.post(f"/v1/cases/{case_id}/actions", json=body).status_code == 422


def test_texts_stay_as_they_were_written(client, case_id, reviewer, seller):
    held = act(client, case_id, "hold", reviewer, reason=HOSTILE).json()
    assert held["audit"][-1]["reason"] == HOSTILE
    assert client.post(f"/v1/cases/{case_id}/messages", json={"text": HOSTILE}, headers=seller).status_code == 201
    assert get(client, case_id)["messages"][0]["text"] == HOSTILE
    noticed = act(client, case_id, "counter_notice", seller, counter_notice={**NOTICE, "name": HOSTILE}).json()
    assert noticed["audit"][-1]["details"]["counter_notice"]["name"] == HOSTILE


def test_every_side_reads_what_is_said_and_a_seller_learns_no_names(client, case_id, reviewer, owner, seller):
    act(client, case_id, "start_review", reviewer)
    for headers in (reviewer, owner, seller):
        said = client.post(f"/v1/cases/{case_id}/messages", json={"text": "hello"}, headers=headers)
        assert said.status_code == 201
        assert said.json()["author"]["id"]
    inside, brands, sellers = (get(client, case_id, headers) for headers in (reviewer, owner, seller))
    names = [message["author"]["role"] for message in sellers["messages"]]
    assert names == ["reviewer", "brand", "seller"]
    assert all(message["author"]["id"] for message in inside["messages"])
    assert [bool(message["author"]["id"]) for message in brands["messages"]] == [False, True, False]
    assert [bool(message["author"]["id"]) for message in sellers["messages"]] == [False, False, True]
    assert inside["reviewer"] is not None
    assert (brands["reviewer"], sellers["reviewer"]) == (None, None)
    for shown in (brands, sellers):
        for entry in shown["audit"]:
            assert entry["actor"]["id"] is None or entry["actor"]["role"] in {"system", "brand", "seller"}
    assert "key_" not in client.get(f"/v1/cases/{case_id}", headers=seller).text


def test_the_sellers_link(client, case_id, reviewer, seller):
    link = client.post(f"/v1/cases/{case_id}/seller-link", headers=reviewer)
    body = link.json()
    assert (link.status_code, body["url"]) == (201, f"https://shop.example/bw/seller/{body['token']}")
    mine = {"Authorization": f"Bearer {body['token']}"}
    assert [item["id"] for item in client.get("/v1/cases", headers=mine).json()["items"]] == [case_id]
    linked = get(client, case_id, reviewer)["audit"][-1]
    assert (linked["action"], linked["actor"]["role"]) == ("linked", "reviewer")
    assert body["token"] not in client.get(f"/v1/cases/{case_id}").text
    for token in (body["token"][:-1], body["token"] + "x", "bw_case_", "bw_case_" + "A" * 43):
        assert client.get("/v1/cases", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    for path in ("/v1/listings", "/v1/verdicts", "/v1/brands", "/v1/keys", "/v1/jobs"):
        assert client.get(path, headers=mine).status_code == 403
    assert client.post(f"/v1/cases/{case_id}/seller-link", headers=seller).status_code == 403


def test_a_link_ends_with_its_time_and_with_its_case(client, runtime, case_id, reviewer):
    token = client.post(f"/v1/cases/{case_id}/seller-link").json()["token"]
    later = {"time": utc_now()}
    cases = Cases(runtime.database, kept=timedelta(days=30), clock=lambda: later["time"])
    assert cases.tokens.find(token).case_id == case_id
    later["time"] += timedelta(days=179)
    assert cases.tokens.find(token) is not None
    act(client, case_id, "dismiss", reviewer)
    assert cases.tokens.find(token) is None
    later["time"] -= timedelta(days=178)
    assert cases.tokens.find(token) is not None
    later["time"] += timedelta(days=200)
    assert cases.tokens.find(token) is None


def test_pictures_of_a_case(client, case_id, reviewer, owner, seller):
    for headers in (reviewer, owner, seller):
        image = client.get(f"/v1/cases/{case_id}/images/0", headers=headers)
        assert (image.content, image.headers["content-type"]) == (jpeg("coffee", 70), "image/jpeg")
        assert "sandbox" in image.headers["content-security-policy"]
        assert client.get(f"/v1/cases/{case_id}/reference", headers=headers).content == jpeg("coffee")
    again = client.get(f"/v1/cases/{case_id}/images/0", headers={"If-None-Match": image.headers["etag"]})
    assert again.status_code == 304
    assert client.get(f"/v1/cases/{case_id}/images/1").status_code == 404
    assert client.get(f"/v1/cases/{case_id}/images/-1").status_code == 422


CALLS = [("GET", ""), ("GET", "/images/0"), ("GET", "/reference"), ("POST", "/actions"), ("POST", "/messages")]


def test_anothers_case_answers_like_one_that_does_not_exist(client, case_id):
    """A strange brand, and the seller of another case."""
    stranger = client.post("/v1/brands", json={"name": "Other"}).json()["id"]
    other = judge(client, listing_id="A-2")["matches"][0]["case_id"]
    link = client.post(f"/v1/cases/{other}/seller-link").json()["token"]
    callers = {
        "withdraw": as_role(client, "brand", brand_id=stranger),
        "counter_notice": {"Authorization": f"Bearer {link}"},
    }
    for action, headers in callers.items():
        deed = {"action": action, "reason": "because", "evidence_version": 1}
        notice = {"counter_notice": NOTICE} if action == "counter_notice" else {}
        bodies = {"/actions": deed | notice, "/messages": {"text": "hello"}}
        for method, path in CALLS:
            asked = {"json": bodies.get(path), "headers": headers}
            unseen = client.request(method, f"/v1/cases/{case_id}{path}", **asked)
            missing = client.request(method, f"/v1/cases/case_none{path}", **asked)
            assert (unseen.status_code, missing.status_code) == (404, 404), path
            assert {**unseen.json(), "request_id": None} == {**missing.json(), "request_id": None}
    assert [entry["action"] for entry in get(client, case_id)["audit"]] == ["opened"]


def test_lists_are_filtered_paged_and_each_ones_own(client, brand, reference, reviewer, owner):
    client.post("/v1/marketplaces", json={"slug": "shop", "name": "Shop"})
    ids = [judge(client, listing_id=f"A-{number}")["matches"][0]["case_id"] for number in range(3)]
    ids.append(judge(client, listing_id="A-0", marketplace="shop")["matches"][0]["case_id"])
    act(client, ids[0], "hold", reviewer)

    def listed(headers=reviewer, **query) -> list[str]:
        return [item["id"] for item in client.get("/v1/cases", params=query, headers=headers).json()["items"]]

    assert listed() == listed(owner) == ids[::-1]
    assert listed(state="held") == ids[:1]
    assert listed(marketplace="shop") == ids[3:]
    assert listed(brand_id=brand, kind="stolen_photo") == ids[::-1]
    assert listed(kind="logo_use") == listed(brand_id="brd_none") == []
    first = client.get("/v1/cases", params={"limit": 3}, headers=reviewer).json()
    rest = client.get("/v1/cases", params={"cursor": first["next_cursor"]}, headers=reviewer).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None
    assert first["items"][0] == get(client, ids[3], reviewer)
    stranger = client.post("/v1/brands", json={"name": "Other"}).json()["id"]
    theirs = as_role(client, "brand", brand_id=stranger)
    assert listed(theirs) == []
    assert client.get("/v1/cases", params={"brand_id": brand}, headers=theirs).status_code == 404
    assert client.get("/v1/cases", params={"state": "closed"}, headers=reviewer).status_code == 422
    assert client.get("/v1/cases", headers=as_role(client, "ingest", marketplace="shop")).status_code == 403


def test_an_action_is_done_once(client, case_id, reviewer):
    headers = {**reviewer, "Idempotency-Key": "once"}
    first = act(client, case_id, "hold", headers)
    again = act(client, case_id, "hold", headers)
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert [entry["action"] for entry in get(client, case_id)["audit"]] == ["opened", "hold"]


def test_clocks_of_a_marketplace_are_lengths(client):
    for length in ("4", "soon", "0s", "-1d", 0, -3, True, None, ["4d"], "9" * 30 + "d"):
        answer = client.patch("/v1/marketplaces/default", json={"clocks": {"seller_response": length}})
        assert answer.status_code == 422, length
    assert client.get("/v1/marketplaces/default").json()["clocks"] == {}


def test_only_clocks_that_there_are_can_be_set(client):
    assert client.patch("/v1/marketplaces/default", json={"clocks": {"lunch": "1h"}}).status_code == 422
