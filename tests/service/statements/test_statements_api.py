"""Statements over HTTP: of cases as they move, of sellers as they are restricted, and exported. On both databases."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from service.cli import app
from tests.callers import as_role
from tests.photographs import jpeg
from tests.service.statements.schema import check


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL."""
    return replace(settings, database_url=database_url)


@pytest.fixture
def reviewer(client):
    return as_role(client, "reviewer")


@pytest.fixture
def cases(client, brand):
    """Opens a case for each listing id."""
    client.post(f"/v1/brands/{brand}/references", data={"kind": "photo"}, files={"image": jpeg("coffee")})

    def opened(listing_id="A-1", seller_id="jane-roe-77"):
        picture = {"data": base64.b64encode(jpeg("coffee", 70)).decode()}
        body = {"listing_id": listing_id, "seller_id": seller_id, "title": "Cup of Jane Roe", "images": [picture]}
        body |= {"url": f"https://shop.example/{listing_id}", "gtin": "4006381333931", "territories": ["DE", "AT"]}
        return client.post("/v1/listings", json=body).json()["matches"][0]["case_id"]

    return opened


def act(client, case_id, action, headers, **fields):
    version = client.get(f"/v1/cases/{case_id}", headers=headers).json()["evidence_version"]
    body = {"action": action, "reason": "Jane Roe copies, jane@roe.example", "evidence_version": version, **fields}
    done = client.post(f"/v1/cases/{case_id}/actions", json=body, headers=headers)
    assert done.status_code == 200, done.text
    return done.json()


def test_each_restriction_of_a_case_is_stated(client, cases, reviewer):
    case_id = cases()
    assert client.get(f"/v1/cases/{case_id}/statement").status_code == 404
    act(client, case_id, "hold", reviewer)
    held = client.get(f"/v1/cases/{case_id}/statement").json()
    assert (held["measure"], held["earlier"]) == ("hold", [])
    act(client, case_id, "remove", reviewer)
    removed = client.get(f"/v1/cases/{case_id}/statement").json()
    assert removed["measure"] == "removal"
    assert [one["id"] for one in removed["earlier"]] == [held["id"]]
    for record in (held["record"], removed["record"]):
        check(record)
        assert record["territorial_scope"] == ["AT", "DE"]
        assert record["automated_decision"] == "AUTOMATED_DECISION_NOT_AUTOMATED"
        assert record["source_type"] == "SOURCE_VOLUNTARY"
        assert "jane" not in json.dumps(record).lower()
    assert "Cup of Jane Roe" in removed["text"]
    act(client, case_id, "reinstate", reviewer)
    assert client.get(f"/v1/cases/{case_id}/statement").json()["id"] == removed["id"]


def test_the_text_alone(client, cases, reviewer):
    case_id = cases()
    act(client, case_id, "hold", reviewer)
    plain = client.get(f"/v1/cases/{case_id}/statement", headers={"Accept": "text/plain"})
    assert plain.headers["content-type"].startswith("text/plain")
    assert plain.text.startswith("Statement of reasons")


def test_who_may_read_it(client, cases, brand, reviewer):
    case_id = cases()
    act(client, case_id, "hold", reviewer)
    token = client.post(f"/v1/cases/{case_id}/seller-link").json()["token"]
    other = client.post("/v1/brands", json={"name": "Other"}).json()["id"]
    may = [reviewer, as_role(client, "brand", brand_id=brand), {"Authorization": f"Bearer {token}"}]
    assert [client.get(f"/v1/cases/{case_id}/statement", headers=headers).status_code for headers in may] == [200] * 3
    stranger = as_role(client, "brand", brand_id=other)
    assert client.get(f"/v1/cases/{case_id}/statement", headers=stranger).status_code == 404


def test_a_sellers_strikes_restrictions_and_statements(client, cases, reviewer):
    client.patch("/v1/marketplaces/default", json={"strike_points": {"stolen_photo": 2, "decay_days": 30}})
    first, second = cases("A-1"), cases("A-2")
    nobody = client.get("/v1/sellers/default/jane-roe-77", headers=reviewer).json()
    assert (nobody["points"], nobody["level"], nobody["strikes"]) == (0, None, [])
    act(client, first, "remove", reviewer)
    act(client, second, "remove", reviewer)
    seller = client.get("/v1/sellers/default/jane-roe-77", headers=reviewer).json()
    assert (seller["points"], seller["level"]) == (4, "restriction")
    assert [one["level"] for one in seller["restrictions"]] == ["restriction", "warning"]
    assert seller["restrictions"][1]["ended_because"] == "raised"
    restricted, warned = (one["statement"] for one in seller["restrictions"])
    check(restricted["record"])
    assert warned["record"] is None
    assert "4 points" in restricted["text"]
    act(client, second, "reinstate", reviewer)
    seller = client.get("/v1/sellers/default/jane-roe-77", headers=reviewer).json()
    assert (seller["points"], seller["level"]) == (2, None)


def test_the_export_is_one_valid_record_a_line(client, cases, reviewer):
    for number in range(4):
        act(client, cases(f"A-{number}"), "remove", reviewer)
    answer = client.get("/v1/statements")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    records = [json.loads(line) for line in answer.text.splitlines()]
    assert len(records) == 5  # four removals and one restriction; a warning has no record
    for record in records:
        check(record)
    assert len({record["puid"] for record in records}) == 5
    assert client.get("/v1/statements", params={"since": "2999-01-01T00:00:00Z"}).text == ""
    assert client.get("/v1/statements", headers=reviewer).status_code == 403


def test_the_command_prints_what_the_interface_exports(client, cases, reviewer, settings, monkeypatch):
    act(client, cases(), "remove", reviewer)
    monkeypatch.setenv("BRANDWARDEN_DATABASE_URL", settings.sql_url)
    for arguments, expected in (([], client.get("/v1/statements").text), (["--since", "2999-01-01"], "")):
        done = CliRunner().invoke(app, ["statements", "--data-dir", str(settings.data_dir), *arguments])
        assert (done.exit_code, done.stdout) == (0, expected)
