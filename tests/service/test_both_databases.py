"""The whole way over HTTP, once on SQLite and once on PostgreSQL: the service knows no difference."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile

import pytest

from service.listings import ImageSource, ListingInput
from service.runtime import Runtime
from tests.callers import as_role
from tests.fakes import ThumbnailEmbedder
from tests.photographs import jpeg, mark


@pytest.fixture
def client(either):
    return either


def add(client, brand_id, data, **fields):
    return client.post(f"/v1/brands/{brand_id}/references", data=fields, files={"image": ("a", data)})


def test_from_brand_to_listing_to_erasure(client):
    acme, other = (client.post("/v1/brands", json={"name": name}).json()["id"] for name in ("Acme", "Other"))
    photo = add(client, acme, jpeg("coffee"), kind="photo", external_id="S1")
    assert photo.status_code == 201
    assert add(client, acme, jpeg("chelsea"), kind="photo", external_id="S1").status_code == 409
    assert add(client, other, mark(), kind="logo", external_id="S1").status_code == 201

    listing = {"listing_id": "A-1", "seller_id": "s-1"}
    files = [("images", ("1.jpg", jpeg("coffee", 60))), ("images", ("2.jpg", b"not a picture"))]
    sent = {"data": {"listing": json.dumps({**listing, "images": []})}, "files": files}
    judged = client.post("/v1/listings", **sent, headers={"Idempotency-Key": "once"})
    assert judged.status_code == 200, judged.text
    (match,) = (match for match in judged.json()["matches"] if match["kind"] == "stolen_photo")
    assert match["reference_id"] == photo.json()["id"]
    assert judged.json()["decision"] == "review"
    assert [image["status"] for image in judged.json()["images"]] == ["ok", "error"]
    again = client.post("/v1/listings", **sent, headers={"Idempotency-Key": "once"})
    assert again.json() == judged.json()

    assert [item["listing_id"] for item in client.get("/v1/listings").json()["items"]] == ["A-1"]
    mine = as_role(client, "brand", brand_id=acme)
    assert [found["id"] for found in client.get(f"/v1/brands/{acme}/matches", headers=mine).json()["items"]] == [
        match["id"]
    ]
    verdict = {"match_id": match["id"], "verdict": "infringing", "note": None}
    assert client.post("/v1/listings/default/A-1/verdicts", json=verdict).status_code == 201

    assert client.delete(f"/v1/brands/{acme}").status_code == 204
    answer = client.post("/v1/search", files={"image": ("1.jpg", jpeg("coffee", 60))})
    assert photo.json()["id"] not in [found["reference_id"] for found in answer.json()["matches"]]
    assert client.get("/v1/spaces").json()["items"][0]["vectors"]["photo"] == 0
    assert client.get("/readyz").status_code == 200


def test_a_second_process_on_the_same_database_sees_it_all(client, settings):
    acme = client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
    assert add(client, acme, jpeg("coffee"), kind="photo").status_code == 201
    runtime = client.app.state.lifecycle.runtime
    second = Runtime.open(runtime.settings, embedder=ThumbnailEmbedder())
    assert second.gallery.status()["vectors"]["photo"] == 6
    assert second.keys.ensure_operator() is None
    second.close()


def test_erasing_a_brand_erases_its_pictures_and_no_others(client):
    acme, other = (client.post("/v1/brands", json={"name": name}).json()["id"] for name in ("Acme", "Other"))
    shared = add(client, acme, jpeg("coffee"), kind="photo").json()
    add(client, other, jpeg("coffee"), kind="photo")
    own = add(client, acme, jpeg("rocket"), kind="photo").json()
    blobs = client.app.state.lifecycle.runtime.blobs
    assert client.delete(f"/v1/brands/{acme}").status_code == 204
    assert not blobs.exists(own["sha256"])
    assert blobs.exists(shared["sha256"])


def test_the_same_post_twice_with_a_key_is_done_once(client):
    once = {"Idempotency-Key": "k"}
    made = [client.post("/v1/brands", json={"name": "Acme"}, headers=once) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json() == made[1].json()
    assert client.post("/v1/brands", json={"name": "Other"}, headers=once).status_code == 422
    assert len(client.get("/v1/brands").json()["items"]) == 1

    slug = {"slug": "market", "name": "Market"}
    assert [client.post("/v1/marketplaces", json=slug, headers=once).status_code for _ in range(2)] == [201, 201]
    assert client.post("/v1/marketplaces", json=slug).status_code == 409

    brand = made[0].json()["id"]
    add(client, brand, jpeg("coffee"), kind="photo")
    sent = {"data": {"listing": '{"listing_id": "A"}'}, "files": [("images", jpeg("coffee", 60))]}
    match = client.post("/v1/listings", **sent).json()["matches"][0]["id"]
    verdict = {"match_id": match, "verdict": "infringing"}
    said = [client.post("/v1/listings/default/A/verdicts", json=verdict, headers=once) for _ in range(2)]
    assert said[0].json()["id"] == said[1].json()["id"]
    assert len(client.get("/v1/verdicts").json()["items"]) == 1

    job = client.post(f"/v1/brands/{brand}/catalogs", files={"feed": b"image_link\nhttp://127.0.0.1:1/a.jpg\n"}).json()
    cancelled = [client.post(f"/v1/jobs/{job['job_id']}/cancel", headers=once) for _ in range(2)]
    assert [answer.status_code for answer in cancelled] == [200, 200]
    assert cancelled[0].content == cancelled[1].content


def test_a_brand_erased_while_a_listing_is_judged_is_no_match(client):
    runtime = client.app.state.lifecycle.runtime
    acme, other = (client.post("/v1/brands", json={"name": name}).json()["id"] for name in ("Acme", "Other"))
    for brand in (acme, other):
        assert add(client, brand, jpeg("coffee"), kind="photo").status_code == 201
    listing = ListingInput("A-1", (ImageSource(data=jpeg("coffee", 60)),))
    sources = [future.result(60) for future in runtime.listings.collect(listing)]
    outcomes = [future.result(60) for future in runtime.listings.check(sources)]
    assert {match.brand.id for match in outcomes[0].result.matches} == {acme, other}
    assert client.delete(f"/v1/brands/{acme}").status_code == 204
    result = runtime.listings.conclude(listing, sources, outcomes, 0.1)
    assert [match.brand_id for match in result.matches] == [other]
    assert client.delete(f"/v1/brands/{other}").status_code == 204
    result = runtime.listings.conclude(listing, sources, outcomes, 0.1)
    assert (result.matches, result.decision) == ((), "clear")


def test_a_brand_erased_while_it_imports_ends_the_import(client):
    acme = client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
    runtime = client.app.state.lifecycle.runtime
    begun, may_go, add_one = threading.Event(), threading.Event(), runtime.enrolment.add

    def add_slowly(*arguments, **fields):
        begun.set()
        assert may_go.wait(60)
        return add_one(*arguments, **fields)

    runtime.enrolment.add = add_slowly
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for number, name in enumerate(("coffee", "rocket", "chelsea")):
            packed.writestr(f"{number}.jpg", jpeg(name))
    started = client.post(f"/v1/brands/{acme}/catalogs", files={"archive": ("a.zip", archive.getvalue())}).json()
    assert begun.wait(60)
    assert client.delete(f"/v1/brands/{acme}").status_code == 204
    may_go.set()
    while (job := client.get(f"/v1/jobs/{started['job_id']}").json())["state"] in ("queued", "running"):
        time.sleep(0.02)
    assert (job["state"], job["problem"]["type"]) == ("failed", "/problems/not-found")
    assert runtime.catalog.count() == 0
    assert client.get("/readyz").status_code == 200
