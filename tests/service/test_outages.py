"""A database that goes away and comes back: 503 meanwhile, and the service goes on by itself."""

from __future__ import annotations

import dataclasses
import time

import pytest
from fastapi.testclient import TestClient

from indexes.database import Database
from indexes.errors import StorageFailed
from service.app import create_app
from service.runtime import Runtime
from tests.conftest import OPERATOR_KEY
from tests.fakes import ThumbnailEmbedder
from tests.photographs import jpeg


def test_a_server_that_is_not_there_is_told_without_its_address():
    database = Database("postgresql+psycopg://somebody:secret@127.0.0.1:1/nothing")
    with pytest.raises(StorageFailed) as told:
        database.ping()
    database.close()
    assert "secret" not in str(told.value)
    assert "127.0.0.1" not in str(told.value)


def test_the_service_outlives_its_database(settings, postgresql, postgresql_url):
    settings = dataclasses.replace(settings, database_url=postgresql_url)
    runtime = Runtime.open(settings, embedder=ThumbnailEmbedder())
    try:
        with TestClient(create_app(settings, runtime=runtime)) as client:
            client.headers["Authorization"] = f"Bearer {OPERATOR_KEY}"
            brand = client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
            path = f"/v1/brands/{brand}/references"
            kept = client.post(path, data={"kind": "photo"}, files={"image": jpeg("coffee")}).json()["id"]

            postgresql.shut_out(postgresql_url)
            listing = {"data": {"listing": '{"listing_id": "A"}'}, "files": [("images", jpeg("coffee"))]}
            away = [
                client.get("/v1/brands"),
                client.get("/v1/brands", headers={"Authorization": "Bearer bw_brand_unknown"}),
                client.post(path, data={"kind": "photo"}, files={"image": jpeg("rocket")}),
                client.post("/v1/listings", **listing),
                client.post("/v1/listings", **listing, headers={"Idempotency-Key": "k"}),
                client.post("/v1/search", files={"image": jpeg("coffee")}),
                client.get("/login", headers={"Cookie": "bw_session=x"}),
            ]
            assert [answer.status_code for answer in away] == [503] * len(away)
            assert all(answer.headers["retry-after"].isdigit() for answer in away)
            assert all(answer.json()["type"] == "/problems/storage-failed" for answer in away[:-1])
            assert client.get("/metrics").status_code == 200
            assert client.get("/healthz").status_code == 200
            time.sleep(1.1)  # a verdict on readiness is kept for a second
            unready = client.get("/readyz")
            assert (unready.status_code, unready.json()["reason"]) == (503, "database")

            postgresql.let_in(postgresql_url)
            assert client.get(f"{path}/{kept}").status_code == 200
            assert client.post("/v1/listings", **listing).json()["decision"] == "review"
            assert client.post(path, data={"kind": "photo"}, files={"image": jpeg("rocket")}).status_code == 201
            time.sleep(1.1)
            assert client.get("/readyz").status_code == 200
    finally:
        runtime.close()
