"""Listings over HTTP: judged, replaced, polled, erased, each in its own marketplace."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from service.policies import Draft, Rule
from tests.callers import as_role
from tests.e2e.shop import PictureHost
from tests.photographs import jpeg, mark


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL."""
    return replace(settings, database_url=database_url)


def b64(data: bytes) -> dict[str, str]:
    return {"data": base64.b64encode(data).decode()}


def send(client, *pictures: bytes, headers=None, **fields):
    body = {"listing_id": "A-1", "images": [b64(data) for data in pictures], **fields}
    return client.post("/v1/listings", json=body, headers=headers)


@pytest.fixture
def reference(client, brand) -> dict:
    """A reference photo of the brand."""
    files, fields = {"image": jpeg("coffee")}, {"kind": "photo", "external_id": "SKU-1"}
    return client.post(f"/v1/brands/{brand}/references", data=fields, files=files).json()


@pytest.fixture
def logo(client, brand) -> dict:
    """A reference logo of the brand."""
    return client.post(f"/v1/brands/{brand}/references", data={"kind": "logo"}, files={"image": mark()}).json()


def test_a_stolen_photo_is_found_with_its_proof(client, brand, reference):
    answer = send(client, jpeg("chelsea"), jpeg("coffee", 70), title="Cup", seller_id="s-9")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    (match,) = body["matches"]
    assert match["id"].startswith("mat_")
    assert (match["kind"], match["brand_id"], match["brand"]) == ("stolen_photo", brand, "Acme")
    assert (match["reference_id"], match["external_id"], match["image_index"]) == (reference["id"], "SKU-1", 1)
    assert 0.5 <= match["confidence"] <= 1
    assert match["reasons"]
    assert len(match["box"]) == len(match["reference_box"]) == 4
    assert match["suppressed_by"] is None
    assert match["case_id"].startswith("case_")
    assert body["decision"] == "review"
    assert body["images"][1] == {
        "index": 1,
        "status": "ok",
        "width": 512,
        "height": 341,
        "sha256": hashlib.sha256(jpeg("coffee", 70)).hexdigest(),
    }
    assert body["space"] == "spc_thumbnail"
    assert body["index_generation"] >= 1
    assert body["calibration"]
    assert body["elapsed_ms"] >= 0


def test_a_clean_listing_is_clear(client, reference):
    body = send(client, jpeg("astronaut")).json()
    assert (body["decision"], body["matches"], body["marketplace"]) == ("clear", [], "default")


def test_what_was_sent_is_read_back(client, reference):
    sent = {
        "seller_id": "s-9",
        "title": "Cup",
        "url": "https://shop.example/cup",
        "price": {"amount": "19.90", "currency": "EUR"},
        "gtin": "4006381333931",
        "category": "kitchen",
        "territories": ["EU"],
        "listed_at": "2026-03-01T10:00:00Z",
    }
    made = send(client, jpeg("coffee"), **sent).json()
    read = client.get("/v1/listings/default/A-1")
    assert read.status_code == 200
    assert read.json() == made
    assert {name: made[name] for name in sent} == sent


def test_a_form_does_the_same(client, reference):
    listing = json.dumps({"listing_id": "F-1", "title": "Form", "images": [b64(jpeg("astronaut"))]})
    files = [("images", ("a.jpg", jpeg("coffee"))), ("images", ("b.jpg", jpeg("china")))]
    body = client.post("/v1/listings", data={"listing": listing}, files=files).json()
    assert [image["status"] for image in body["images"]] == ["ok", "ok", "ok"]
    assert [match["image_index"] for match in body["matches"]] == [1]


def test_one_corrupt_picture_does_not_stop_the_others(client, reference):
    body = send(client, b"not a picture", jpeg("coffee"), jpeg("coffee")[:2000]).json()
    assert [image["status"] for image in body["images"]] == ["error", "ok", "error"]
    assert body["images"][0]["problem"]["status"] == 415
    assert body["images"][0]["problem"]["type"] == "/problems/unsupported-image"
    assert body["decision"] == "review"
    assert client.get("/v1/listings/default/A-1").json() == body


