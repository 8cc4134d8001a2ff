"""Every call by every role. The table is written by hand; a call that is missing here, or too many, fails."""

from __future__ import annotations

import base64
import re

import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.keys import ROLES
from service.openapi import operations
from service.runtime import Runtime
from service.sessions import COOKIE
from service.settings import Settings
from tests.callers import as_role
from tests.conftest import OPERATOR_KEY
from tests.fakes import ThumbnailEmbedder
from tests.photographs import jpeg

ANYONE = None
WHO_MAY = {
    "GET /healthz": ANYONE,
    "GET /readyz": ANYONE,
    "GET /metrics": ANYONE,
    "POST /v1/register": ANYONE,
    "POST /v1/brands/{brand_id}/rights": "operator brand",
    "GET /v1/brands/{brand_id}/rights": "operator brand",
    "GET /v1/brands/{brand_id}/rights/{right_id}": "operator brand reviewer",
    "GET /v1/brands/{brand_id}/rights/{right_id}/document": "operator brand reviewer",
    "POST /v1/brands/{brand_id}/verification": "operator",
    "GET /v1/brands/{brand_id}/verification": "operator brand",
    "POST /v1/brands/{brand_id}/authorisations": "operator brand",
    "GET /v1/brands/{brand_id}/authorisations": "operator brand",
    "DELETE /v1/brands/{brand_id}/authorisations/{authorisation_id}": "operator brand",
    "POST /v1/brands/{brand_id}/negatives": "operator brand",
    "GET /v1/brands/{brand_id}/negatives": "operator brand",
    "DELETE /v1/brands/{brand_id}/negatives/{negative_id}": "operator brand",
    "GET /v1/conflicts": "operator",
    "GET /v1/conflicts/{conflict_id}": "operator",
    "POST /v1/conflicts/{conflict_id}/resolve": "operator",
    "POST /v1/brands": "operator",
    "GET /v1/brands": "operator brand",
    "GET /v1/brands/{brand_id}": "operator brand",
    "PATCH /v1/brands/{brand_id}": "operator",
    "DELETE /v1/brands/{brand_id}": "operator",
    "GET /v1/brands/{brand_id}/matches": "operator brand",
    "GET /v1/brands/{brand_id}/policy": "operator brand",
    "PUT /v1/brands/{brand_id}/policy": "operator brand",
    "PUT /v1/brands/{brand_id}/policy/bounds": "operator",
    "POST /v1/brands/{brand_id}/policy/replay": "operator brand",
    "POST /v1/brands/{brand_id}/catalogs": "operator brand",
    "POST /v1/brands/{brand_id}/references": "operator brand",
    "GET /v1/brands/{brand_id}/references": "operator brand reviewer",
    "GET /v1/brands/{brand_id}/references/{reference_id}": "operator brand reviewer",
    "GET /v1/brands/{brand_id}/references/{reference_id}/image": "operator brand reviewer",
    "PATCH /v1/brands/{brand_id}/references/{reference_id}": "operator brand",
    "DELETE /v1/brands/{brand_id}/references/{reference_id}": "operator brand",
    "GET /v1/brands/{brand_id}/standing": "operator brand",
    "GET /v1/cases/{case_id}/statement": "operator reviewer brand seller",
    "GET /v1/statements": "operator",
    "POST /v1/notices": ANYONE,
    "GET /v1/notices": "operator reviewer brand",
    "GET /v1/notices/{notice_id}": "operator reviewer brand",
    "POST /v1/notices/{notice_id}/decision": "operator reviewer",
    "GET /v1/sellers/{marketplace}/{seller_id}": "operator reviewer",
    "POST /v1/sellers/{marketplace}/{seller_id}/actions": "operator reviewer",
    "POST /v1/marketplaces": "operator",
    "GET /v1/marketplaces": "operator",
    "GET /v1/marketplaces/{slug}": "operator",
    "PATCH /v1/marketplaces/{slug}": "operator",
    "POST /v1/keys": "operator",
    "GET /v1/keys": "operator",
    "POST /v1/keys/{key_id}/sign-in-link": "operator",
    "DELETE /v1/keys/{key_id}": "operator",
    "GET /v1/jobs": "operator ingest brand reviewer",
    "GET /v1/jobs/{job_id}": "operator ingest brand reviewer",
    "POST /v1/jobs/{job_id}/cancel": "operator ingest brand reviewer",
    "POST /v1/listings": "operator ingest",
    "POST /v1/listings/batch": "operator ingest",
    "GET /v1/listings": "operator ingest reviewer",
    "GET /v1/listings/{marketplace}/{listing_id}": "operator ingest reviewer",
    "DELETE /v1/listings/{marketplace}/{listing_id}": "operator ingest reviewer",
    "POST /v1/listings/{marketplace}/{listing_id}/verdicts": "operator ingest reviewer",
    "GET /v1/verdicts": "operator reviewer",
    "GET /v1/cases": "operator brand reviewer seller",
    "GET /v1/cases/{case_id}": "operator brand reviewer seller",
    "GET /v1/cases/{case_id}/images/{n}": "operator brand reviewer seller",
    "GET /v1/cases/{case_id}/reference": "operator brand reviewer seller",
    "POST /v1/cases/{case_id}/actions": "operator brand reviewer seller",
    "POST /v1/cases/{case_id}/messages": "operator brand reviewer seller",
    "GET /v1/cases/{case_id}/packet": "operator brand reviewer seller",
    "GET /v1/installation-key": ANYONE,
    "POST /v1/cases/{case_id}/proofs": "operator seller",
    "GET /v1/cases/{case_id}/proofs/{proof_id}/document": "operator brand reviewer seller",
    "GET /v1/cases/{case_id}/proofs/{proof_id}/preview": "operator brand reviewer seller",
    "POST /v1/cases/{case_id}/seller-link": "operator reviewer",
    "POST /v1/search": "operator ingest brand reviewer",
    "POST /v1/webhooks": "operator",
    "GET /v1/webhooks": "operator",
    "DELETE /v1/webhooks/{webhook_id}": "operator",
    "GET /v1/webhooks/{webhook_id}/deliveries": "operator",
    "POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/retry": "operator",
    "PUT /v1/brands/{brand_id}/manager": "operator",
    "GET /v1/brands/{brand_id}/manager": "operator brand reviewer",
    "GET /v1/brands/{brand_id}/messages": "operator brand reviewer",
    "POST /v1/brands/{brand_id}/messages": "operator brand reviewer",
    "GET /v1/brands/{brand_id}/figures": "operator brand reviewer",
    "GET /v1/spaces": "operator",
    "POST /v1/spaces": "operator",
    "POST /v1/spaces/{space_id}/{step}": "operator",
    "GET /v1/spaces/{space_id}": "operator",
    "DELETE /v1/spaces/{space_id}": "operator",
}
GUARDED = {call: set(roles.split()) for call, roles in WHO_MAY.items() if roles is not ANYONE}
NOTHING = {"brand_id": "brd_nothing", "marketplace": "nowhere", "slug": "nowhere", "step": "shadow", "n": "0"}


