"""What was acknowledged stays: through a kill amid uploads, a full disk and a store that refuses."""

from __future__ import annotations

import itertools
import threading

import httpx
import numpy as np
import pytest
import sqlalchemy as sa

from tests.photographs import NAMES, jpeg, pixels
from tests.service.processes import Process, wait_until_ready
from vision.images import encode_jpeg

KEY = "bw_operator_of_the_durability_tests"
ENOUGH = 12


def distinct_pictures():
    """Photographs and crops of them, no two the same."""
    for step in itertools.count():
        for name in NAMES:
            whole = pixels(name)
            yield encode_jpeg(np.ascontiguousarray(whole[step * 7 :, step * 5 :]), 90)


def upload(client: httpx.Client, brand_id: str, data: bytes) -> httpx.Response:
    return client.post(f"/v1/brands/{brand_id}/references", data={"kind": "photo"}, files={"image": ("a.jpg", data)})


def test_every_acknowledged_reference_is_found_after_a_kill(tmp_path):
    first = Process(tmp_path, BRANDWARDEN_OPERATOR_KEY=KEY)
    acknowledged: dict[str, bytes] = {}
    try:
        with first.client() as client:
            client.headers["Authorization"] = f"Bearer {KEY}"
            wait_until_ready(client)
            brand_id = client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
            pictures, lock, enough = distinct_pictures(), threading.Lock(), threading.Event()

            def keep_uploading():
                while True:
                    with lock:
                        data = next(pictures)
                    try:
                        answer = upload(client, brand_id, data)
                    except httpx.TransportError:
                        return  # the process is gone
                    if answer.status_code == 201:
                        acknowledged[answer.json()["id"]] = data
                    if len(acknowledged) >= ENOUGH:
                        enough.set()

            threads = [threading.Thread(target=keep_uploading) for _ in range(4)]
            for thread in threads:
                thread.start()
            assert enough.wait(120)
            first.popen.kill()
            for thread in threads:
                thread.join()
    finally:
        first.kill()
    second = Process(tmp_path, BRANDWARDEN_OPERATOR_KEY=KEY)
    try:
        with second.client() as client:
            client.headers["Authorization"] = f"Bearer {KEY}"
            wait_until_ready(client)
            for reference_id, data in acknowledged.items():
                path = f"/v1/brands/{brand_id}/references/{reference_id}"
                assert client.get(path).json()["status"] == "active"
                assert client.get(f"{path}/image").content == data
                answer = client.post("/v1/search", data={"kind": "photo", "top_k": "20"}, files={"image": data}).json()
                assert reference_id in [match["reference_id"] for match in answer["matches"]]
    finally:
        second.kill()


@pytest.fixture
def full_disk(runtime):
    """The database may not grow by a single page until `lift` is called; SQLite itself then says the disk is full."""

    class Disk:
        def fill(self) -> None:
            runtime.database.engine.dispose()
            sa.event.listen(runtime.database.engine, "connect", self._limit)

        def lift(self) -> None:
            sa.event.remove(runtime.database.engine, "connect", self._limit)
            runtime.database.engine.dispose()

        def _limit(self, connection, _record) -> None:
            connection.execute("PRAGMA max_page_count = 1").fetchall()

    return Disk()


def test_a_full_disk_refuses_writes_aloud_and_nothing_is_lost(client, runtime, full_disk):
    brand_id = client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
    kept = upload(client, brand_id, jpeg("coffee")).json()["id"]
    full_disk.fill()
    statuses = {upload(client, brand_id, data).status_code for data in itertools.islice(distinct_pictures(), 12)}
    refused = upload(client, brand_id, jpeg("chelsea", 50))
    assert refused.status_code == 503, statuses
    assert refused.json()["type"] == "/problems/storage-failed"
    assert refused.headers["retry-after"].isdigit()
    assert client.get(f"/v1/brands/{brand_id}/references/{kept}").status_code == 200
    assert client.get("/healthz").status_code == 200
    full_disk.lift()
    before = runtime.catalog.count(brand_id)
    assert upload(client, brand_id, jpeg("chelsea", 50)).status_code == 201
    assert runtime.catalog.count(brand_id) == before + 1


def test_a_picture_store_that_refuses_leaves_no_row(client, runtime, settings):
    brand_id = client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
    blobs = settings.data_dir / "blobs"
    assert not blobs.exists()
    blobs.write_text("a file where the folder should be")
    refused = upload(client, brand_id, jpeg("coffee"))
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/storage-failed")
    assert runtime.catalog.count(brand_id) == 0
    blobs.unlink()
    assert upload(client, brand_id, jpeg("coffee")).status_code == 201
