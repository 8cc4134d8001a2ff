"""`/readyz`: ready only when a picture really goes through."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from service.app import create_app
from service.runtime import Runtime
from tests.fakes import ThumbnailEmbedder


def test_ready_needs_no_key(client):
    answer = client.get("/readyz", headers={"Authorization": ""})
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


def test_the_canary_goes_through_every_tier(client):
    client.get("/readyz")
    page = client.get("/metrics").text
    for tier in ("decode", "embed", "search"):
        assert f'brandwarden_tier_pictures_total{{tier="{tier}"}}' in page


class BrokenEmbedder(ThumbnailEmbedder):
    """An engine that stopped working after it was loaded."""

    works = True

    def embed_queries(self, batch):
        if not self.works:
            raise RuntimeError("the engine crashed")
        return super().embed_queries(batch)


def test_an_embedder_that_fails_makes_the_process_unfit(settings):
    embedder = BrokenEmbedder()
    runtime = Runtime.open(settings, embedder=embedder)
    embedder.works = False
    with TestClient(create_app(settings, runtime=runtime)) as client:
        answer = client.get("/readyz")
        assert client.get("/healthz").status_code == 200
    runtime.close()
    assert answer.status_code == 503
    assert answer.json()["reason"] == "canary"
    assert answer.headers["retry-after"].isdigit()
    assert "crashed" not in answer.text


def test_an_index_that_no_longer_follows_is_stale(client, runtime, monkeypatch):
    monkeypatch.setattr("service.readiness.STALE_SECONDS", -1.0)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "stale")


@pytest.mark.parametrize("path", ["/v1/brands", "/v1/keys", "/"])
def test_draining_refuses_new_work_and_says_so(client, path):
    client.app.state.lifecycle.drain()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "draining")
    assert answer.headers["connection"] == "close"
    refused = client.get(path)
    assert refused.status_code == 503
    assert refused.headers["retry-after"].isdigit()
    assert client.get("/healthz").status_code == 200


def test_neither_health_nor_metrics_count_rows(client, runtime):
    """They are asked every few seconds, of catalogues of any size."""
    asked: list[str] = []

    def note(*arguments):
        asked.append(arguments[2].lower())

    runtime.upkeep.close()  # which looks after references of its own accord
    sa.event.listen(runtime.database.engine, "before_cursor_execute", note)
    for path in ("/healthz", "/readyz", "/metrics"):
        assert client.get(path).status_code == 200
    assert not [text for text in asked if "catalog_references" in text or "reference_embeddings" in text]
    assert "brandwarden_index_vectors" in client.get("/metrics").text


def test_head_is_answered_as_get_without_the_bytes(client, brand):
    for path in ("/healthz", "/readyz", f"/v1/brands/{brand}", "/docs"):
        get, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == get.headers["content-length"]
    assert client.head("/nothing").status_code == 404
    refused = client.options(f"/v1/brands/{brand}")
    assert (refused.status_code, refused.json()["type"]) == (405, "/problems/method-not-allowed")
    assert not [name for name in refused.headers if name.startswith("access-control")]
