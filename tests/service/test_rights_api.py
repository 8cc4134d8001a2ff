"""Registration, rights, verification and authorisations over HTTP."""

from __future__ import annotations

import json

import pytest

from service.brakes import Brake
from service.rights import Registration
from tests.callers import as_role
from tests.photographs import mark

MARK = {
    "type": "trademark",
    "office": "EUIPO",
    "registration_number": "018000001",
    "title": "ACME",
    "owner": "Acme AG",
    "nice_classes": [25, 9, 25],
    "vienna_codes": ["26.04.01", "27"],
    "territories": ["eu"],
    "valid_until": "2999-01-31",
}


def register(client, name: str = "Tiny Pots", email: str = "me@pots.example"):
    return client.post("/v1/register", json={"brand": name, "contact_email": email}, headers={"Authorization": ""})


@pytest.fixture
def unverified(client) -> tuple[str, dict[str, str]]:
    """The id of a registered brand, and the header of its key."""
    made = register(client).json()
    return made["brand_id"], {"Authorization": f"Bearer {made['key']}"}


def test_anybody_registers_a_brand_and_may_use_its_key(either):
    made = register(either)
    assert made.status_code == 201
    body = made.json()
    assert set(body) == {"brand_id", "key", "status"}
    headers = {"Authorization": f"Bearer {body['key']}"}
    (seen,) = either.get("/v1/brands", headers=headers).json()["items"]
    assert (seen["id"], seen["name"], seen["status"]) == (body["brand_id"], "Tiny Pots", "unverified")
    assert (body["status"], seen["contact_email"]) == ("unverified", "me@pots.example")


@pytest.mark.parametrize(
    ("name", "email"),
    [
        ("", "me@pots.example"),
        ("  ", "me@pots.example"),
        ("x" * 201, "me@pots.example"),
        ("zero\x00", "me@pots.example"),
        ("Pots", "nobody"),
        ("Pots", "a@b"),
        ("Pots", "a@@b.example"),
        ("Pots", "<script>@b.example"),
        ("Pots", "two words@b.example"),
        ("Pots", "a" * 250 + "@b.example"),
    ],
)
def test_a_registration_needs_a_name_and_an_address(client, name, email):
    assert register(client, name, email).status_code == 422


def test_one_address_registers_so_many_brands_an_hour(client, runtime):
    now = [0.0]
    brake = Brake(limit=2, window=3600, clock=lambda: now[0])
    runtime.registration = Registration(runtime.brands, runtime.keys, brake)
    assert [register(client).status_code for _ in range(3)] == [201, 201, 429]
    refused = register(client)
    assert refused.headers["Retry-After"] == "3600"
    assert refused.json()["type"] == "/problems/too-many-requests"
    now[0] = 3600
    assert register(client).status_code == 201
    assert runtime.brands.count() == 3


