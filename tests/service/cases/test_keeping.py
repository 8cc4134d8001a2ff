"""What is kept for cases, and until when: pictures, the cases themselves, and what erasing leaves."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from datetime import timedelta

import pytest

from indexes.database import utc_now
from indexes.errors import NotFound
from service.backup import write_backup
from tests.photographs import jpeg

PICTURE = hashlib.sha256(jpeg("coffee", 70)).hexdigest()
REFERENCE = hashlib.sha256(jpeg("coffee")).hexdigest()


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL."""
    return dataclasses.replace(settings, database_url=database_url)


def act(client, case_id, *actions):
    for action in actions:
        version = client.get(f"/v1/cases/{case_id}").json()["evidence_version"]
        body = {"action": action, "reason": "because", "evidence_version": version}
        assert client.post(f"/v1/cases/{case_id}/actions", json=body).status_code == 200


def purge(runtime, days: float) -> int:
    return runtime.retention.purge(utc_now() + timedelta(days=days))


def send(client, *pictures: bytes):
    images = [{"data": base64.b64encode(data).decode()} for data in pictures]
    return client.post("/v1/listings", json={"listing_id": "A-1", "images": images}).json()


@pytest.mark.parametrize("actions", [[], ["start_review"], ["hold"]])
def test_a_live_case_keeps_its_listing_and_pictures(client, runtime, open_case, actions):
    act(client, open_case, *actions)
    assert purge(runtime, 5000) == 0
    assert runtime.blobs.exists(PICTURE)
    assert client.get("/v1/listings/default/A-1").status_code == 200


@pytest.mark.parametrize("actions", [["dismiss"], ["remove"], ["remove", "reinstate"], ["withdraw"]])
def test_a_case_at_rest_keeps_them_for_a_while_and_goes_with_them(client, runtime, open_case, actions):
    act(client, open_case, *actions)
    assert purge(runtime, 179) == 0
    assert runtime.blobs.exists(PICTURE)
    assert purge(runtime, 181) == 1
    assert not runtime.blobs.exists(PICTURE)
    assert runtime.blobs.exists(REFERENCE)  # the reference itself is still there
    assert client.get(f"/v1/cases/{open_case}").status_code == 404


def test_a_case_remembers_as_long_as_its_listing_is_there(client, runtime, open_case):
    act(client, open_case, "dismiss")
    act_later = utc_now() + timedelta(days=181)
    count, pictures = runtime.cases.forget(act_later, limit=10)
    runtime.listings.release(pictures)
    assert (count, pictures) == (0, {PICTURE, REFERENCE})
    assert client.get(f"/v1/cases/{open_case}").json()["state"] == "dismissed"
    assert send(client, jpeg("coffee", 70))["matches"][0]["case_id"] == open_case


def test_a_listing_judged_clean_still_has_its_pictures_for_the_case(client, runtime, open_case):
    assert send(client, jpeg("astronaut"))["decision"] == "clear"
    case = client.get(f"/v1/cases/{open_case}").json()
    assert (case["found"], case["evidence_version"]) == (False, 2)
    assert client.get(f"/v1/cases/{open_case}/images/0").content == jpeg("coffee", 70)
    assert purge(runtime, 31) == 0


def test_an_erased_listing_leaves_what_an_open_case_needs(client, runtime, open_case):
    assert client.delete("/v1/listings/default/A-1").status_code == 204
    case = client.get(f"/v1/cases/{open_case}").json()
    assert (case["state"], case["listing"]["listing_id"]) == ("open", "A-1")
    assert client.get(f"/v1/cases/{open_case}/images/0").content == jpeg("coffee", 70)
    act(client, open_case, "dismiss")
    purge(runtime, 181)
    assert not runtime.blobs.exists(PICTURE)
    with pytest.raises(NotFound):
        runtime.cases.get(open_case)


def test_a_backup_holds_what_only_a_case_names(client, runtime, open_case, tmp_path):
    assert client.delete("/v1/listings/default/A-1").status_code == 204
    manifest = write_backup(runtime.database, runtime.blobs, tmp_path / "backup.tar", lambda *_: None)
    assert {f"pictures/{PICTURE}", f"pictures/{REFERENCE}"} <= manifest.files.keys()
    assert manifest.missing == []


def test_an_erased_listing_takes_the_pictures_of_what_is_over(client, runtime, open_case):
    act(client, open_case, "dismiss")
    client.delete("/v1/listings/default/A-1")
    assert not runtime.blobs.exists(PICTURE)
    assert client.get(f"/v1/cases/{open_case}/images/0").status_code == 404
    assert client.get(f"/v1/cases/{open_case}").json()["state"] == "dismissed"


def test_an_erased_reference_stays_as_evidence_while_it_is_needed(client, runtime, brand, open_case):
    (reference,) = client.get(f"/v1/brands/{brand}/references").json()["items"]
    assert client.delete(f"/v1/brands/{brand}/references/{reference['id']}").status_code == 204
    assert client.get(f"/v1/cases/{open_case}/reference").content == jpeg("coffee")
    act(client, open_case, "dismiss")
    purge(runtime, 181)
    assert not runtime.blobs.exists(REFERENCE)


def test_an_erased_brand_takes_its_cases_and_their_pictures(client, runtime, brand, open_case):
    client.delete("/v1/listings/default/A-1")
    assert client.delete(f"/v1/brands/{brand}").status_code == 204
    assert client.get(f"/v1/cases/{open_case}").status_code == 404
    assert not runtime.blobs.exists(PICTURE)
    assert not runtime.blobs.exists(REFERENCE)
