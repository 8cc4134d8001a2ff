"""Prior publication: who had a picture first, who is held, and what an operator makes of it."""

from __future__ import annotations

import dataclasses
import time
from datetime import timedelta

import numpy as np
import pytest

from indexes.database import utc_now
from service.authorised import NewAuthorisation
from service.conflicts.opening import open_checking
from service.likeness import Comparison
from service.listings import ImageSource, ListingInput
from service.listings.tables import LISTING_IMAGES
from service.runtime import Runtime
from tests.callers import as_role
from tests.fakes import ThumbnailEmbedder
from tests.photographs import jpeg, mark, pixels
from vision.images import encode_jpeg


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL."""
    return dataclasses.replace(settings, database_url=database_url)


@pytest.fixture
def acme(runtime):
    return runtime.brands.create("Acme")


@pytest.fixture
def squatter(runtime):
    return runtime.brands.create("Squatter", "unverified")


def add(runtime, brand, data: bytes, kind: str = "photo"):
    return runtime.enrolment.add(brand.id, kind, data)


def status(runtime, *references) -> list[str]:
    return [runtime.catalog.get(reference.id).status for reference in references]


def see(runtime, name: str, data: bytes, **facts):
    return runtime.listings.judge(ListingInput(name, (ImageSource(data=data),), **facts))


def age(runtime, **by: float) -> None:
    """Let every listing's picture have been seen so much earlier."""
    with runtime.database.write() as connection:
        connection.execute(LISTING_IMAGES.update().values(first_seen_at=utc_now() - timedelta(**by)))


def test_the_newer_of_two_verified_brands_is_held_and_the_older_goes_on(client, runtime, acme):
    other = runtime.brands.create("Other")
    first, second, unlike = (
        add(runtime, acme, jpeg("coffee")),
        add(runtime, other, jpeg("coffee", 60)),
        add(runtime, other, jpeg("china")),
    )
    assert {one.brand.id for one in runtime.pipeline.query(jpeg("coffee")).result().result.matches} == {
        acme.id,
        other.id,
    }
    assert runtime.checking.check() == 3
    assert status(runtime, first, second, unlike) == ["active", "quarantined", "active"]
    (conflict,) = client.get("/v1/conflicts").json()["items"]
    assert (conflict["reference_id"], conflict["other_reference_id"]) == (second.id, first.id)
    assert (conflict["brand"], conflict["other_brand"], conflict["cause"]) == ("Other", "Acme", "reference")
    assert (conflict["state"], conflict["agreement"]) == ("open", "pixels")
    assert client.get(f"/v1/conflicts/{conflict['id']}").json() == conflict
    assert [one.brand.id for one in runtime.pipeline.query(jpeg("coffee")).result().result.matches] == [acme.id]
    assert runtime.checking.check() == 0


@pytest.mark.parametrize("squatter_first", [True, False])
def test_a_brand_that_has_shown_nothing_never_holds_a_verified_one(runtime, acme, squatter, squatter_first):
    order = (squatter, acme) if squatter_first else (acme, squatter)
    made = {brand.id: add(runtime, brand, jpeg("coffee")) for brand in order}
    runtime.checking.check()
    assert status(runtime, made[acme.id], made[squatter.id]) == ["active", "quarantined"]
    (conflict,) = runtime.conflicts.list().items
    assert (conflict.brand_id, conflict.other_brand_id, conflict.agreement) == (squatter.id, acme.id, "bytes")


def test_of_two_unverified_brands_the_newer_is_held(runtime, squatter):
    late = runtime.brands.create("Late", "unverified")
    first, second = add(runtime, squatter, jpeg("coffee")), add(runtime, late, jpeg("coffee", 70))
    runtime.checking.check()
    assert status(runtime, first, second) == ["active", "quarantined"]


def test_one_brand_may_have_a_picture_twice_and_a_suspended_one_holds_nobody(runtime, acme):
    gone = runtime.brands.create("Gone")
    made = [add(runtime, brand, jpeg("coffee", quality)) for brand, quality in ((gone, 90), (acme, 80), (acme, 70))]
    runtime.brands.update(gone.id, status="suspended")
    runtime.checking.check()
    assert status(runtime, *made) == ["active"] * 3


