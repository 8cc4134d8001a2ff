"""Request ids, access log lines and request metrics."""

from __future__ import annotations

import io
import json
import logging

import pytest

from service.logs import JsonFormatter, TextFormatter, set_up_logs
from tests.conftest import OPERATOR_KEY


@pytest.fixture
def root_logger():
    root = logging.getLogger()
    kept = (list(root.handlers), root.level)
    yield root
    root.handlers[:], root.level = kept


def test_a_plain_request_id_is_kept_and_another_is_replaced(client):
    assert client.get("/healthz", headers={"X-Request-ID": "abc-1.2_3"}).headers["x-request-id"] == "abc-1.2_3"
    for bad in ("a b", "x" * 65, "<script>"):
        given = client.get("/healthz", headers={"X-Request-ID": bad}).headers["x-request-id"]
        assert given.startswith("req_")


def test_each_request_is_one_json_line_without_secrets(client, root_logger):
    stream = io.StringIO()
    set_up_logs("json", stream=stream)
    client.get("/v1/brands/brd_1?token=hunter2", headers={"X-Request-ID": "abc"})
    client.post("/v1/keys", json={"role": "reviewer", "name": "hunter2"})
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    access = [line for line in lines if line["logger"] == "brandwarden.access"]
    assert [(line["method"], line["route"], line["status"]) for line in access] == [
        ("GET", "/v1/brands/{brand_id}", 404),
        ("POST", "/v1/keys", 201),
    ]
    assert access[0]["request_id"] == "abc"
    assert access[0]["ms"] >= 0
    assert "hunter2" not in stream.getvalue()
    assert OPERATOR_KEY not in stream.getvalue()


def test_an_exception_is_one_line_too():
    record = logging.getLogger("x").makeRecord("x", logging.ERROR, "f", 1, "failed %s", ("twice",), None)
    record.detail = {"n": 1}
    assert json.loads(JsonFormatter().format(record))["detail"] == {"n": 1}
    assert "failed twice" in TextFormatter().format(record)
    try:
        raise ValueError("why")
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    formatted = JsonFormatter().format(record)
    assert "\n" not in formatted
    assert "ValueError: why" in json.loads(formatted)["exception"]


def test_requests_are_counted_by_route_and_not_by_path(client):
    for name in ("brd_1", "brd_2", "brd_3"):
        client.get(f"/v1/brands/{name}")
    client.get("/nowhere")
    page = client.get("/metrics").text
    assert 'brandwarden_requests_total{method="GET",route="/v1/brands/{brand_id}",status="404"} 3.0' in page
    assert 'brandwarden_requests_total{method="GET",route="unmatched",status="404"} 1.0' in page
    assert 'brandwarden_refusals_total{reason="not-found"} 4.0' in page


def test_every_metric_has_our_prefix(client):
    names = [line.split()[2] for line in client.get("/metrics").text.splitlines() if line.startswith("# TYPE")]
    assert names
    assert all(name.startswith("brandwarden_") for name in names)
    assert "brandwarden_process_resident_memory_bytes" in names
