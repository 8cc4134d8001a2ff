"""Every error of ours becomes a problem document; what is not ours says nothing of itself."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient

from indexes import errors as indexes_errors
from service import errors as service_errors
from service.app import create_app
from service.problems import describe
from vision import errors as vision_errors


def every_subclass(base):
    """What a server may answer with: the demo's own errors, which only its command meets, are left out."""
    yield base
    for kind in base.__subclasses__():
        if not kind.__module__.startswith("service.demo"):
            yield from every_subclass(kind)


OURS = sorted(
    {
        kind
        for base in (vision_errors.VisionError, indexes_errors.IndexesError, service_errors.ServiceError)
        for kind in every_subclass(base)
    },
    key=lambda kind: (kind.__module__, kind.__name__),
)


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_a_type_and_words(kind):
    problem = describe(kind("say what to do"))
    document = problem.document()
    assert 400 <= problem.status < 600
    assert document["type"] == f"/problems/{problem.slug}"
    assert document["title"]
    assert document["detail"]
    bases = (vision_errors.VisionError, indexes_errors.IndexesError, service_errors.ServiceError)
    if kind not in bases:
        assert problem.slug not in ("internal", "vision", "index"), f"{kind.__name__} is not mapped by itself"
    if problem.status in (429, 503):
        assert problem.retry_after is not None
        assert problem.response().headers["retry-after"].isdigit()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (vision_errors.EmptyImage("x"), 415),
        (vision_errors.UnsupportedImage("x"), 415),
        (vision_errors.CorruptImage("x"), 415),
        (vision_errors.ImageTooSmall("x"), 415),
        (vision_errors.ImageTooLarge("x"), 413),
        (indexes_errors.NotFound("x"), 404),
        (indexes_errors.Conflict("x", existing_id="ref_1"), 409),
        (indexes_errors.StorageFailed("x"), 503),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_the_promised_statuses(error, status):
    assert describe(error).status == status


def test_a_conflict_names_what_stands_in_the_way():
    assert describe(indexes_errors.Conflict("taken", existing_id="ref_1")).document()["existing_id"] == "ref_1"


def test_unseen_and_missing_answer_the_same():
    missing = describe(indexes_errors.NotFound("There is no brand brd_secret."))
    assert missing.document() == describe(service_errors.Missing()).document()


def test_what_is_not_foreseen_tells_nothing(settings, runtime, caplog):
    app = create_app(settings, runtime=runtime)

    @app.get("/breaks")
    def breaks():
        raise RuntimeError("the password is hunter2")

    with TestClient(app) as client:
        answer = client.get("/breaks")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "hunter2" not in answer.text
    assert "RuntimeError" not in answer.text
    assert any(record.exc_info for record in caplog.records), "the log keeps what the answer does not say"


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/v1/nowhere", 404, "not-found"),
        ("PUT", "/v1/keys", 405, "method-not-allowed"),
        ("POST", "/healthz", 405, "method-not-allowed"),
    ],
)
def test_unknown_paths_and_methods_are_problems_too(client, method, path, status, slug):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems/{slug}"


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"", b'{"role": "reviewer", "name": "a"} x'])
def test_a_body_that_is_not_json_is_malformed_or_invalid(client, body):
    answer = client.post("/v1/keys", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == (422 if body == b"" else 400)
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.content)["request_id"]


def test_validation_names_each_place(client):
    answer = client.post("/v1/keys", json={"role": "king"})
    assert answer.status_code == 422
    assert {tuple(error["loc"]) for error in answer.json()["errors"]} == {("body", "role"), ("body", "name")}
    assert all(error["msg"] for error in answer.json()["errors"])


def test_a_validation_error_does_not_echo_the_input(client):
    answer = client.post("/v1/keys", json={"role": "hunter2", "name": "x"})
    assert "hunter2" not in answer.text


def test_a_missing_key_says_how_to_send_one(client):
    answer = client.get("/v1/keys", headers={"Authorization": ""})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_every_type_leads_to_words(client, kind):
    slug = describe(kind("say what to do")).slug
    page = client.get(f"/problems/{slug}", headers={"Authorization": ""})
    assert page.status_code == 200, slug
    assert describe(kind("x")).title in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_refusals_of_routing_have_types_that_lead_to_words(client):
    for answer in (client.get("/nothing"), client.put("/healthz")):
        assert client.get(answer.json()["type"]).status_code == 200
    assert client.get("/problems/nothing").status_code == 404
