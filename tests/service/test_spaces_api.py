"""Spaces over HTTP: the one that is served, and what comes with a later release."""

from __future__ import annotations

import pytest

from tests.photographs import jpeg


def test_the_one_space_tells_its_state(client, brand):
    client.post(f"/v1/brands/{brand}/references", data={"kind": "photo"}, files={"image": jpeg("coffee")})
    page = client.get("/v1/spaces").json()
    assert page["next_cursor"] is None
    (space,) = page["items"]
    assert space["id"] == "spc_thumbnail"
    assert space["status"] == "active"
    assert space["vectors"] == {"photo": 6, "logo": 0}
    assert (space["index_generation"], space["stale"], space["without_vectors"]) == (1, False, 0)


@pytest.mark.parametrize("path", ["/v1/spaces", "/v1/spaces/spc_1/shadow", "/v1/spaces/spc_1/rollback"])
def test_changing_the_model_is_not_in_this_release(client, path):
    answer = client.post(path, json={"model": "ViT-B-32/openai"})
    assert answer.status_code == 501
    assert answer.json()["type"] == "/problems/not-implemented"


def test_an_unknown_step_is_invalid(client):
    assert client.post("/v1/spaces/spc_1/explode").status_code == 422
