"""The OpenAPI document and its page: complete, valid, and in need of nothing from outside."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from service import VERSION
from service.openapi import operations, roles


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json()


def test_the_document_is_valid(document):
    validate(document)


def test_the_version_is_the_distributions():
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert pyproject["project"]["version"] == VERSION


def test_every_call_is_told_in_words(document):
    for path, method, operation in operations(document):
        assert operation.get("summary"), f"{method} {path} has no summary"
        assert operation.get("tags"), f"{method} {path} has no tag"
        assert set(operation["tags"]) <= {tag["name"] for tag in document["tags"]}, f"{method} {path} has an untold tag"


def test_refusals_are_problem_documents(document):
    for path, method, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert "application/problem+json" in answer["content"], f"{method} {path} {status}"
        if roles(operation):
            assert {"401", "403", "503"} <= set(operation["responses"]), f"{method} {path}"
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_an_operator_may_make_every_call_that_takes_a_key(document):
    assert all("operator" in roles(operation) for _, _, operation in operations(document) if roles(operation))


def test_answers_have_a_shape(document):
    for path, method, operation in operations(document):
        for status, answer in operation["responses"].items():
            schema = answer.get("content", {}).get("application/json", {}).get("schema")
            if status.startswith("2") and "application/json" in answer.get("content", {}):
                assert schema, f"{method} {path} {status} promises JSON of no shape"


def test_the_page_tells_every_call_and_loads_nothing_from_outside(client, document):
    page = client.get("/docs", headers={"Authorization": ""})
    assert page.status_code == 200
    for path, _, operation in operations(document):
        assert f'id="{operation["operationId"]}"' in page.text, path
    assert "<script" not in page.text
    assert "style=" not in page.text
    for target in re.findall(r'(?:href|src)="([^"]+)"', page.text):
        assert target.startswith(("/", "#")), target
        if not target.startswith("#"):
            assert client.get(target).status_code == 200, target
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_every_post_tells_of_its_idempotency_key(document):
    secret = {
        "/v1/keys",
        "/v1/keys/{key_id}/sign-in-link",
        "/v1/register",
        "/v1/webhooks",
        "/v1/cases/{case_id}/seller-link",
    }
    without = {*secret, "/v1/search", "/v1/listings/batch"}  # these store nothing as one answer
    for path, method, operation in operations(document):
        told = "Idempotency-Key" in {entry["name"] for entry in operation.get("parameters", [])}
        assert told == (method == "POST" and path not in without), path
