"""Policies over HTTP: versions, bounds, refusals, and a replay that stores nothing."""

from __future__ import annotations

import base64

import pytest

from tests.callers import as_role
from tests.photographs import jpeg

RULE = {"kind": "stolen_photo", "marketplace": "*", "monitor": 0.2, "review": 0.4, "hold": 0.7, "takedown": 0.9}


def put(client, brand, *rules, headers=None, proof=(), to="policy"):
    body = {"rules": list(rules), "proof_required": list(proof)}
    return client.request("POST" if "replay" in to else "PUT", f"/v1/brands/{brand}/{to}", json=body, headers=headers)


def test_every_put_is_a_version_that_can_be_read_again(client, brand):
    path = f"/v1/brands/{brand}/policy"
    none = client.get(path).json()
    assert (none["version"], none["rules"], none["created_at"]) == (0, [], None)
    proof = [
        {"category": " Shoes "},
        {"min_price": 49.5},
        {"category": "Bags", "min_price": {"amount": "10", "currency": "EUR"}},
    ]
    first = put(client, brand, RULE, proof=proof)
    assert first.status_code == 200, first.text
    assert first.json()["version"] == 1
    assert first.json()["rules"] == [RULE]
    assert first.json()["proof_required"] == [{"category": "Shoes"}, {"min_price": "49.5"}, proof[2]]
    second = put(client, brand, {"kind": "logo_use", "review": 0.6}).json()
    assert (second["version"], second["rules"][0]["monitor"]) == (2, None)
    assert client.get(path).json() == second
    assert client.get(path, params={"version": 1}).json() == first.json()
    assert client.get(path, params={"version": 3}).status_code == 404


def test_a_brand_keeps_to_its_bounds_and_the_operator_does_not(client, brand):
    own = as_role(client, "brand", brand_id=brand)
    low = {**RULE, "hold": 0.45, "takedown": 0.6}
    for to in ("policy", "policy/replay"):
        refused = put(client, brand, low, headers=own, to=to)
        assert refused.status_code == 422
        assert [error["loc"] for error in refused.json()["errors"]] == [
            ["body", "rules", 0, "hold"],
            ["body", "rules", 0, "takedown"],
        ]
    assert put(client, brand, low).status_code == 200
    assert put(client, brand, RULE, headers=own).json()["version"] == 2
    bounds = client.put(f"/v1/brands/{brand}/policy/bounds", json={"hold": 0.4, "takedown": 0.6})
    assert bounds.json() == {"hold": 0.4, "takedown": 0.6}
    assert put(client, brand, low, headers=own).json()["bounds"] == bounds.json()
    client.put(f"/v1/brands/{brand}/policy/bounds", json={"hold": 0.99})
    assert put(client, brand, RULE, headers=own).status_code == 422


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"hold": -0.1}, ["hold"]),
        ({"hold": 1.01}, ["hold"]),
        ({"hold": True}, ["hold"]),
        ({"hold": "0.7"}, ["hold"]),
        ({"hold": 0.1}, ["hold"]),
        ({"monitor": 0.5}, ["review"]),
        ({"marketplace": "nowhere"}, ["marketplace"]),
        ({"kind": "theft"}, ["kind"]),
        ({"colour": 1}, ["colour"]),
    ],
)
def test_a_bad_rule_is_refused_where_it_is_bad(client, brand, change, loc):
    for to in ("policy", "policy/replay"):
        answer = put(client, brand, {**RULE, **change}, to=to)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["loc"] == ["body", "rules", 0, *loc]
    assert client.get(f"/v1/brands/{brand}/policy").json()["version"] == 0


def test_rules_that_overlap_are_refused(client, brand):
    answer = put(client, brand, RULE, {**RULE, "hold": 0.8})
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["body", "rules", 1])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_refused(client, brand, number):
    body = f'{{"rules": [{{"kind": "logo_use", "hold": {number}}}]}}'
    answer = client.put(f"/v1/brands/{brand}/policy", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}


