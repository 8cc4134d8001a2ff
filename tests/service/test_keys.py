"""Keys over HTTP."""

from __future__ import annotations


def test_a_key_is_shown_once_works_and_stops_working(client):
    made = client.post("/v1/keys", json={"role": "reviewer", "name": "R"})
    assert made.status_code == 201
    secret = made.json()["key"]
    assert secret.startswith("bw_reviewer_")
    listed = client.get("/v1/keys").json()["items"]
    assert [key["id"] for key in listed] == [made.json()["id"]]
    assert "key" not in listed[0]
    headers = {"Authorization": f"Bearer {secret}"}
    assert client.get("/v1/keys", headers=headers).status_code == 403
    assert client.delete(f"/v1/keys/{made.json()['id']}").status_code == 204
    assert client.get("/v1/keys", headers=headers).status_code == 401
