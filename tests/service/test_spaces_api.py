"""Spaces over HTTP: prepared beside, promoted behind a gate, rolled back, forgotten; refusals that change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from tests.fakes import ThumbnailEmbedder
from tests.photographs import NAMES, jpeg, mark
from tests.service.spaces import WHY, active, add, found, prepare, serving, step, wait_for, wait_for_job


@pytest.fixture
def client(settings) -> Iterator[TestClient]:
    with serving(settings) as client:
        yield client


@pytest.fixture
def brand(client) -> str:
    return client.post("/v1/brands", json={"name": "Acme"}).json()["id"]


def gate(candidate: str, current: str = "spc_thumbnail", *, passed: bool = True) -> dict:
    return {"candidate": {"space": candidate}, "current": {"space": current}, "passed": passed, "failed": []}


def test_the_one_space_tells_its_state(client, brand):
    add(client, brand, jpeg("coffee"))
    page = client.get("/v1/spaces").json()
    assert page["next_cursor"] is None
    (space,) = page["items"]
    assert (space["id"], space["status"], space["previous"]) == ("spc_thumbnail", "active", None)
    assert space["vectors"] == {"photo": 6, "logo": 0}
    assert (space["index_generation"], space["stale"], space["without_vectors"]) == (1, False, 0)


def test_a_model_is_prepared_promoted_and_rolled_back(settings, database_url):
    with serving(replace(settings, database_url=database_url)) as client:
        live_through(client, client.post("/v1/brands", json={"name": "Acme"}).json()["id"])


def live_through(client, brand):
    references = [add(client, brand, jpeg(name)) for name in NAMES]
    add(client, brand, mark(), "logo")
    started = client.post("/v1/spaces", json={"model": "other"})
    assert started.headers["location"] == f"/v1/jobs/{started.json()['job_id']}"
    ready = wait_for(client, "spc_other", "ready")
    job = wait_for_job(client, started.json()["job_id"])
    assert (job["kind"], job["state"], job["done"], job["total"]) == ("space", "succeeded", 7, 7)
    assert ready["vectors"] == {"photo": 36, "logo": 2}
    assert found(client, jpeg("coffee"))[0] == "spc_thumbnail", "nothing is exchanged before it is asked for"

    promoted = step(client, "spc_other", "promote", gate=gate("spc_other"))
    assert (promoted["status"], promoted["previous"]) == ("active", "spc_thumbnail")
    space, matches = found(client, jpeg("coffee", 70))
    assert (space, matches[0]) == ("spc_other", references[1])
    listing = {"listing": '{"listing_id": "A-1"}'}
    judged = client.post("/v1/listings", data=listing, files={"images": jpeg("coffee", 70)}).json()
    assert (judged["space"], judged["decision"]) == ("spc_other", "review")

    back = step(client, "spc_other", "rollback", reason="too slow")
    assert (back["id"], back["status"]) == ("spc_thumbnail", "active")
    assert found(client, jpeg("coffee"))[0] == "spc_thumbnail"
    history = [(event["status"], event["reason"]) for event in client.get("/v1/spaces/spc_other").json()["events"]]
    assert history == [
        ("retired", "rolled back to spc_thumbnail"),
        ("active", None),
        ("ready", None),
        ("preparing", None),
    ]


def test_what_is_uploaded_meanwhile_is_found_in_every_space(client, brand):
    add(client, brand, jpeg("coffee"))
    prepare(client, "other")
    late = add(client, brand, jpeg("rocket"))
    step(client, "spc_other", "promote", **WHY)
    assert found(client, jpeg("rocket"))[1][0] == late
    later = add(client, brand, jpeg("chelsea"))
    assert found(client, jpeg("chelsea"))[1][0] == later
    step(client, "spc_other", "rollback")
    assert found(client, jpeg("chelsea"))[1][0] == later


def test_promotion_takes_a_gate_that_was_passed_or_a_reason(client):
    prepare(client, "other")
    for refused in (
        {},
        {"gate": gate("spc_other", passed=False)},
        {"gate": gate("spc_other", "spc_older")},
    ):
        answer = client.post("/v1/spaces/spc_other/promote", json=refused)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/gate-not-passed"), refused
    about_another = client.post("/v1/spaces/spc_other/promote", json={"gate": gate("spc_third")})
    assert about_another.json()["type"] == "/problems/conflict"
    assert active(client) == "spc_thumbnail"
    kept = step(client, "spc_other", "shadow", gate=gate("spc_other"), share=0.5)
    assert (kept["status"], kept["share"], kept["gate"]["passed"]) == ("shadow", 0.5, True)
    assert step(client, "spc_other", "promote")["status"] == "active"


def test_steps_that_do_not_follow_are_conflicts(client):
    prepare(client, "other")
    for space, name in (
        ("spc_thumbnail", "promote"),
        ("spc_thumbnail", "shadow"),
        ("spc_thumbnail", "rollback"),
        ("spc_other", "rollback"),
    ):
        answer = client.post(f"/v1/spaces/{space}/{name}", json=WHY)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/conflict"), (space, name)
    assert client.post("/v1/spaces", json={"model": "thumbnail"}).status_code == 409
    assert client.post("/v1/spaces", json={"model": "third"}).json()["existing_id"] == "spc_other"
    assert client.post("/v1/spaces/spc_none/promote", json=WHY).status_code == 404
    assert client.post("/v1/spaces/spc_other/explode").status_code == 422
    assert client.delete("/v1/spaces/spc_thumbnail").status_code == 409


def test_a_forgotten_space_takes_its_vectors_with_it(client, brand):
    add(client, brand, jpeg("coffee"))
    prepare(client, "other")
    runtime = client.app.state.lifecycle.runtime
    space = ThumbnailEmbedder(name="other").space
    assert runtime.catalog.lacking(space) == 0
    assert client.delete("/v1/spaces/spc_other").status_code == 204
    assert client.get("/v1/spaces/spc_other").status_code == 404
    assert runtime.catalog.lacking(space) == 1
    assert runtime.spaces.find("spc_other") is None
    assert prepare(client, "third")["status"] == "ready"


def test_a_model_that_cannot_be_used_changes_nothing(client):
    answer = client.post("/v1/spaces", json={"model": "unknown/none"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/model-refused")
    assert "unknown/none" in answer.json()["detail"]
    assert len(client.get("/v1/spaces").json()["items"]) == 1
    assert client.get("/readyz").status_code == 200


def test_the_same_post_with_a_key_starts_one_job(client):
    once = {"Idempotency-Key": "k"}
    first, again = (client.post("/v1/spaces", json={"model": "other"}, headers=once) for _ in range(2))
    assert first.json() == again.json()
    wait_for(client, "spc_other", "ready")
    assert len(client.get("/v1/jobs").json()["items"]) == 1


def test_a_picture_that_is_gone_is_a_row_error_and_stops_nothing(client, brand):
    gone = add(client, brand, jpeg("coffee"))
    add(client, brand, jpeg("rocket"))
    runtime = client.app.state.lifecycle.runtime
    runtime.blobs.delete(runtime.catalog.get(gone).sha256)
    job = wait_for_job(client, prepare(client, "other")["job_id"])
    assert [(error["file"], error["problem"]["type"]) for error in job["errors"]] == [
        (gone, "/problems/picture-missing")
    ]
    assert "1 references" in client.get("/v1/spaces/spc_other").json()["events"][0]["reason"]
    assert step(client, "spc_other", "promote", **WHY)["without_vectors"] == 1
