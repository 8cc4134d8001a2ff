"""Search over HTTP: any role, a brand among its own, nothing stored."""

from __future__ import annotations

import pytest

from tests.callers import as_role
from tests.photographs import jpeg, mark


@pytest.fixture
def references(client, brand) -> dict[str, str]:
    """Two photos and a logo of the brand."""
    sent = {"coffee": ("photo", jpeg("coffee")), "again": ("photo", jpeg("coffee", 50)), "logo": ("logo", mark())}
    url = f"/v1/brands/{brand}/references"
    return {
        name: client.post(url, data={"kind": kind}, files={"image": data}).json()["id"]
        for name, (kind, data) in sent.items()
    }


def search(client, data: bytes | None = None, headers=None, **fields):
    files = None if data is None else {"image": data}
    return client.post("/v1/search", data=fields, files=files, headers=headers)


def test_matches_come_by_falling_score_with_the_versions_that_made_them(client, references):
    body = search(client, jpeg("coffee")).json()
    assert {match["reference_id"] for match in body["matches"][:2]} == {references["coffee"], references["again"]}
    scores = [match["score"] for match in body["matches"]]
    assert scores == sorted(scores, reverse=True)
    assert body["space"] == "spc_thumbnail"
    assert body["index_generation"] >= 1
    assert "suppressed_by" not in body["matches"][0]


def test_top_k_and_min_confidence_cut(client, references):
    assert len(search(client, jpeg("coffee"), top_k="1").json()["matches"]) == 1
    every = search(client, jpeg("coffee"), kind="photo").json()["matches"]
    cut = every[0]["confidence"] - 1e-6
    kept = search(client, jpeg("coffee"), kind="photo", min_confidence=str(cut)).json()["matches"]
    assert kept == [match for match in every if match["confidence"] >= cut]
    above = max(match["confidence"] for match in every) + 1e-6
    assert search(client, jpeg("coffee"), kind="photo", min_confidence=str(above)).json()["matches"] == []


def test_kind_limits_what_is_searched(client, references):
    assert "stolen_photo" not in {
        match["kind"] for match in search(client, jpeg("coffee"), kind="logo").json()["matches"]
    }
    assert len(search(client, jpeg("coffee"), kind="photo").json()["matches"]) == 2
    (found,) = search(client, mark(), kind="logo").json()["matches"]
    assert (found["kind"], found["reference_id"]) == ("logo_use", references["logo"])


def test_nothing_is_stored(client, references, runtime):
    search(client, jpeg("coffee", 33))
    assert client.get("/v1/listings").json()["items"] == []
    assert len(list((runtime.settings.data_dir / "blobs").rglob("*"))) > 0
    assert sum(path.is_file() for path in (runtime.settings.data_dir / "blobs").rglob("*")) == 3


def test_a_brand_searches_its_own_references_only(client, brand, references):
    other = client.post("/v1/brands", json={"name": "Other"}).json()["id"]
    stranger, own = as_role(client, "brand", brand_id=other), as_role(client, "brand", brand_id=brand)
    assert search(client, jpeg("coffee"), stranger).json()["matches"] == []
    assert len(search(client, jpeg("coffee"), own, kind="photo").json()["matches"]) == 2


@pytest.mark.parametrize("role", ["ingest", "reviewer"])
def test_any_role_may_search(client, references, role):
    assert search(client, jpeg("coffee"), as_role(client, role)).status_code == 200


@pytest.mark.parametrize(
    "fields", [{"top_k": "0"}, {"top_k": "101"}, {"top_k": "x"}, {"min_confidence": "nan"}, {"kind": "both"}]
)
def test_fields_that_are_wrong_are_named(client, fields):
    answer = search(client, jpeg("coffee"), **fields)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", next(iter(fields))]


def test_a_picture_or_a_url_and_not_both(client):
    assert search(client, jpeg("coffee"), url="https://shop.example/a.jpg").status_code == 422
    assert search(client, None, kind="any").status_code == 422


def test_a_url_into_the_private_network_is_refused(client):
    answer = search(client, None, url="http://127.0.0.1:9/a.jpg")
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/fetch-failed"


def test_bytes_that_are_no_picture_are_415(client):
    assert search(client, b"x").status_code == 415