def test_a_mark_is_held_for_the_same_mark_of_a_verified_brand_only(runtime, acme, squatter):
    other = runtime.brands.create("Other")
    mine, theirs = (
        add(runtime, squatter, mark(), "logo"),
        add(runtime, runtime.brands.create("B", "unverified"), mark(), "logo"),
    )
    runtime.checking.check()
    assert status(runtime, mine, theirs) == ["active", "active"]
    first, unlike, same = (
        add(runtime, brand, data, "logo") for brand, data in ((acme, mark()), (other, mark(4)), (other, mark()))
    )
    runtime.checking.check()
    assert status(runtime, first, unlike, same) == ["active", "active", "quarantined"]
    assert status(runtime, mine, theirs) == ["quarantined", "quarantined"]


@pytest.mark.parametrize(("days", "held"), [(6, "active"), (8, "quarantined")])
def test_a_listing_seen_long_before_holds_a_verified_brands_reference(client, runtime, acme, days, held):
    see(runtime, "A-1", jpeg("coffee"), seller_id="s-9")
    age(runtime, days=days)
    reference = add(runtime, acme, jpeg("coffee"))
    runtime.checking.check()
    assert status(runtime, reference) == [held]
    found = client.get("/v1/conflicts", params={"state": "open"}).json()["items"]
    assert [(one["listing_id"], one["cause"], one["agreement"]) for one in found] == (
        [("A-1", "listing", "bytes")] if held == "quarantined" else []
    )


def test_any_listing_before_it_holds_an_unverified_brands_reference(runtime, squatter):
    see(runtime, "clean", jpeg("coffee", 90))
    held, free = add(runtime, squatter, jpeg("coffee", 80)), add(runtime, squatter, jpeg("china"))
    see(runtime, "later", jpeg("china"))
    runtime.checking.check()
    assert status(runtime, held, free) == ["quarantined", "active"]
    (conflict,) = runtime.conflicts.list().items
    assert (conflict.listing_id, conflict.agreement) == ("clean", "vectors")


def test_pixels_decide_where_a_listings_picture_was_kept(runtime, acme, squatter):
    watched = add(runtime, acme, jpeg("coffee"))
    whole = pixels("coffee")
    edited = encode_jpeg(np.ascontiguousarray(whole[20:, 20:]), 80)
    assert see(runtime, "flagged", edited).decision == "review"
    runtime.enrolment.delete(watched.id)
    held = add(runtime, squatter, jpeg("coffee"))
    runtime.checking.check()
    assert status(runtime, held) == ["quarantined"]
    assert runtime.conflicts.list().items[0].agreement == "pixels"


def test_the_brands_own_seller_is_no_prior_publication(runtime, acme, squatter):
    see(runtime, "shop", jpeg("coffee"), seller_id="s-own", territories=("DE",))
    own = NewAuthorisation(seller_id="s-own", territories=("FR",))
    runtime.authorised.add(squatter.id, own, created_by="key")
    mine = add(runtime, squatter, jpeg("coffee"))
    runtime.checking.check()
    assert status(runtime, mine) == ["active"]
    see(runtime, "another", jpeg("coffee", 91), seller_id="s-2")
    again = add(runtime, squatter, jpeg("coffee", 89))
    runtime.checking.check()
    assert status(runtime, mine, again) == ["active", "quarantined"]


def test_a_picture_put_into_an_old_listing_is_as_new_as_it_is(runtime, acme):
    see(runtime, "A-1", jpeg("china"))
    age(runtime, days=30)
    see(runtime, "A-1", jpeg("coffee"))
    reference = add(runtime, acme, jpeg("coffee"))
    runtime.checking.check()
    assert status(runtime, reference) == ["active"]


def test_a_picture_stays_as_old_as_it_is_when_its_listing_is_judged_again(runtime, acme):
    see(runtime, "A-1", jpeg("coffee"))
    age(runtime, days=30)
    see(runtime, "A-1", jpeg("coffee"))
    reference = add(runtime, acme, jpeg("coffee"))
    runtime.checking.check()
    assert status(runtime, reference) == ["quarantined"]


def test_an_operator_releases_and_it_stays_released(client, runtime, acme):
    other = runtime.brands.create("Other")
    add(runtime, acme, jpeg("coffee"))
    held = add(runtime, other, jpeg("coffee", 60))
    runtime.checking.check()
    (conflict,) = client.get("/v1/conflicts").json()["items"]
    path = f"/v1/conflicts/{conflict['id']}/resolve"
    assert client.post(path, json={"resolution": "release"}).status_code == 422
    brand = as_role(client, "brand", brand_id=other.id)
    assert (
        client.patch(
            f"/v1/brands/{other.id}/references/{held.id}", json={"status": "active"}, headers=brand
        ).status_code
        == 403
    )
    made = client.post(path, json={"resolution": "release", "reason": "Sister companies."})
    assert made.status_code == 200
    assert (made.json()["state"], made.json()["reference_status"], made.json()["reason"]) == (
        "released",
        "active",
        "Sister companies.",
    )
    assert client.post(path, json={"resolution": "reject", "reason": "No."}).status_code == 409
    runtime.enrolment.update(held.id, status="disabled")
    runtime.enrolment.update(held.id, status="active")
    runtime.checking.check()
    assert status(runtime, held) == ["active"]
    assert client.get("/v1/conflicts", params={"state": "open"}).json()["items"] == []


