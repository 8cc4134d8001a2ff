"""What the tests of spaces begin with: a loader of small models, and the steps over HTTP."""

from __future__ import annotations

import time
from typing import Any

from fastapi.testclient import TestClient

from tests.fakes import ContraryEmbedder, ThumbnailEmbedder
from vision.embedding import Embedder
from vision.errors import ModelError

WHY = {"reason": "a test"}
PATIENCE = 60.0


def load(name: str) -> Embedder:
    """Small models by name; what is not known is refused as a real loader does."""
    match name:
        case "thumbnail" | "other" | "third":
            return ThumbnailEmbedder(name=name)
        case "contrary":
            return ContraryEmbedder(name=name)
    raise ModelError(f"the `model` {name} cannot be loaded: there is none")


def step(client: TestClient, space: str, name: str, **body: Any) -> dict[str, Any]:
    """Take a step that must succeed."""
    answer = client.post(f"/v1/spaces/{space}/{name}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def wait_for(client: TestClient, space: str, status: str) -> dict[str, Any]:
    """Until the space is in that state."""
    until = time.monotonic() + PATIENCE
    while (shown := client.get(f"/v1/spaces/{space}").json())["status"] != status:
        assert time.monotonic() < until, shown
        time.sleep(0.02)
    return shown


def prepare(client: TestClient, model: str) -> dict[str, Any]:
    """A space of `model` that is ready."""
    started = client.post("/v1/spaces", json={"model": model})
    assert started.status_code == 202, started.text
    return wait_for(client, started.json()["space_id"], "ready")


def active(client: TestClient) -> str:
    """The id of the space that SQL says is active."""
    return next(item["id"] for item in client.get("/v1/spaces").json()["items"] if item["status"] == "active")
