"""A candidate in shadow: judged beside, compared, counted, shed under load, and never part of an answer."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from service.listings import ListingInput
from service.spaces.shadow import sampled
from tests.photographs import NAMES, jpeg, pixels
from tests.service.spaces import PATIENCE, add, judge, prepare, runtime_of, serving, step
from vision.images import encode_jpeg


def fill(client):
    brand = client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
    for name in NAMES:
        add(client, brand, jpeg(name))
    for whole in (pixels(name) for name in NAMES if name != "coffee"):  # more pictures than a listing has verified
        for half in np.array_split(whole, 2, axis=1):
            add(client, brand, encode_jpeg(np.ascontiguousarray(half)))


def figures(client, space, listings):
    """Once so many were judged or shed."""
    until = time.monotonic() + PATIENCE
    while True:
        shown = client.get(f"/v1/spaces/{space}").json()["shadow"]
        if shown is not None and shown["listings"] + shown["shed"] >= listings:
            return shown
        assert time.monotonic() < until, shown
        time.sleep(0.05)


def test_what_a_candidate_would_decide_is_told_by_listing_and_by_brand(settings, database_url):
    with serving(replace(settings, database_url=database_url)) as client:
        fill(client)
        watch(client)


def watch(client):
    prepare(client, "contrary")
    step(client, "spc_contrary", "shadow", share=1.0)
    decided = judge(client, "A-1", jpeg("coffee", 70))
    assert (decided["decision"], decided["space"]) == ("review", "spc_thumbnail")
    assert judge(client, "A-2", jpeg("coffee", 60))["decision"] == "review"
    shown = figures(client, "spc_contrary", 2)
    assert (shown["listings"], shown["pictures"], shown["agreement"], shown["failed"]) == (2, 2, 0.0, 0)
    assert shown["changes"] == [{"from": "review", "to": "clear", "listings": 2}]
    (brand,) = shown["brands"]
    assert (brand["brand"], brand["both"], brand["only_current"], brand["only_candidate"]) == ("Acme", 0, 2, 0)
    assert [example["listing_id"] for example in shown["examples"]] == ["A-2", "A-1"]
    assert shown["examples"][0]["current_confidence"] > 0.5 > shown["examples"][0]["candidate_confidence"]
    assert min(shown[name] for name in ("current_ms", "candidate_ms", "embed_ms")) > 0
    assert client.get("/v1/listings/default/A-1").json()["decision"] == "review"

    client.delete("/v1/listings/default/A-1")
    client.delete(f"/v1/brands/{brand['brand_id']}")
    left = client.get("/v1/spaces/spc_contrary").json()["shadow"]
    assert [example["listing_id"] for example in left["examples"]] == ["A-2"]
    assert left["brands"] == []

    assert step(client, "spc_contrary", "shadow", share=0)["status"] == "ready"
    judge(client, "A-3", jpeg("coffee", 70))
    assert runtime_of(client).spaces.shadow is None


def test_under_load_the_shadow_is_shed_first(settings):
    with serving(settings) as client:
        shed(client)


def shed(client):
    prepare(client, "other")
    step(client, "spc_other", "shadow", share=1.0)
    runtime = runtime_of(client)
    runtime.shadow._busy = lambda: True
    judge(client, "A-1", jpeg("coffee", 70))
    runtime.shadow._busy = lambda: False
    judge(client, "A-2", jpeg("coffee", 70))
    shown = figures(client, "spc_other", 2)
    assert (shown["listings"], shown["shed"], shown["agreement"], shown["examples"]) == (1, 1, 1.0, [])
    assert 'brandwarden_shadow_listings_total{outcome="shed"} 1.0' in client.get("/metrics").text


def test_a_sample_is_the_same_everywhere_and_as_large_as_asked():
    listings = [ListingInput(f"A-{number}", ()) for number in range(2000)]
    chosen = {listing.listing_id for listing in listings if sampled(listing, 0.25)}
    assert 400 < len(chosen) < 600
    assert chosen == {listing.listing_id for listing in listings if sampled(listing, 0.25)}
    assert chosen < {listing.listing_id for listing in listings if sampled(listing, 0.5)}
    assert not any(sampled(listing, 0.0) for listing in listings)
    assert all(sampled(listing, 1.0) for listing in listings)