def test_a_rejected_reference_stays_held_whatever_its_brand_sends(client, runtime, acme):
    other = runtime.brands.create("Other")
    add(runtime, acme, jpeg("coffee"))
    held = runtime.enrolment.add(other.id, "photo", jpeg("coffee", 60), external_id="SKU")
    runtime.checking.check()
    (conflict,) = runtime.conflicts.list(brand_id=acme.id).items
    runtime.resolutions.resolve(conflict.id, "reject", reason="Stolen.", by="key")
    again = runtime.enrolment.add(other.id, "photo", jpeg("coffee", 60), external_id="SKU", update_existing=True)
    assert again.status == "quarantined"
    renewed = runtime.enrolment.add(other.id, "photo", jpeg("coffee", 61), external_id="SKU", update_existing=True)
    assert (renewed.id, renewed.status) == (held.id, "active")
    runtime.checking.check()
    assert status(runtime, held) == ["quarantined"]


def test_what_is_held_for_two_reasons_waits_for_both(runtime, acme):
    others = [runtime.brands.create(name) for name in ("B", "C")]
    add(runtime, acme, jpeg("coffee"))
    see(runtime, "A-1", jpeg("coffee", 77))
    age(runtime, days=9)
    held = add(runtime, others[0], jpeg("coffee", 60))
    runtime.checking.check()
    conflicts = runtime.conflicts.list(brand_id=others[0].id).items
    assert {one.cause for one in conflicts} == {"reference", "listing"}
    for conflict, expected in zip(conflicts, ("quarantined", "active"), strict=True):
        runtime.resolutions.resolve(conflict.id, "release", reason="Seen.", by="key")
        assert status(runtime, held) == [expected]


def test_processes_share_the_work(runtime, acme):
    made = [add(runtime, acme, jpeg("coffee", quality)) for quality in (60, 70, 80)]
    first = runtime.conflicts.claim([made[0].pk, made[1].pk])
    second = runtime.conflicts.claim([one.pk for one in made])
    assert [one.pk for one in first] == [made[0].pk, made[1].pk]
    assert [one.pk for one in second] == [made[2].pk]
    runtime.conflicts.done(first)
    late = type(runtime.conflicts)(runtime.database, clock=lambda: utc_now() + timedelta(hours=1))
    assert list(late.unchecked()) == [made[2].pk]


def test_nothing_is_read_of_listings_where_none_are_wanted(runtime, squatter):
    see(runtime, "clean", jpeg("coffee"))
    runtime.settings = dataclasses.replace(runtime.settings, prior_pictures=0)
    reference = add(runtime, squatter, jpeg("coffee"))
    comparison = Comparison(runtime.blobs, lambda: runtime.spaces.active.model)
    assert open_checking(runtime, comparison, lambda: None).check() == 1
    assert status(runtime, reference) == ["active"]


def test_a_reference_whose_picture_is_lost_stops_nobody(runtime, acme, squatter):
    add(runtime, acme, jpeg("coffee"))
    lost, held = add(runtime, squatter, jpeg("coffee", 60)), add(runtime, squatter, jpeg("coffee", 61))
    runtime.blobs.delete(lost.sha256)
    runtime.checking.check()
    assert status(runtime, lost, held) == ["active", "quarantined"]


def test_a_running_service_holds_within_seconds(settings):
    opened = Runtime.open(dataclasses.replace(settings, compare_seconds=0.05), embedder=ThumbnailEmbedder())
    try:
        first, second = (opened.brands.create(name) for name in ("A", "B"))
        add(opened, first, jpeg("coffee"))
        held = add(opened, second, jpeg("coffee", 60))
        assert held.status == "active"
        end = time.monotonic() + 30
        while status(opened, held) == ["active"] and time.monotonic() < end:
            time.sleep(0.02)
        assert status(opened, held) == ["quarantined"]
    finally:
        opened.close()
