"""Many connections at once over real HTTP: batched together, refused with a time when full, dropped when they leave."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPConnection

import httpx
import pytest
import uvicorn

from service.runtime import Runtime
from tests.conftest import OPERATOR_KEY
from tests.fakes import ThumbnailEmbedder
from tests.photographs import jpeg


class HeldEmbedder(ThumbnailEmbedder):
    """Remembers the size of each batch, and waits until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.entered = threading.Event()

    def embed_queries(self, batch):
        self.batches.append(len(batch))
        self.entered.set()
        assert self.may_go.wait(60)
        return super().embed_queries(batch)


@pytest.fixture
def embedder() -> HeldEmbedder:
    return HeldEmbedder()


@pytest.fixture
def runtime(settings, embedder) -> Iterator[Runtime]:
    opened = Runtime.open(replace(settings, queue_size=4, batch_size=8, batch_wait=0.2), embedder=embedder)
    embedder.batches.clear()  # a model is tried before it serves
    embedder.entered.clear()
    yield opened
    embedder.may_go.set()
    opened.close()


@pytest.fixture
def http(app) -> Iterator[httpx.Client]:
    """A client of a real listener."""
    config = uvicorn.Config(app, port=0, ws="none", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    with httpx.Client(base_url=address, headers=headers, timeout=60, trust_env=False) as client:
        yield client
    server.should_exit = True
    thread.join()


def body(listing_id: str, count: int = 1) -> dict:
    return {"listing_id": listing_id, "images": [{"data": base64.b64encode(jpeg("coffee")).decode()}] * count}


def wait_until(condition) -> None:
    while not condition():
        time.sleep(0.005)


def test_listings_of_several_connections_share_a_pass_of_the_backbone(http, embedder, runtime):
    with ThreadPoolExecutor(4) as clients:
        embedder.may_go.clear()
        first = clients.submit(http.post, "/v1/listings", json=body("first"))
        assert embedder.entered.wait(60)
        others = [clients.submit(http.post, "/v1/listings", json=body(str(number))) for number in range(3)]
        wait_until(lambda: runtime.pipeline.inside == 4 and runtime.pipeline.decoding == 0)
        embedder.may_go.set()
        assert [future.result().status_code for future in (first, *others)] == [200] * 4
    assert embedder.batches == [1, 3]


def test_a_full_queue_refuses_with_a_time_and_recovers(http, embedder, runtime):
    with ThreadPoolExecutor(1) as clients:
        embedder.may_go.clear()
        held = clients.submit(http.post, "/v1/listings", json=body("held", 4))
        wait_until(lambda: runtime.pipeline.inside == 4)
        for refused in (
            http.post("/v1/listings", json=body("more")),
            http.post("/v1/search", files={"image": jpeg("coffee")}),
        ):
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
            assert refused.json()["type"] == "/problems/overloaded"
        assert http.get("/healthz").status_code == 200
        embedder.may_go.set()
        assert held.result().status_code == 200
    assert http.post("/v1/listings", json=body("more")).status_code == 200
    assert http.get("/v1/listings/default/held").status_code == 200


def test_a_refusal_costs_neither_the_body_nor_the_connection(http, embedder, runtime, app):
    """Refused at the headers: neither key nor body is looked at, and the connection goes on."""
    with ThreadPoolExecutor(1) as clients:
        embedder.may_go.clear()
        held = clients.submit(http.post, "/v1/listings", json=body("held", 4))
        wait_until(lambda: runtime.pipeline.inside == 4)
        with contextlib.closing(HTTPConnection(http.base_url.host, http.base_url.port, timeout=60)) as connection:
            for _ in range(2):
                connection.putrequest("POST", "/v1/listings")
                connection.putheader("Content-Length", "200000")
                connection.endheaders()
                refused = connection.getresponse()
                assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
                assert refused.headers["Connection"] is None
                refused.read()
                connection.sock.sendall(b"x" * 200_000)
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
        embedder.may_go.set()
        assert held.result().status_code == 200
    page = http.get("/metrics").text
    assert 'brandwarden_refusals_total{reason="overloaded"} 2.0' in page
    assert 'brandwarden_requests_total{method="POST",route="/v1/listings",status="503"} 2.0' in page


def test_a_large_picture_that_finds_no_room_is_told_so(http, embedder, runtime):
    with ThreadPoolExecutor(1) as clients:
        embedder.may_go.clear()
        held = clients.submit(http.post, "/v1/listings", json=body("held", 4))
        wait_until(lambda: runtime.pipeline.inside == 4)
        refused = http.post("/v1/search", files={"image": b"x" * 12_000_000})
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        embedder.may_go.set()
        assert held.result().status_code == 200


def test_the_pictures_of_a_client_that_left_are_dropped(http, app, embedder, runtime):
    embedder.may_go.clear()
    with ThreadPoolExecutor(1) as clients:
        held = clients.submit(http.post, "/v1/listings", json=body("held"))
        assert embedder.entered.wait(60)
        with pytest.raises(httpx.ReadTimeout):
            http.post("/v1/listings", json=body("left", 3), timeout=httpx.Timeout(60, read=0.5))
        wait_until(lambda: app.state.lifecycle.in_flight == 1)  # the listener has noticed
        embedder.may_go.set()
        assert held.result().status_code == 200
    wait_until(lambda: runtime.pipeline.inside == 0)
    assert embedder.batches == [1]
    assert http.get("/v1/listings/default/left").status_code == 404


def test_a_batch_answers_a_line_before_the_next_is_sent(http):
    answered = threading.Event()

    def lines() -> Iterator[bytes]:
        yield json.dumps(body("first")).encode() + b"\n"
        assert answered.wait(60)
        yield json.dumps(body("second")).encode() + b"\n"

    # httpx sends the whole body before it reads, so the answer is watched for on the side
    def watch() -> None:
        wait_until(lambda: http.get("/v1/listings/default/first").status_code == 200)
        answered.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    answer = http.post("/v1/listings/batch", content=lines())
    watcher.join()
    assert [json.loads(line)["listing_id"] for line in answer.iter_lines()] == ["first", "second"]


def test_a_batch_that_is_broken_off_leaves_the_service_as_it_was(http, app, runtime):
    def lines() -> Iterator[bytes]:
        yield json.dumps(body("first")).encode() + b"\n"
        wait_until(lambda: http.get("/v1/listings/default/first").status_code == 200)
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        http.post("/v1/listings/batch", content=lines())
    wait_until(lambda: app.state.lifecycle.in_flight == 0 and runtime.pipeline.inside == 0)
    assert http.post("/v1/listings", json=body("next")).status_code == 200


def test_writes_that_wait_hold_up_neither_health_nor_pages(http, app, runtime):
    """More listings than asyncio's own pool has threads wait for the database's writer."""
    with ThreadPoolExecutor(12) as clients:
        with runtime.database.write():
            waiting = [clients.submit(http.post, "/v1/listings", json=body(f"A-{number}")) for number in range(4)]
            keyed = [
                clients.submit(http.post, "/v1/brands", json={"name": "a"}, headers={"Idempotency-Key": str(number)})
                for number in range(8)
            ]
            wait_until(lambda: app.state.lifecycle.in_flight == 12)
            for path in ("/healthz", "/readyz", "/login", "/metrics", "/v1/brands"):
                assert http.get(path).status_code == 200, path
            assert not any(future.done() for future in keyed)
        assert {future.result(60).status_code for future in keyed} == {201}
        assert {future.result(60).status_code for future in waiting} <= {200, 503}
