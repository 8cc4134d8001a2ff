"""Many listings at once: broken pictures among them harm none, and a stop finishes or refuses each of them aloud."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from fastapi.testclient import TestClient

from service.api.waiting import settle
from service.app import create_app
from service.errors import Overloaded
from service.runtime import Runtime
from tests.conftest import OPERATOR_KEY
from tests.fakes import ThumbnailEmbedder
from tests.photographs import jpeg
from vision.images import encode_png

COUNT = 200


class TouchyEmbedder(ThumbnailEmbedder):
    """Refuses a batch that holds a black picture, and can be held."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go = threading.Event()
        self.may_go.set()
        self.batches: list[int] = []

    def embed_queries(self, batch):
        assert self.may_go.wait(60)
        self.batches.append(len(batch))
        if any(item.pixels.max() == 0 for item in batch):
            raise RuntimeError("the engine does not like black")
        return super().embed_queries(batch)


@pytest.fixture
def embedder() -> TouchyEmbedder:
    return TouchyEmbedder()


@pytest.fixture
def runtime(settings, embedder) -> Iterator[Runtime]:
    opened = Runtime.open(replace(settings, queue_size=COUNT, queue_wait=60.0), embedder=embedder)
    embedder.batches.clear()  # a model is tried before it serves
    yield opened
    embedder.may_go.set()
    opened.close()


@pytest.fixture
def client(runtime) -> Iterator[TestClient]:
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    with TestClient(create_app(runtime.settings, runtime=runtime), headers=headers) as opened:
        yield opened


def plain(seed: int) -> bytes:
    return encode_png(np.random.default_rng(seed).integers(0, 255, (64, 64, 3), dtype=np.uint8))


def send(client, number: int, picture: bytes):
    body = {"listing_id": f"n-{number}", "images": [{"data": base64.b64encode(picture).decode()}]}
    return client.post("/v1/listings", json=body)


def wait_until(condition) -> None:
    while not condition():
        time.sleep(0.005)


def test_one_broken_picture_of_a_hundred_harms_no_other(client, runtime, embedder):
    """Cut short, no picture at all, and one that breaks the engine; each alone in its listing."""
    black = encode_png(np.zeros((64, 64, 3), np.uint8))
    broken = {50: (jpeg("coffee")[:3000], 422), 150: (b"nonsense", 422), 99: (black, 500)}
    with ThreadPoolExecutor(24) as senders:
        answers = list(
            senders.map(lambda number: send(client, number, broken.get(number, (plain(number), 0))[0]), range(COUNT))
        )
    assert {number: answers[number].status_code for number in broken} == {n: s for n, (_, s) in broken.items()}
    assert {answer.status_code for number, answer in enumerate(answers) if number not in broken} == {200}
    assert max(embedder.batches) > 1, "pictures did share batches"
    assert runtime.pipeline.inside == 0
    there = {entry["listing_id"] for entry in client.get("/v1/listings?limit=200").json()["items"]}
    assert there == {f"n-{number}" for number in range(COUNT)} - {f"n-{number}" for number in broken}


@pytest.mark.parametrize("drain", [60.0, 0.0])
def test_a_backlog_is_finished_or_refused_and_what_was_acknowledged_is_there(client, runtime, embedder, drain):
    embedder.may_go.clear()
    with ThreadPoolExecutor(21) as senders:
        sent = [senders.submit(send, client, number, plain(number)) for number in range(20)]
        wait_until(lambda: runtime.pipeline.inside == 20)
        client.app.state.lifecycle.drain()
        assert send(client, 99, plain(99)).status_code == 503
        closing = senders.submit(runtime.pipeline.close, drain)
        if drain:
            embedder.may_go.set()
        answers = [future.result(60) for future in sent]
        embedder.may_go.set()
        closing.result(60)
    assert {answer.status_code for answer in answers} == ({200} if drain else {503})
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)
    found = {result.listing.listing_id for result in runtime.listings.list(limit=100).items}
    assert found == {f"n-{number}" for number, answer in enumerate(answers) if answer.status_code == 200}


def test_a_fetch_that_a_stop_took_back_is_refused_and_not_lost():
    taken, done = Future(), Future()
    assert taken.cancel()
    done.set_result(b"picture")
    with ThreadPoolExecutor(1) as elsewhere:  # a browser test may have left a loop running in this thread
        refused, fetched = elsewhere.submit(asyncio.run, settle([taken, done])).result()
    assert isinstance(refused, Overloaded)
    assert refused.retry_after > 0
    assert fetched == b"picture"