def test_a_right_is_put_on_record(either, brand_of_either):
    path = f"/v1/brands/{brand_of_either}/rights"
    made = either.post(path, json=MARK)
    assert made.status_code == 201
    right = made.json()
    assert made.headers["Location"] == f"{path}/{right['id']}"
    assert (right["nice_classes"], right["territories"]) == ([25, 9], ["EU"])
    assert right["valid_until"] == "2999-01-31T23:59:59Z"
    assert either.get(f"{path}/{right['id']}").json() == right
    assert either.get(path).json() == {"items": [right], "next_cursor": None}


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"registration_number": None}, "registration_number"),
        ({"type": "design", "registration_number": None}, "registration_number"),
        ({"type": "patent"}, "type"),
        ({"title": " "}, "title"),
        ({"owner": None}, "owner"),
        ({"nice_classes": [0]}, "nice_classes"),
        ({"nice_classes": [46]}, "nice_classes"),
        ({"vienna_codes": ["26.4.1.1"]}, "vienna_codes"),
        ({"vienna_codes": ["=1+1"]}, "vienna_codes"),
        ({"territories": ["Germany"]}, "territories"),
        ({"valid_until": "soon"}, "valid_until"),
        ({"valid_until": "9999-12-31"}, "valid_until"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_right_that_is_not_one_is_refused(client, brand, change, loc):
    body = {name: value for name, value in {**MARK, **change}.items() if value is not None}
    refused = client.post(f"/v1/brands/{brand}/rights", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["loc"][:2] == ["body", loc]


def test_a_copyright_needs_no_office(client, brand):
    body = {"type": "copyright", "title": "Photos", "owner": "Acme AG", "territories": []}
    assert client.post(f"/v1/brands/{brand}/rights", json=body).status_code == 201


def test_a_document_comes_back_as_an_attachment_to_those_concerned(client, unverified, brand):
    brand_id, headers = unverified
    path = f"/v1/brands/{brand_id}/rights"
    files = {"document": ("deed.html", mark(), "text/html")}
    right = client.post(path, data={"right": json.dumps(MARK)}, files=files, headers=headers).json()
    assert right["document_media_type"] == "image/png"
    for caller in (headers, as_role(client, "reviewer"), {}):
        found = client.get(f"{path}/{right['id']}/document", headers=caller)
        assert found.content == mark()
        assert found.headers["content-type"] == "image/png"
        assert found.headers["content-disposition"] == f'attachment; filename="{right["id"]}.png"'
        assert found.headers["x-content-type-options"] == "nosniff"
    stranger = as_role(client, "brand", brand_id=brand)
    assert client.get(f"{path}/{right['id']}/document", headers=stranger).status_code == 404
    assert client.get(f"/v1/brands/{brand}/rights/{right['id']}/document", headers=stranger).status_code == 404
    without = client.post(path, json=MARK, headers=headers).json()
    assert client.get(f"{path}/{without['id']}/document", headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("document", "status"), [(b"<script>", 415), (b"%PDF-1.7 /JavaScript\n%%EOF", 422), (b"%PDF-1.7", 422), (b"", 415)]
)
def test_a_document_that_is_none_is_refused_and_nothing_is_kept(client, runtime, brand, document, status):
    path = f"/v1/brands/{brand}/rights"
    files = {"document": ("a.pdf", document, "application/pdf")}
    assert client.post(path, data={"right": json.dumps(MARK)}, files=files).status_code == status
    assert client.get(path).json()["items"] == []


def test_documents_go_with_their_brand(client, runtime, brand):
    files = {"document": ("a.png", mark(), "image/png")}
    right = client.post(f"/v1/brands/{brand}/rights", data={"right": json.dumps(MARK)}, files=files).json()
    assert runtime.pictures.release([right["document_sha256"]]) == 0
    assert client.delete(f"/v1/brands/{brand}").status_code == 204
    assert not runtime.blobs.exists(right["document_sha256"])


def test_an_operator_verifies_a_brand_against_its_right(client, unverified):
    brand_id, headers = unverified
    path = f"/v1/brands/{brand_id}/verification"
    body = {"status": "verified", "right_id": "rgt_nothing", "reason": "Register checked."}
    assert client.post(path, json=body).status_code == 422
    right = client.post(f"/v1/brands/{brand_id}/rights", json=MARK, headers=headers).json()
    body["right_id"] = right["id"]
    assert client.post(path, json=body, headers=headers).status_code == 403
    made = client.post(path, json=body)
    assert made.status_code == 200
    assert made.json()["status"] == "verified"
    assert client.get(f"/v1/brands/{brand_id}", headers=headers).json()["status"] == "verified"
    assert client.post(path, json={"status": "suspended"}).status_code == 422
    assert client.post(path, json={"status": "suspended", "reason": "Abuse."}).status_code == 200
    told = client.get(path, headers=headers).json()["items"]
    assert [(one["status"], one["reason"]) for one in told] == [("suspended", "Abuse."), ("verified", body["reason"])]
    assert client.post("/v1/brands/brd_nothing/verification", json=body).status_code == 404


def test_a_status_set_without_a_right_is_on_record_too(client, brand):
    client.patch(f"/v1/brands/{brand}", json={"status": "suspended"})
    (told,) = client.get(f"/v1/brands/{brand}/verification").json()["items"]
    assert (told["before"], told["status"], told["right_id"]) == ("verified", "suspended", None)


def test_a_brand_allows_and_withdraws(either, brand_of_either):
    path = f"/v1/brands/{brand_of_either}/authorisations"
    headers = as_role(either, "brand", brand_id=brand_of_either)
    body = {"seller_id": "s-9", "territories": ["uk"], "valid_from": "2026-01-01", "valid_until": "2026-12-31"}
    made = either.post(path, json=body, headers=headers)
    assert made.status_code == 201
    allowed = made.json()
    assert (allowed["territories"], allowed["valid_from"]) == (["GB"], "2026-01-01T00:00:00Z")
    assert allowed["valid_until"] == "2026-12-31T23:59:59Z"
    assert either.get(path, headers=headers).json() == {"items": [allowed], "next_cursor": None}
    assert either.delete(f"{path}/{allowed['id']}", headers=headers).status_code == 204
    assert either.delete(f"{path}/{allowed['id']}", headers=headers).status_code == 404
    assert either.get(path, headers=headers).json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"note": "everybody"},
        {"marketplace": "default"},
        {"seller_id": "  "},
        {"url": "javascript:alert(1)"},
        {"url": "shop.example/1"},
        {"gtin": "=1+1"},
        {"seller_id": "s", "valid_from": "2026-02-01", "valid_until": "2026-01-01"},
        {"seller_id": "s", "territories": ["*"]},
        {"seller_id": "s", "surprise": True},
    ],
)
def test_an_authorisation_names_something(client, brand, body):
    assert client.post(f"/v1/brands/{brand}/authorisations", json=body).status_code == 422


def test_the_same_key_allows_once(client, brand):
    path = f"/v1/brands/{brand}/authorisations"
    twice = [client.post(path, json={"seller_id": "s"}, headers={"Idempotency-Key": "a"}) for _ in range(2)]
    assert twice[0].json() == twice[1].json()
    assert len(client.get(path).json()["items"]) == 1