class House:
    """One service with two brands, two marketplaces and a key for every role, for all tests of this module."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        operator = {"Authorization": f"Bearer {OPERATOR_KEY}"}
        client.headers.update(operator)
        self.mine, self.other = (client.post("/v1/brands", json={"name": name}).json()["id"] for name in "AB")
        assert client.post("/v1/marketplaces", json={"slug": "other", "name": "Other"}).status_code == 201
        self.headers = {
            "operator": as_role(client, "operator"),
            "reviewer": as_role(client, "reviewer"),
            "ingest": as_role(client, "ingest", marketplace="default"),
            "brand": as_role(client, "brand", brand_id=self.mine),
            "seller": self._seller(),
        }
        del client.headers["Authorization"]

    def _seller(self) -> dict[str, str]:
        """The header of a case's link."""
        fields = {"data": {"kind": "photo"}, "files": {"image": jpeg("coffee")}}
        self.client.post(f"/v1/brands/{self.other}/references", **fields)
        listing = {"listing_id": "A-1", "images": [{"data": base64.b64encode(jpeg("coffee")).decode()}]}
        (match,) = self.client.post("/v1/listings", json=listing).json()["matches"]
        made = self.client.post(f"/v1/cases/{match['case_id']}/seller-link")
        return {"Authorization": f"Bearer {made.json()['token']}"}

    def ask(self, call: str, headers: dict[str, str], **names: str):
        method, path = call.split()
        for name, value in {**NOTHING, **names}.items():
            path = path.replace("{" + name + "}", value)
        path = re.sub(r"\{\w+\}", "nothing", path)
        body = {} if method == "PATCH" else None
        return self.client.request(method, path, headers=headers, json=body)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    settings = Settings(data_dir=tmp_path_factory.mktemp("house"), operator_key=OPERATOR_KEY, compare_seconds=0)
    runtime = Runtime.open(settings, embedder=ThumbnailEmbedder())
    with TestClient(create_app(settings, runtime=runtime)) as client:
        yield House(client)
    runtime.close()


