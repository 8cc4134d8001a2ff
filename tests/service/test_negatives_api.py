"""Pictures that are never flagged for a brand: sent, found in listings, forgotten."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from service.authorised import negatives
from service.authorised.recognition import NegativeFilling
from tests.callers import as_role
from tests.fakes import ThumbnailEmbedder
from tests.photographs import jpeg, pixels
from vision.images import encode_jpeg


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL."""
    return dataclasses.replace(settings, database_url=database_url)


@pytest.fixture
def brand(client, runtime) -> str:
    """A brand with a reference photo."""
    made = runtime.brands.create("Acme")
    runtime.enrolment.add(made.id, "photo", jpeg("coffee"))
    return made.id


def send(client, brand: str, data: bytes, **fields: str):
    return client.post(f"/v1/brands/{brand}/negatives", files={"image": ("a.jpg", data)}, data=fields)


def found_in(runtime, data: bytes) -> list[str | None]:
    """What each match of a picture is recognised as."""
    checked = runtime.pipeline.query(data).result()
    assert checked.result.matches
    return runtime.recognition.recognise([(checked, match) for match in checked.result.matches])


def cropped(name: str) -> bytes:
    whole = pixels(name)
    height, width = whole.shape[:2]
    return encode_jpeg(np.ascontiguousarray(whole[height // 20 : -height // 20, width // 20 :]), 80)


def test_a_negative_is_sent_listed_and_forgotten(client, runtime, brand):
    made = send(client, brand, jpeg("coffee"), note="press picture")
    assert made.status_code == 201
    negative = made.json()
    assert negative["id"].startswith("neg_")
    assert (negative["note"], negative["media_type"], negative["width"]) == ("press picture", "image/jpeg", 512)
    path = f"/v1/brands/{brand}/negatives"
    mine = as_role(client, "brand", brand_id=brand)
    assert client.get(path, headers=mine).json() == {"items": [negative], "next_cursor": None}
    again = send(client, brand, jpeg("coffee"))
    assert (again.status_code, again.json()["existing_id"]) == (409, negative["id"])
    assert client.delete(f"{path}/{negative['id']}", headers=mine).status_code == 204
    assert client.delete(f"{path}/{negative['id']}").status_code == 404
    assert found_in(runtime, jpeg("coffee")) == [None]
    assert send(client, brand, b"no picture").status_code == 415
    assert send(client, brand, jpeg("coffee"), note="x" * 2001).status_code == 422


def test_the_picture_goes_with_the_negative_unless_something_else_needs_it(client, runtime, brand):
    shared = send(client, brand, jpeg("coffee")).json()
    alone = send(client, brand, jpeg("china")).json()
    for negative in (shared, alone):
        client.delete(f"/v1/brands/{brand}/negatives/{negative['id']}")
    assert runtime.blobs.exists(shared["sha256"])
    assert not runtime.blobs.exists(alone["sha256"])
    kept = send(client, brand, jpeg("china")).json()
    assert runtime.pictures.release([kept["sha256"]]) == 0
    client.delete(f"/v1/brands/{brand}")
    assert not runtime.blobs.exists(kept["sha256"])


def test_the_same_file_an_edited_copy_and_nothing_else_is_recognised(client, runtime, brand):
    negative = send(client, brand, jpeg("coffee", 90)).json()["id"]
    assert found_in(runtime, jpeg("coffee", 90)) == [negative]
    assert found_in(runtime, jpeg("coffee", 60)) == [negative]
    assert found_in(runtime, cropped("coffee")) == [negative]


def test_a_collage_with_a_harmless_picture_in_it_is_not_harmless(client, runtime, brand):
    send(client, brand, jpeg("coffee"))
    beside = np.concatenate([pixels("coffee")[:340, :400], pixels("china")[:340, :500]], axis=1)
    assert found_in(runtime, encode_jpeg(np.ascontiguousarray(beside), 90)) == [None]


def test_a_negative_counts_for_its_brand_alone(client, runtime, brand):
    other = runtime.brands.create("Other")
    runtime.enrolment.add(other.id, "photo", jpeg("coffee", 85))
    negative = send(client, other.id, jpeg("coffee", 70)).json()["id"]
    checked = runtime.pipeline.query(jpeg("coffee", 80)).result()
    found = [(checked, match) for match in checked.result.matches]
    told = dict(zip([match.brand.id for _, match in found], runtime.recognition.recognise(found), strict=True))
    assert told == {brand: None, other.id: negative}
    assert runtime.recognition.recognise([]) == []


def test_a_new_model_recognises_what_was_sent_before_it(client, runtime, brand):
    negative = send(client, brand, jpeg("coffee")).json()["id"]
    other = ThumbnailEmbedder(name="other")
    checked = dataclasses.replace(runtime.pipeline.query(jpeg("coffee", 70)).result(), space=other.space)
    found = [(checked, match) for match in checked.result.matches]
    assert runtime.recognition.recognise(found) == [negative]  # by its pixels alone
    filling = NegativeFilling(runtime.negatives, runtime.blobs)
    assert (filling.fill(other), filling.fill(other)) == (1, 0)
    assert runtime.recognition.recognise(found) == [negative]
    runtime.negatives.forget_spaces_but({runtime.embedder.space.id})
    assert filling.fill(other) == 1


def test_a_negative_whose_picture_is_lost_stops_nobody(client, runtime, brand):
    lost = send(client, brand, jpeg("coffee", 91)).json()
    runtime.blobs.delete(lost["sha256"])
    assert found_in(runtime, jpeg("coffee")) == [None]
    assert NegativeFilling(runtime.negatives, runtime.blobs).fill(ThumbnailEmbedder(name="other")) == 0


def test_a_brand_names_so_many_pictures(client, brand, monkeypatch):
    monkeypatch.setattr(negatives, "MOST", 1)
    assert send(client, brand, jpeg("coffee")).status_code == 201
    assert send(client, brand, jpeg("china")).status_code == 409


def test_a_match_in_a_harmless_picture_is_shown_and_does_not_count(client, brand):
    listing = {"listing": '{"listing_id": "A-1"}'}
    pictures = [("images", ("a.jpg", jpeg("coffee", 70))), ("images", ("b.jpg", jpeg("china")))]
    first = client.post("/v1/listings", data=listing, files=pictures).json()
    assert (first["decision"], first["matches"][0]["suppressed_by"]) == ("review", None)
    negative = send(client, brand, jpeg("coffee")).json()["id"]
    again = client.post("/v1/listings", data=listing, files=pictures).json()
    assert (again["decision"], again["matches"][0]["suppressed_by"]) == ("clear", negative)
    allowed = client.post(f"/v1/brands/{brand}/authorisations", json={"seller_id": "s-9"}).json()["id"]
    sold = {"listing": '{"listing_id": "A-2", "seller_id": "s-9"}'}
    other = client.post("/v1/listings", data=sold, files=pictures).json()
    assert (other["decision"], other["matches"][0]["suppressed_by"]) == ("clear", allowed)
