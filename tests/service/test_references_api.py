"""References over HTTP: enrolled, read, changed, erased, and never seen by another brand."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from tests.callers import as_role
from tests.photographs import jpeg, mark
from vision.images import encode_png

COPYRIGHT = {"type": "copyright", "title": "Photographs", "owner": "Acme", "territories": ["WO"]}


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL."""
    return replace(settings, database_url=database_url)


def enrol(client, brand, data=None, headers=None, **fields):
    fields = {"kind": "photo", **fields}
    files = {"image": ("a.jpg", jpeg("coffee") if data is None else data)}
    return client.post(f"/v1/brands/{brand}/references", data=fields, files=files, headers=headers)


def found(client, data, **fields) -> list[str]:
    answer = client.post("/v1/search", data=fields, files={"image": data})
    assert answer.status_code == 200, answer.text
    return [match["reference_id"] for match in answer.json()["matches"]]


def test_a_new_reference_is_answered_in_full_and_found_at_once(client, brand):
    right_id = client.post(f"/v1/brands/{brand}/rights", json=COPYRIGHT).json()["id"]
    made = enrol(client, brand, external_id="SKU-1", title="Coffee", gtin="123", right_id=right_id)
    assert made.status_code == 201
    body = made.json()
    assert made.headers["location"] == f"/v1/brands/{brand}/references/{body['id']}"
    assert body | {"created_at": 0, "updated_at": 0} == {
        "id": body["id"],
        "brand_id": brand,
        "kind": "photo",
        "external_id": "SKU-1",
        "title": "Coffee",
        "gtin": "123",
        "right_id": right_id,
        "width": 512,
        "height": 341,
        "sha256": hashlib.sha256(jpeg("coffee")).hexdigest(),
        "media_type": "image/jpeg",
        "status": "active",
        "created_at": 0,
        "updated_at": 0,
    }
    assert found(client, jpeg("coffee", 60)) == [body["id"]]


def test_a_reference_names_no_right_of_another_brand(client, brand):
    other = client.post("/v1/brands", json={"name": "Other"}).json()["id"]
    theirs = client.post(f"/v1/brands/{other}/rights", json=COPYRIGHT).json()["id"]
    refused = [enrol(client, brand, right_id=right_id) for right_id in (theirs, "rgt_none")]
    assert [answer.status_code for answer in refused] == [422, 422]
    assert refused[0].json()["errors"] == refused[1].json()["errors"]
    assert enrol(client, brand, right_id="").json()["right_id"] is None


def test_a_logo_is_taken_without_optional_fields(client, brand):
    made = enrol(client, brand, mark(), kind="logo")
    assert made.status_code == 201
    assert made.json()["external_id"] is None
    assert made.json()["media_type"] == "image/png"


def test_a_used_external_id_is_a_conflict_that_names_the_holder(client, brand):
    first = enrol(client, brand, external_id="SKU-1").json()["id"]
    again = enrol(client, brand, jpeg("chelsea"), external_id="SKU-1")
    assert again.status_code == 409
    assert again.json()["existing_id"] == first
    assert enrol(client, brand, mark(), kind="logo", external_id="SKU-1").status_code == 201


def test_a_picture_of_one_colour_is_too_generic(client, brand):
    refused = enrol(client, brand, encode_png(np.full((200, 200, 3), 90, np.uint8)), external_id="SKU-9")
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/too-generic")
    assert refused.json()["reason"] == "too_generic"
    assert client.get(f"/v1/brands/{brand}/references").json()["items"] == []
    assert client.get("/problems/too-generic").status_code == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"", 415), (b"<svg/>", 415), (b"GIF89a", 415), (jpeg("coffee")[:900], 415)],
    ids=["empty", "svg", "header only", "truncated"],
)
def test_bytes_that_are_no_picture_are_refused(client, brand, data, status):
    answer = enrol(client, brand, data)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get(f"/v1/brands/{brand}/references").json()["items"] == []


@pytest.mark.parametrize("fields", [{"kind": "video"}, {"kind": ""}, {"external_id": "x" * 201}])
def test_fields_that_are_wrong_are_named(client, brand, fields):
    answer = enrol(client, brand, **fields)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"][0] == "body"


def test_a_form_without_a_picture_is_refused(client, brand):
    answer = client.post(f"/v1/brands/{brand}/references", data={"kind": "photo"}, files={"other": b"x"})
    assert answer.status_code == 422


