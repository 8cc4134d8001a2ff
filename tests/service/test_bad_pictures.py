"""Pictures with nothing to go by, sent to the service with the shipped model: each is refused or found clear."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.photographs import jpeg
from training.plain import SIDE, text_page
from vision.images import encode_png

FLAT = np.full((300, 300, 3), 90, np.uint8)
THIN = np.ascontiguousarray(np.random.default_rng(1).integers(0, 255, (400, 8, 3), np.uint8))
STRIPES = np.where(np.arange(300)[:, None, None] // 12 % 2 == 0, 20, 230).repeat(300, 1).repeat(3, 2).astype(np.uint8)
NOISE = np.random.default_rng(2).integers(0, 255, (300, 300, 3), np.uint8)


def page():
    canvas = np.full((SIDE, SIDE), 255, np.uint8)
    text_page(canvas, np.random.default_rng(7))
    return np.repeat(canvas[:, :, None], 3, axis=2)


PICTURES = {"one colour": FLAT, "all text": page(), "stripes": STRIPES, "noise": NOISE}


@pytest.fixture(scope="module")
def brand(real_client):
    made = real_client.post("/v1/brands", json={"name": "Bad pictures"}).json()["id"]
    for kind, name in (("photo", "coffee"), ("logo", "rocket")):
        enrolled = real_client.post(f"/v1/brands/{made}/references", data={"kind": kind}, files={"image": jpeg(name)})
        assert enrolled.status_code == 201, enrolled.text
    return made


@pytest.mark.parametrize("name", PICTURES)
def test_a_listing_of_nothing_is_clear(real_client, brand, name):
    listing = {"listing_id": f"nothing-{name}"}
    answer = real_client.post(
        "/v1/listings", data={"listing": json.dumps(listing)}, files={"images": encode_png(PICTURES[name])}
    )
    assert (answer.status_code, answer.json()["decision"]) == (200, "clear"), answer.text


@pytest.mark.parametrize("kind", ["photo", "logo"])
@pytest.mark.parametrize("name", ["one colour", "all text", "stripes"])
def test_nothing_is_no_reference(real_client, brand, kind, name):
    refused = real_client.post(
        f"/v1/brands/{brand}/references", data={"kind": kind}, files={"image": encode_png(PICTURES[name])}
    )
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/too-generic"), refused.text
    assert "too generic to be a reference" in refused.json()["detail"]


def test_eight_pixels_are_too_few_for_anything(real_client, brand):
    thin = encode_png(THIN)
    refused = real_client.post(f"/v1/brands/{brand}/references", data={"kind": "photo"}, files={"image": thin})
    assert (refused.status_code, refused.json()["type"]) == (415, "/problems/image-too-small")
    assert "8 x 400" in refused.json()["detail"]
    searched = real_client.post("/v1/search", data={"kind": "any"}, files={"image": thin})
    assert (searched.status_code, searched.json()["type"]) == (415, "/problems/image-too-small")
