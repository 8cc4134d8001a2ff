"""What the tests of spaces begin with: a loader of small models, and the steps over HTTP."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

from fastapi.testclient import TestClient

from service.app import create_app
from service.runtime import Runtime
from service.settings import Settings
from service.spaces.loading import Loads
from tests.conftest import OPERATOR_KEY
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


@contextlib.contextmanager
def serving(settings: Settings, model: str = "thumbnail", loads: Loads = load) -> Iterator[TestClient]:
    """An operator's client of a service with a small model."""
    with (
        contextlib.closing(Runtime.open(settings, embedder=load(model), loads=loads)) as runtime,
        TestClient(create_app(settings, runtime=runtime)) as client,
    ):
        client.headers["Authorization"] = f"Bearer {OPERATOR_KEY}"
        yield client


def runtime_of(client: TestClient) -> Runtime:
    """The runtime behind a client."""
    runtime: Runtime = client.app.state.lifecycle.runtime
    return runtime


def add(client: TestClient, brand: str, data: bytes, kind: str = "photo") -> str:
    """Enrol a picture; its id."""
    answer = client.post(f"/v1/brands/{brand}/references", data={"kind": kind}, files={"image": data})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def found(client: TestClient, data: bytes) -> tuple[str, list[str]]:
    """The space that searched, and the references it found."""
    answer = client.post("/v1/search", data={"kind": "photo", "top_k": 10}, files={"image": data}).json()
    return answer["space"], [match["reference_id"] for match in answer["matches"]]


def judge(client: TestClient, listing_id: str, data: bytes) -> dict[str, Any]:
    """Judge a listing of one picture."""
    answer = client.post(
        "/v1/listings", data={"listing": json.dumps({"listing_id": listing_id})}, files={"images": data}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


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


def wait_for_job(client: TestClient, job: str) -> dict[str, Any]:
    """Until the job is over, which it says a moment after what it made is there."""
    until = time.monotonic() + PATIENCE
    while (shown := client.get(f"/v1/jobs/{job}").json())["state"] in ("queued", "running"):
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
