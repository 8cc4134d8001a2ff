"""Batches over HTTP: NDJSON in and out, in order, each line on its own."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from tests.callers import as_role
from tests.photographs import jpeg

URL = "/v1/listings/batch"


def line(listing_id: str, *pictures: bytes, **fields) -> bytes:
    images = [{"data": base64.b64encode(data).decode()} for data in pictures]
    return json.dumps({"listing_id": listing_id, "images": images, **fields}).encode() + b"\n"


def post(client, body: bytes, headers=None) -> list[dict]:
    answer = client.post(URL, content=body, headers={"Content-Type": "application/x-ndjson", **(headers or {})})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(entry) for entry in answer.content.splitlines()]


def test_answers_come_in_the_order_of_the_lines(client, brand):
    client.post(f"/v1/brands/{brand}/references", data={"kind": "photo"}, files={"image": jpeg("coffee")})
    names = [f"L-{number}" for number in range(20)]
    pictures = [jpeg("coffee", 60) if number % 3 == 0 else jpeg("chelsea") for number in range(20)]
    answers = post(client, b"".join(line(name, data) for name, data in zip(names, pictures, strict=True)))
    assert [answer["listing_id"] for answer in answers] == names
    assert [len(answer["matches"]) for answer in answers] == [int(number % 3 == 0) for number in range(20)]
    assert len(client.get("/v1/listings").json()["items"]) == 20


def test_a_bad_line_answers_in_its_place(client):
    body = (
        line("good", jpeg("coffee"))
        + b"{not json}\n"
        + b"\n"
        + b'{"listing_id": "no pictures", "images": []}\n'
        + line("unreadable", b"nothing")
        + line("elsewhere", jpeg("coffee"), marketplace="nowhere")
        + line("last", jpeg("china")).rstrip()
    )
    answers = post(client, body)
    told = [(answer["listing_id"], answer.get("problem", {}).get("status")) for answer in answers]
    assert told == [
        ("good", None),
        (None, 400),
        ("no pictures", 422),
        ("unreadable", 422),
        ("elsewhere", 422),
        ("last", None),
    ]
    assert all(set(answer) == {"listing_id", "problem"} for answer in answers if "problem" in answer)


def test_an_empty_batch_is_an_empty_answer(client):
    assert post(client, b"") == []


def test_a_line_that_is_too_long_is_one_problem(client, settings):
    body = line("a", jpeg("coffee")) + b" " * (33 << 20) + b"\n" + line("b", jpeg("coffee"))
    answers = post(client, body)
    assert [answer.get("problem", {}).get("status") for answer in answers] == [None, 413, None]


class TestSmallQueue:
    """A batch waits for room where a single listing would be refused."""

    @pytest.fixture
    def settings(self, settings):
        return replace(settings, queue_size=2)

    def test_a_batch_larger_than_the_queue_gets_through(self, client):
        answers = post(client, b"".join(line(str(number), jpeg("coffee"), jpeg("china")) for number in range(8)))
        assert [answer.get("decision") for answer in answers] == ["clear"] * 8


def test_an_ingest_key_sends_to_its_marketplace_only(client):
    client.post("/v1/marketplaces", json={"slug": "shop", "name": "Shop"})
    ingest = as_role(client, "ingest", marketplace="shop")
    body = line("a", jpeg("coffee")) + line("b", jpeg("coffee"), marketplace="default")
    first, second = post(client, body, ingest)
    assert first["marketplace"] == "shop"
    assert second["problem"]["status"] == 403
    assert client.post(URL, content=body, headers=as_role(client, "reviewer")).status_code == 403


def test_a_line_that_cannot_be_echoed_does_not_end_the_batch(client, brand):
    good = json.dumps({"listing_id": "good", "images": [{"data": base64.b64encode(jpeg("coffee")).decode()}]})
    lines = [
        '{"listing_id": "\\ud800"}',
        '{"listing_id": "' + "x" * 5000 + '"}',
        '{"listing_id": "a\\u0000b"}',
        "[" * 50_000,
        good,
    ]
    answer = client.post("/v1/listings/batch", content="\n".join(lines).encode())
    *bad, last = (json.loads(line) for line in answer.text.splitlines())
    assert [line["listing_id"] for line in bad] == [None] * 4
    assert {line["problem"]["status"] for line in bad} <= {400, 422}
    assert last["decision"] == "clear"