def test_pages_and_filters(client, brand):
    ids = [enrol(client, brand, jpeg(name)).json()["id"] for name in ("coffee", "chelsea", "astronaut")]
    logo = enrol(client, brand, mark(), kind="logo").json()["id"]
    url = f"/v1/brands/{brand}/references"
    first = client.get(url, params={"limit": 3}).json()
    second = client.get(url, params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [item["id"] for item in first["items"] + second["items"]] == [*ids, logo]
    assert second["next_cursor"] is None
    assert [item["id"] for item in client.get(url, params={"kind": "logo"}).json()["items"]] == [logo]
    assert client.get(url, params={"status": "disabled"}).json()["items"] == []
    assert client.get(url, params={"cursor": "nonsense"}).status_code == 422


def test_the_picture_comes_back_as_it_was_sent(client, brand):
    url = f"/v1/brands/{brand}/references/{enrol(client, brand).json()['id']}/image"
    answer = client.get(url)
    assert answer.content == jpeg("coffee")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("inline")
    assert "private" in answer.headers["cache-control"]
    assert client.get(url, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_a_disabled_reference_is_not_found_until_it_is_active_again(client, brand):
    made = enrol(client, brand).json()["id"]
    url = f"/v1/brands/{brand}/references/{made}"
    changed = client.patch(url, json={"status": "disabled", "title": "Cup"})
    assert (changed.status_code, changed.json()["status"], changed.json()["title"]) == (200, "disabled", "Cup")
    assert found(client, jpeg("coffee")) == []
    assert client.patch(url, json={"status": "active"}).json()["title"] == "Cup"
    assert found(client, jpeg("coffee")) == [made]
    assert client.patch(url, json={"status": "gone"}).status_code == 422
    assert client.patch(url, json={"sha256": "0"}).status_code == 422


def test_erasing_takes_the_row_the_vectors_and_the_picture(client, brand, runtime):
    made = enrol(client, brand).json()
    twin = enrol(client, brand).json()
    url = f"/v1/brands/{brand}/references/"
    assert client.delete(url + made["id"]).status_code == 204
    assert client.get(url + made["id"]).status_code == 404
    assert found(client, jpeg("coffee")) == [twin["id"]]
    assert runtime.blobs.exists(made["sha256"]), "the other reference still shows this picture"
    assert client.delete(url + twin["id"]).status_code == 204
    assert found(client, jpeg("coffee")) == []
    assert not runtime.blobs.exists(made["sha256"])


def test_what_another_brand_has_answers_like_what_nobody_has(client, brand):
    made = enrol(client, brand).json()["id"]
    other = client.post("/v1/brands", json={"name": "Other"}).json()["id"]
    stranger = as_role(client, "brand", brand_id=other)
    absent = client.get(f"/v1/brands/{other}/references/ref_absent", headers=stranger)
    tried = [
        client.get(f"/v1/brands/{brand}/references/{made}", headers=stranger),
        client.get(f"/v1/brands/{other}/references/{made}", headers=stranger),
        client.get(f"/v1/brands/{brand}/references/{made}/image", headers=stranger),
        client.get(f"/v1/brands/{brand}/references", headers=stranger),
        client.patch(f"/v1/brands/{brand}/references/{made}", json={"status": "disabled"}, headers=stranger),
        client.delete(f"/v1/brands/{brand}/references/{made}", headers=stranger),
        enrol(client, brand, headers=stranger),
        client.get(f"/v1/brands/{brand}/matches", headers=stranger),
    ]
    for answer in tried:
        assert answer.status_code == 404
        assert answer.json() | {"request_id": 0} == absent.json() | {"request_id": 0}
    assert client.get(f"/v1/brands/{brand}/references/{made}").json()["status"] == "active"


def test_roles(client, brand):
    made = enrol(client, brand).json()["id"]
    own = as_role(client, "brand", brand_id=brand)
    reviewer, ingest = as_role(client, "reviewer"), as_role(client, "ingest")
    assert enrol(client, brand, mark(), kind="logo", headers=own).status_code == 201
    assert client.get(f"/v1/brands/{brand}/references", headers=reviewer).status_code == 200
    assert enrol(client, brand, headers=reviewer).status_code == 403
    assert client.delete(f"/v1/brands/{brand}/references/{made}", headers=reviewer).status_code == 403
    assert client.get(f"/v1/brands/{brand}/references", headers=ingest).status_code == 403
    assert client.get(f"/v1/brands/{brand}/references", headers={"Authorization": ""}).status_code == 401


def test_a_suspended_brand_takes_no_pictures(client, brand):
    own = as_role(client, "brand", brand_id=brand)
    client.patch(f"/v1/brands/{brand}", json={"status": "suspended"})
    assert enrol(client, brand, headers=own).status_code == 403


def test_an_unknown_brand_is_missing(client):
    assert enrol(client, "brd_nobody").status_code == 404


def test_a_quarantined_reference_is_freed_by_an_operator_only(client, brand, runtime):
    made = enrol(client, brand).json()["id"]
    runtime.catalog.update(made, status="quarantined")
    url, own = f"/v1/brands/{brand}/references/{made}", as_role(client, "brand", brand_id=brand)
    assert client.patch(url, json={"status": "active"}, headers=own).status_code == 403
    assert client.patch(url, json={"title": "Cup"}, headers=own).status_code == 200
    assert client.patch(url, json={"status": "active"}).json()["status"] == "active"


def test_the_same_idempotency_key_adds_one_reference(client, brand):
    key = {"Idempotency-Key": "one"}
    first, again = enrol(client, brand, headers=key), enrol(client, brand, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert enrol(client, brand, jpeg("chelsea"), headers=key).status_code == 422
    assert len(client.get(f"/v1/brands/{brand}/references").json()["items"]) == 1


def test_words_find_references_of_the_own_brand(client, brand):
    other = client.post("/v1/brands", json={"name": "Other"}).json()["id"]
    named = enrol(client, brand, title="Espresso cup", external_id="CUP-1").json()["id"]
    enrol(client, brand, jpeg("chelsea"), title="Cat")
    enrol(client, other, title="Espresso cup")
    key = as_role(client, "brand", brand_id=brand)
    page = client.get(f"/v1/brands/{brand}/references", params={"q": "ESPRESSO"}, headers=key).json()
    assert ([item["id"] for item in page["items"]], page["next_cursor"]) == ([named], None)
    assert client.get(f"/v1/brands/{other}/references", params={"q": "espresso"}, headers=key).status_code == 404
    shown = client.get("/catalog", params={"brand": brand, "q": "cup-1"})
    assert shown.status_code == 200