@pytest.mark.parametrize(
    ("proof", "loc"),
    [
        ({"category": "<b>Shoes</b>"}, ["category"]),
        ({"category": "Shoes\n"}, None),
        ({"category": "Sho\nes"}, ["category"]),
        ({"category": "  "}, ["category"]),
        ({"category": "x" * 501}, ["category"]),
        ({"min_price": -1}, ["min_price", "amount"]),
        ({"min_price": True}, ["min_price", "amount"]),
        ({"min_price": {"amount": "1", "currency": "euro"}}, ["min_price", "price", "currency"]),
        ({"maker": "x"}, ["maker"]),
    ],
)
def test_a_bad_proof_rule_is_refused_where_it_is_bad(client, brand, proof, loc):
    answer = put(client, brand, RULE, proof=[proof])
    if loc is None:
        assert answer.status_code == 200
        return
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "proof_required", 0, *loc]


def test_another_brands_policy_is_missing(client, brand):
    stranger = as_role(client, "brand", brand_id=client.post("/v1/brands", json={"name": "Other"}).json()["id"])
    for to in ("policy", "policy/replay"):
        assert put(client, brand, RULE, headers=stranger, to=to).status_code == 404
    assert client.get(f"/v1/brands/{brand}/policy", headers=stranger).status_code == 404
    assert put(client, brand, RULE, headers=as_role(client, "reviewer")).status_code == 403


def test_a_policy_is_in_force_with_its_answer_and_is_named(either, brand_of_either):
    """With the right it needs, a match is held; another brand's stays for review."""
    brand, picture = brand_of_either, {"data": base64.b64encode(jpeg("coffee", 70)).decode()}
    other = either.post("/v1/brands", json={"name": "Other"}).json()["id"]
    for one in (brand, other):
        either.post(f"/v1/brands/{one}/references", data={"kind": "photo"}, files={"image": jpeg("coffee")})

    def judge() -> dict:
        answer = either.post("/v1/listings", json={"listing_id": "A-1", "images": [picture]}).json()
        return {match["brand_id"]: match for match in answer["matches"]} | {"decision": answer["decision"]}

    assert judge()["decision"] == "review"
    put(either, brand, {**RULE, "hold": 0.6, "takedown": 0.7})
    assert judge()["decision"] == "review", "no right is on record"
    right = {"type": "copyright", "title": "Photos", "owner": "Acme", "territories": []}
    assert either.post(f"/v1/brands/{brand}/rights", json=right).status_code == 201
    listing = judge()
    assert listing["decision"] == "hold", "only the fast lane takes down"
    assert (listing[brand]["decision"], listing[brand]["policy_version"]) == ("hold", 1)
    assert (listing[other]["decision"], listing[other]["policy_version"]) == ("review", 0)
    assert "fast lane" in listing[brand]["because"][-1]
    mine = either.get(f"/v1/brands/{other}/matches").json()["items"]
    assert [match["decision"] for match in mine] == ["review"], "another brand's decision is not this one's business"


def test_a_replay_counts_verdicts_and_stores_nothing(either, brand_of_either):
    brand, picture = brand_of_either, {"data": base64.b64encode(jpeg("coffee", 70)).decode()}
    either.post(f"/v1/brands/{brand}/references", data={"kind": "photo"}, files={"image": jpeg("coffee")})
    right = {"type": "copyright", "title": "Photos", "owner": "Acme", "territories": []}
    either.post(f"/v1/brands/{brand}/rights", json=right)
    for number, verdict in enumerate(["infringing", "not_a_match", None]):
        listing = either.post("/v1/listings", json={"listing_id": f"A-{number}", "images": [picture]}).json()
        if verdict:
            said = {"match_id": listing["matches"][0]["id"], "verdict": verdict}
            either.post(f"/v1/listings/default/A-{number}/verdicts", json=said).raise_for_status()
    answer = put(either, brand, RULE, to="policy/replay")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["precision"], told["wrongful_holds"], told["unlabelled"], told["queue"]) == (0.5, 1, 1, 0)
    assert (told["before"]["queue"], told["before"]["wrongful_holds"]) == (3, 0)
    assert (told["changed_count"], told["complete"], told["results"]) == (3, True, 3)
    assert [change["listing_id"] for change in told["changed"]] == ["A-2", "A-1", "A-0"]
    assert [change["verdict"] for change in told["changed"]] == [None, "not_a_match", "infringing"]
    assert either.get(f"/v1/brands/{brand}/policy").json()["version"] == 0
    assert either.get("/v1/listings/default/A-0").json()["decision"] == "review"