def test_the_table_knows_every_call_and_its_roles(house):
    told = {
        f"{method} {path}": {role for entry in operation.get("security", ()) for role in entry["HTTPBearer"]}
        for path, method, operation in operations(house.client.app.openapi())
    }
    assert told == {call: set((roles or "").split()) for call, roles in WHO_MAY.items()}


@pytest.mark.parametrize("call", GUARDED)
def test_without_a_live_key_nothing_answers(house, call):
    for headers in ({}, {"Authorization": "Bearer bw_operator_wrong"}):
        answer = house.ask(call, headers)
        assert answer.status_code == 401
        assert answer.json()["type"] == "/problems/unauthorized"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", f"Bearer {OPERATOR_KEY}x", f"Basic {OPERATOR_KEY}", OPERATOR_KEY, "Bearer \xff"]
)
def test_a_key_is_sent_as_it_should_be_or_not_at_all(house, header):
    assert house.ask("GET /v1/keys", {"Authorization": header.encode("latin-1")}).status_code == 401


@pytest.mark.parametrize("call", GUARDED)
@pytest.mark.parametrize("role", [*ROLES, "seller"])
def test_a_role_may_do_what_the_table_says_and_nothing_else(house, call, role):
    answer = house.ask(call, house.headers[role])
    if role not in GUARDED[call]:
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems/forbidden"
    else:
        assert answer.status_code not in (401, 403, 500, 503), answer.text


@pytest.mark.parametrize("call", [call for call, roles in GUARDED.items() if "brand" in roles and "{brand_id}" in call])
def test_another_brands_things_answer_like_missing_ones(house, call):
    unseen = house.ask(call, house.headers["brand"], brand_id=house.other)
    missing = house.ask(call, house.headers["brand"])
    assert unseen.status_code == missing.status_code == 404
    assert {**unseen.json(), "request_id": None} == {**missing.json(), "request_id": None}


@pytest.mark.parametrize(
    "call", [call for call, roles in GUARDED.items() if "ingest" in roles and "{marketplace}" in call]
)
def test_another_marketplaces_things_answer_like_missing_ones(house, call):
    unseen = house.ask(call, house.headers["ingest"], marketplace="other")
    missing = house.ask(call, house.headers["ingest"])
    assert unseen.status_code == missing.status_code
    assert {**unseen.json(), "request_id": None} == {**missing.json(), "request_id": None}


@pytest.mark.parametrize("call", [call for call in GUARDED if not call.startswith("GET")])
def test_a_session_cookie_alone_changes_nothing(house, call):
    token, session = house.client.app.state.lifecycle.runtime.sessions.start(OPERATOR_KEY)
    cookie = {"Cookie": f"{COOKIE}={token}"}
    for wrong in ({}, {"X-CSRF-Token": "guess"}, {"X-CSRF-Token": ""}):
        assert house.ask(call, {**cookie, **wrong}).status_code == 403
    assert house.ask(call, {**cookie, "X-CSRF-Token": session.csrf}).status_code not in (401, 403)


def test_a_deleted_key_stops_at_once(house):
    made = house.client.post("/v1/keys", json={"role": "reviewer", "name": "R"}, headers=house.headers["operator"])
    headers = {"Authorization": f"Bearer {made.json()['key']}"}
    assert house.client.get("/v1/verdicts", headers=headers).status_code == 200
    house.client.delete(f"/v1/keys/{made.json()['id']}", headers=house.headers["operator"])
    assert house.client.get("/v1/verdicts", headers=headers).status_code == 401
