"""Acting on sellers over HTTP: by hand, lifted, appealed, forgiven; and what is refused. On both databases."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from tests.callers import as_role
from tests.photographs import jpeg

SELLER = "/v1/sellers/default/s-9"


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL."""
    return replace(settings, database_url=database_url)


@pytest.fixture
def reviewer(client):
    return as_role(client, "reviewer")


@pytest.fixture
def seller(client, brand, reviewer):
    """A seller with one strike, over the mark of a restriction."""
    client.patch("/v1/marketplaces/default", json={"strike_points": {"stolen_photo": 4}})
    client.post(f"/v1/brands/{brand}/references", data={"kind": "photo"}, files={"image": jpeg("coffee")})
    picture = {"data": base64.b64encode(jpeg("coffee", 70)).decode()}
    body = {"listing_id": "A-1", "seller_id": "s-9", "images": [picture]}
    case_id = client.post("/v1/listings", json=body).json()["matches"][0]["case_id"]
    deed = {"action": "remove", "reason": "a copy", "evidence_version": 1}
    assert client.post(f"/v1/cases/{case_id}/actions", json=deed, headers=reviewer).status_code == 200
    return client.get(SELLER).json()


def act(client, action, headers=None, **fields):
    return client.post(f"{SELLER}/actions", json={"action": action, "reason": "because", **fields}, headers=headers)


def test_lifting_leaves_the_points(client, seller):
    assert seller["level"] == "restriction"
    lifted = act(client, "lift").json()
    assert (lifted["level"], lifted["points"]) == (None, 4)
    assert lifted["restrictions"][0]["ended_because"] == "lifted"
    assert lifted["actions"][0]["action"] == "lift"
    assert act(client, "lift").status_code == 409


def test_forgiving_a_strike_ends_what_stood_on_it(client, seller):
    strike = seller["strikes"][0]["id"]
    forgiven = act(client, "forgive", strike_id=strike).json()
    assert (forgiven["level"], forgiven["points"]) == (None, 0)
    assert forgiven["strikes"][0]["taken_back_for"] == "forgiven"
    assert act(client, "forgive", strike_id=strike).status_code == 409
    assert act(client, "forgive", strike_id="str_none").status_code == 404
    assert act(client, "forgive").status_code == 422


def test_an_appeal_that_is_upheld_takes_the_points_back(client, seller):
    assert act(client, "appeal_upheld").status_code == 409
    assert act(client, "appeal").json()["restrictions"][0]["appealed_at"] is not None
    upheld = act(client, "appeal_upheld").json()
    assert (upheld["level"], upheld["points"]) == (None, 0)
    assert upheld["restrictions"][0]["ended_because"] == "appeal_upheld"


def test_an_appeal_that_is_rejected_changes_nothing(client, seller):
    act(client, "appeal")
    rejected = act(client, "appeal_rejected").json()
    assert (rejected["level"], rejected["points"]) == ("restriction", 4)
    assert [one["action"] for one in rejected["actions"]] == ["appeal_rejected", "appeal"]


def test_a_restriction_by_hand_is_stated_and_stands_beside_the_points(client, seller, reviewer):
    until = "2999-01-01T00:00:00Z"
    made = act(client, "restrict", reviewer, level="closure", until=until).json()
    assert made["level"] == "closure"
    assert made["restrictions"][0]["by_hand"] is True
    assert made["restrictions"][0]["statement"]["record"]["automated_decision"] == "AUTOMATED_DECISION_NOT_AUTOMATED"
    assert "2999-01-01" in made["restrictions"][0]["statement"]["text"]
    assert [one["level"] for one in made["restrictions"] if one["ended_at"] is None] == ["closure", "restriction"]
    replaced = act(client, "restrict", reviewer, level="ban").json()
    assert [one["ended_because"] for one in replaced["restrictions"]] == [None, "replaced", None]


def test_whoever_restricted_by_hand_does_not_decide_the_appeal(client, seller, reviewer):
    act(client, "restrict", reviewer, level="ban")
    act(client, "appeal", reviewer)
    assert act(client, "appeal_upheld", reviewer).status_code == 409
    assert act(client, "appeal_upheld", as_role(client, "reviewer")).json()["level"] is None


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "restrict"},
        {"action": "restrict", "level": "doom"},
        {"action": "restrict", "level": "ban", "until": "2000-01-01T00:00:00Z"},
        {"action": "flog"},
        {"action": "lift", "reason": ""},
        {"action": "restrict", "level": "closure", "reason": "  "},
        {"action": "lift", "reason": "x" * 4001},
        {"action": "lift", "reason": "a\x00b"},
        {"action": "lift", "extra": 1},
    ],
)
def test_what_makes_no_sense_is_refused(client, seller, fields):
    assert client.post(f"{SELLER}/actions", json={"reason": "because", **fields}).status_code == 422


def test_who_may_see_and_act(client, seller, brand):
    for headers in (as_role(client, "ingest", marketplace="default"), as_role(client, "brand", brand_id=brand)):
        assert client.get(SELLER, headers=headers).status_code == 403
        assert act(client, "lift", headers).status_code == 403
    assert client.get("/v1/sellers/default/nobody").status_code == 404
    assert client.get("/v1/sellers/nowhere/s-9").status_code == 404
    assert client.post("/v1/sellers/default/nobody/actions", json={"action": "lift", "reason": "x"}).status_code == 404


@pytest.mark.parametrize("points", [{"unknown": 1}, {"warning": 9}, {"decay_days": 0}, {"ban": 1e9}])
def test_strike_points_that_make_no_sense_are_refused(client, points):
    for method, path, body in (
        ("PATCH", "/v1/marketplaces/default", {}),
        ("POST", "/v1/marketplaces", {"slug": "new", "name": "New"}),
    ):
        refused = client.request(method, path, json={**body, "strike_points": points})
        assert refused.status_code == 422
        assert "strike_points" in str(refused.json()["errors"])
