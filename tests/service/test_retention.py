"""What is forgotten, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from indexes.database import utc_now
from indexes.errors import NotFound
from service.cases import Acting
from service.listings import ImageSource, ListingInput
from tests.photographs import jpeg


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL."""
    return replace(settings, database_url=database_url)


@pytest.fixture
def flagged(runtime):
    """A listing that shows a reference's picture, in another encoding."""
    brand = runtime.brands.create("Acme")
    runtime.enrolment.add(brand.id, "photo", jpeg("coffee"))
    return runtime.listings.judge(ListingInput("flagged", (ImageSource(data=jpeg("coffee", 70)),)))


@pytest.fixture
def clean(runtime):
    """A listing that shows nobody's picture."""
    return runtime.listings.judge(ListingInput("clean", (ImageSource(data=jpeg("astronaut")),)))


def dismiss(runtime, flagged) -> None:
    """End the listing's case."""
    (match,) = flagged.matches
    operator = Acting("operator", "key_operator")
    runtime.cases.act(match.case_id, operator, "dismiss", reason="because", evidence_version=None)


def names(runtime) -> list[str]:
    return [item.listing.listing_id for item in runtime.listings.list().items]


def test_a_clean_listing_goes_first_and_a_flagged_one_later_with_its_pictures(runtime, flagged, clean):
    picture = flagged.images[0].sha256
    assert flagged.decision == "review"
    assert runtime.retention.purge(utc_now() + timedelta(days=29)) == 0
    assert runtime.retention.purge(utc_now() + timedelta(days=31)) == 1
    assert names(runtime) == ["flagged"]
    assert runtime.blobs.exists(picture)
    dismiss(runtime, flagged)
    assert runtime.retention.purge(utc_now() + timedelta(days=179)) == 0
    assert runtime.retention.purge(utc_now() + timedelta(days=181)) == 1
    assert names(runtime) == []
    assert not runtime.blobs.exists(picture)


def test_references_are_not_touched(runtime, flagged):
    runtime.retention.purge(utc_now() + timedelta(days=1000))
    (reference,) = runtime.catalog.list().items
    assert runtime.blobs.get(reference.sha256) == jpeg("coffee")


def test_a_listing_judged_again_meanwhile_stays(runtime, clean):
    again = runtime.listings.judge(ListingInput("clean", (ImageSource(data=jpeg("china")),)))
    with pytest.raises(NotFound):
        runtime.listings.delete("default", "clean", judged_at=clean.judged_at)
    assert runtime.listings.get("default", "clean").judged_at == again.judged_at
