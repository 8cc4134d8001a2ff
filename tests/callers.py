"""Headers to call as somebody else than the operator."""

from __future__ import annotations


def as_role(client, role: str, **tenant: str) -> dict[str, str]:
    """Make a key of `role` through the interface; the header that uses it."""
    made = client.post("/v1/keys", json={"role": role, "name": f"a {role}", **tenant})
    assert made.status_code == 201, made.text
    return {"Authorization": f"Bearer {made.json()['key']}"}
