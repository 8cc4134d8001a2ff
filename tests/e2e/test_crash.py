"""Killed amid concurrent uploads, and started again: what was acknowledged is there, and is found."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest

from tests.photographs import NAMES, jpeg, pixels
from tests.process import served
from vision.images import encode_jpeg


@pytest.fixture
def log(tmp_path):
    with (tmp_path / "service.log").open("w") as opened:
        yield opened


def variants(count: int) -> list[bytes]:
    """Different parts of real photographs, each a picture of its own."""
    random = np.random.default_rng(5)
    made = []
    for number in range(count):
        whole = pixels(NAMES[number % len(NAMES)])
        height, width = whole.shape[:2]
        top, left = int(random.integers(0, height // 3)), int(random.integers(0, width // 3))
        part = whole[top : top + height * 2 // 3, left : left + width * 2 // 3]
        made.append(encode_jpeg(np.ascontiguousarray(part), 90))
    return made


def test_every_acknowledged_reference_is_found_after_sigkill(tmp_path, log):
    pictures, acknowledged, enough = variants(40), {}, threading.Event()

    def upload(number: int) -> None:
        try:
            answer = running.client.post(
                f"/v1/brands/{brand}/references",
                data={"kind": "photo", "external_id": f"SKU-{number}"},
                files={"image": pictures[number]},
            )
        except httpx.TransportError:
            return  # the process was gone: nothing was promised
        if answer.status_code == 201:
            acknowledged[answer.json()["id"]] = number
            if len(acknowledged) >= 10:
                enough.set()

    with served(tmp_path / "data", log) as running, ThreadPoolExecutor(6) as clients:
        brand = running.client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
        uploads = [clients.submit(upload, number) for number in range(len(pictures))]
        assert enough.wait(120)
        running.kill()
        for future in uploads:
            future.result()
    assert 10 <= len(acknowledged) < len(pictures), "it has to die in the middle"

    with served(tmp_path / "data", log) as running:
        listed = running.client.get(f"/v1/brands/{brand}/references", params={"limit": 200}).json()["items"]
        assert acknowledged.keys() <= {item["id"] for item in listed}
        for reference_id, number in acknowledged.items():
            answer = running.client.post("/v1/search", data={"top_k": "50"}, files={"image": pictures[number]})
            assert reference_id in {match["reference_id"] for match in answer.json()["matches"]}
            image = running.client.get(f"/v1/brands/{brand}/references/{reference_id}/image")
            assert image.content == pictures[number]


def test_sigterm_amid_listings_finishes_or_refuses_each_of_them(tmp_path, log):
    statuses: list[int] = []
    some, told_to_stop = threading.Event(), threading.Event()

    def send(number: int) -> None:
        late = told_to_stop.is_set()
        try:
            answer = running.client.post(
                "/v1/listings",
                data={"listing": f'{{"listing_id": "L-{number}"}}'},
                files=[("images", jpeg(NAMES[number % len(NAMES)]))],
            )
        except httpx.TransportError:
            assert late, "whoever was there before the signal is answered"
            statuses.append(0)  # the listener was closed already, or before it took the connection up
            return
        statuses.append(answer.status_code)
        if answer.status_code == 200:
            done.append(f"L-{number}")
            if len(done) >= 5:
                some.set()

    done: list[str] = []
    with served(tmp_path / "data", log) as running, ThreadPoolExecutor(4) as clients:
        sent = [clients.submit(send, number) for number in range(60)]
        assert some.wait(120)
        told_to_stop.set()
        assert running.terminate() == 0
        for future in sent:
            future.result()
    assert set(statuses) <= {200, 503, 0}
    with served(tmp_path / "data", log) as running:
        kept = running.client.get("/v1/listings", params={"limit": 200}).json()["items"]
        assert set(done) == {item["listing_id"] for item in kept}