def test_bad_base64_and_a_url_into_the_private_network_fail_alone(client, reference):
    images = [{"data": "%%%"}, {"url": "http://127.0.0.1:9/a.jpg"}, b64(jpeg("coffee"))]
    body = client.post("/v1/listings", json={"listing_id": "A-1", "images": images}).json()
    assert [image["status"] for image in body["images"]] == ["error", "error", "ok"]
    assert body["images"][1]["problem"]["type"] == "/problems/fetch-failed"


def test_a_listing_of_which_nothing_can_be_read_is_refused_and_not_stored(client):
    answer = send(client, b"x", b"")
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["errors"]] == [["images", 0], ["images", 1]]
    assert client.get("/v1/listings/default/A-1").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"listing_id": "A-1", "images": []},
        {"listing_id": "A-1"},
        {"listing_id": "", "images": [{"data": ""}]},
        {"listing_id": "a\nb", "images": [{"data": ""}]},
        {"images": [{"data": ""}]},
        {"listing_id": "A-1", "images": [{}]},
        {"listing_id": "A-1", "images": [{"data": "", "url": "https://a.example"}]},
        {"listing_id": "A-1", "images": [{"data": ""}], "price": {"amount": "free", "currency": "EUR"}},
        {"listing_id": "A-1", "images": [{"data": ""}], "listed_at": "yesterday"},
        {"listing_id": "A-1", "images": [{"data": ""}], "marketplace": "nowhere"},
        [],
    ],
)
def test_a_body_that_is_not_valid_names_its_errors(client, body):
    answer = client.post("/v1/listings", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"]


def test_malformed_json_is_400(client):
    assert client.post("/v1/listings", content=b'{"listing_id": ').status_code == 400


def test_twenty_one_pictures_are_refused(client):
    assert send(client, *[b"x"] * 21).status_code == 422
    files = [("images", ("a.jpg", b"x"))] * 21
    answer = client.post("/v1/listings", data={"listing": '{"listing_id": "A-1"}'}, files=files)
    assert answer.status_code == 422


def test_the_same_listing_again_replaces_the_result_and_counts_the_evidence(client, runtime, reference):
    first = send(client, jpeg("coffee", 70)).json()
    kept = first["images"][0]["sha256"]
    assert runtime.blobs.exists(kept)
    second = send(client, jpeg("coffee", 60)).json()
    assert (first["evidence_version"], second["evidence_version"]) == (1, 2)
    assert second["matches"][0]["id"] == first["matches"][0]["id"]
    third = send(client, jpeg("astronaut")).json()
    assert (third["evidence_version"], third["decision"], third["matches"]) == (3, "clear", [])
    assert runtime.blobs.exists(kept)  # the case that was opened stands on it
    assert client.get("/v1/listings/default/A-1").json() == third
    assert len(client.get("/v1/listings").json()["items"]) == 1


def test_a_reference_is_listed_once_however_many_pictures_show_it(client, reference):
    body = send(client, jpeg("coffee", 50), jpeg("coffee", 95), jpeg("coffee", 70)).json()
    assert len(body["matches"]) == 1


def test_confidence_rises_with_score_within_a_kind(client, brand, reference):
    files = {"image": jpeg("coffee", 40)}
    client.post(f"/v1/brands/{brand}/references", data={"kind": "photo"}, files=files)
    matches = send(client, jpeg("coffee", 30)).json()["matches"]
    assert len(matches) == 2
    by_score = sorted(matches, key=lambda match: match["score"])
    assert [match["confidence"] for match in by_score] == sorted(match["confidence"] for match in matches)


def test_matches_of_an_unverified_brand_are_shown_and_do_not_count(client, brand, reference):
    client.patch(f"/v1/brands/{brand}", json={"status": "unverified"})
    body = send(client, jpeg("coffee")).json()
    assert body["matches"][0]["suppressed_by"] == "unverified_brand"
    assert body["decision"] == "clear"


def test_matches_of_a_suspended_brand_are_not_shown(client, brand, reference):
    client.patch(f"/v1/brands/{brand}", json={"status": "suspended"})
    assert send(client, jpeg("coffee")).json()["matches"] == []


def test_an_ingest_key_fixes_the_marketplace(client, reference):
    client.post("/v1/marketplaces", json={"slug": "shop", "name": "Shop"})
    ingest = as_role(client, "ingest", marketplace="shop")
    assert send(client, jpeg("coffee"), headers=ingest).json()["marketplace"] == "shop"
    assert send(client, jpeg("coffee"), marketplace="shop", headers=ingest).status_code == 200
    assert send(client, jpeg("coffee"), marketplace="default", headers=ingest).status_code == 403


def test_a_marketplace_sees_its_own_listings_only(client, reference):
    client.post("/v1/marketplaces", json={"slug": "shop", "name": "Shop"})
    ingest = as_role(client, "ingest", marketplace="shop")
    send(client, jpeg("coffee"))
    absent = client.get("/v1/listings/shop/A-1", headers=ingest)
    for answer in (
        client.get("/v1/listings/default/A-1", headers=ingest),
        client.delete("/v1/listings/default/A-1", headers=ingest),
        client.get("/v1/listings", params={"marketplace": "default"}, headers=ingest),
    ):
        assert answer.status_code == 404
        assert answer.json() | {"request_id": 0} == absent.json() | {"request_id": 0}
    assert client.get("/v1/listings", headers=ingest).json()["items"] == []
    assert client.get("/v1/listings/default/A-1").status_code == 200


def test_roles(client, brand):
    reviewer, own = as_role(client, "reviewer"), as_role(client, "brand", brand_id=brand)
    send(client, jpeg("coffee"))
    assert client.get("/v1/listings/default/A-1", headers=reviewer).status_code == 200
    assert send(client, jpeg("coffee"), headers=reviewer).status_code == 403
    assert send(client, jpeg("coffee"), headers=own).status_code == 403
    assert client.get("/v1/listings/default/A-1", headers=own).status_code == 403
    assert client.get("/v1/listings", headers={"Authorization": "Bearer nonsense"}).status_code == 401


def test_polling_shows_what_was_judged_again_and_pages(client, reference):
    for name in ("A", "B", "C"):
        send(client, jpeg("coffee"), listing_id=name)
    last = client.get("/v1/listings", params={"limit": 2}).json()
    assert [item["listing_id"] for item in last["items"]] == ["A", "B"]
    again = send(client, jpeg("astronaut"), listing_id="A").json()
    rest = client.get("/v1/listings", params={"cursor": last["next_cursor"]}).json()
    assert [item["listing_id"] for item in rest["items"]] == ["C", "A"]
    since = client.get("/v1/listings", params={"since": again["judged_at"]}).json()
    assert [item["listing_id"] for item in since["items"]] == ["A"]
    flagged = client.get("/v1/listings", params={"decision": "review"}).json()
    assert [item["listing_id"] for item in flagged["items"]] == ["B", "C"]
    assert client.get("/v1/listings", params={"decision": "maybe"}).status_code == 422


def test_erasing_a_listing_takes_its_pictures_but_those_a_case_stands_on(client, runtime, reference):
    made = send(client, jpeg("coffee"), jpeg("coffee", 70)).json()
    same, own = (image["sha256"] for image in made["images"])
    assert client.delete("/v1/listings/default/A-1").status_code == 204
    assert client.get("/v1/listings/default/A-1").status_code == 404
    assert client.delete("/v1/listings/default/A-1").status_code == 404
    assert runtime.blobs.exists(own)  # the open case needs it
    assert runtime.blobs.exists(same)
    assert client.get(f"/v1/brands/{reference['brand_id']}/matches").json()["items"] == []


def test_the_pictures_of_a_clean_listing_are_not_kept(client, runtime):
    made = send(client, jpeg("astronaut")).json()
    assert not runtime.blobs.exists(made["images"][0]["sha256"])


def test_a_listing_id_may_hold_a_slash(client):
    send(client, jpeg("astronaut"), listing_id="shop/item 7")
    assert client.get("/v1/listings/default/shop/item%207").json()["listing_id"] == "shop/item 7"


def test_a_brand_sees_what_was_found_for_it_newest_first(client, brand, reference):
    own = as_role(client, "brand", brand_id=brand)
    for name in ("A", "B", "C"):
        send(client, jpeg("coffee"), listing_id=name, title=f"Cup {name}")
    first = client.get(f"/v1/brands/{brand}/matches", params={"limit": 2}, headers=own).json()
    rest = client.get(f"/v1/brands/{brand}/matches", params={"cursor": first["next_cursor"]}, headers=own).json()
    assert [item["listing_id"] for item in first["items"] + rest["items"]] == ["C", "B", "A"]
    assert first["items"][0]["reference_id"] == reference["id"]
    assert first["items"][0]["title"] == "Cup C"


def test_the_same_idempotency_key_judges_once(client, reference):
    key = {"Idempotency-Key": "k"}
    first, again = send(client, jpeg("coffee"), headers=key), send(client, jpeg("coffee"), headers=key)
    assert first.json() == again.json()
    assert client.get("/v1/listings/default/A-1").json()["evidence_version"] == 1
    assert send(client, jpeg("china"), headers=key).status_code == 422
    assert send(client, jpeg("coffee"), title="other", headers=key).status_code == 422


class TestUrls:
    """Pictures by URL, from a host that the settings let through."""

    @pytest.fixture
    def settings(self, settings):
        return replace(settings, fetch_allow=("127.0.0.1",))

    @pytest.fixture
    def host(self) -> Iterator[PictureHost]:
        opened = PictureHost({"/a.jpg": jpeg("coffee", 70), "/b.jpg": b"no picture"})
        yield opened
        opened.close()

    def test_pictures_are_fetched_and_each_fails_alone(self, client, reference, host):
        images = [{"url": f"{host.address}/{name}"} for name in ("a.jpg", "b.jpg", "c.jpg")]
        body = client.post("/v1/listings", json={"listing_id": "U-1", "images": images}).json()
        assert [image["status"] for image in body["images"]] == ["ok", "error", "error"]
        assert [image["problem"]["status"] for image in body["images"][1:]] == [415, 422]
        assert [match["reference_id"] for match in body["matches"]] == [reference["id"]]
        assert sorted(host.asked) == ["/a.jpg", "/b.jpg", "/c.jpg"]

    def test_search_takes_a_url(self, client, reference, host):
        answer = client.post("/v1/search", data={"url": f"{host.address}/a.jpg"})
        assert answer.json()["matches"][0]["reference_id"] == reference["id"]
        assert client.post("/v1/search", data={"url": f"{host.address}/c.jpg"}).status_code == 422


def test_what_is_too_faint_to_be_monitored_is_not_told(client, runtime, brand, reference):
    """A search shows what verification scored; a listing keeps what a policy could reach and shows what counts."""
    runtime.policies.put(brand, Draft((Rule("stolen_photo", monitor=None, review=None),)), by="test")
    body = send(client, jpeg("coffee", 70), listing_id="faint").json()
    assert (body["decision"], body["matches"]) == ("clear", [])
    assert client.get("/v1/listings/default/faint").json()["matches"] == []
    assert client.get(f"/v1/brands/{brand}/matches").json()["items"] == []
    found = client.post("/v1/search", files={"image": jpeg("coffee", 70)}).json()["matches"]
    assert reference["id"] in [match["reference_id"] for match in found]
