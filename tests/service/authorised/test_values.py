"""What an authorisation permits."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from service.authorised import Authorisation, ListingFacts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FACTS = ListingFacts(
    marketplace="default",
    seller_id="s-9",
    url="https://shop.example/item/1?v=2",
    gtin="04006381333931",
    territories=("DE",),
)


@pytest.mark.parametrize(
    ("named", "permitted"),
    [
        ({"seller_id": "s-9"}, True),
        ({"seller_id": "s-8"}, False),
        ({"seller_id": "S-9"}, False),
        ({"seller_id": "s-9", "marketplace": "default"}, True),
        ({"seller_id": "s-9", "marketplace": "other"}, False),
        ({"marketplace": "default"}, False),
        ({}, False),
        ({"url": "HTTP://Shop.example:80/item/1/?v=2#top"}, True),
        ({"url": "https://shop.example/item"}, False),
        ({"url": "https://shop.example/item/1?v=3"}, False),
        ({"url": "https://shop.example.evil.test/item/1?v=2"}, False),
        ({"gtin": "4006381333931"}, True),
        ({"gtin": "4 006381-333931"}, True),
        ({"gtin": "4006381333932"}, False),
        ({"gtin": "-"}, False),
        ({"seller_id": "s-9", "gtin": "1"}, False),
        ({"seller_id": "s-9", "territories": ("EU",)}, True),
        ({"seller_id": "s-9", "territories": ("FR",)}, False),
        ({"seller_id": "s-9", "valid_from": NOW}, True),
        ({"seller_id": "s-9", "valid_from": NOW + DAY}, False),
        ({"seller_id": "s-9", "valid_until": NOW}, True),
        ({"seller_id": "s-9", "valid_until": NOW - DAY}, False),
    ],
)
def test_everything_that_is_named_has_to_agree(named, permitted):
    assert Authorisation(**named).permits(FACTS, NOW) is permitted


@pytest.mark.parametrize("name", ["seller_id", "url", "gtin"])
def test_a_listing_that_does_not_say_is_not_permitted(name):
    allowed = Authorisation(**{name: getattr(FACTS, name)})
    assert allowed.permits(FACTS, NOW)
    assert not allowed.permits(dataclasses.replace(FACTS, **{name: None}), NOW)


def test_a_listing_sold_everywhere_is_not_permitted_in_one_country():
    everywhere = dataclasses.replace(FACTS, territories=())
    assert not Authorisation(seller_id="s-9", territories=("DE",)).permits(everywhere, NOW)
    assert Authorisation(seller_id="s-9").permits(everywhere, NOW)


@pytest.mark.parametrize("address", ["http://[::1", "mailto:a@b", "not an address", ""])
def test_what_is_no_address_is_only_equal_to_itself(address):
    listed = dataclasses.replace(FACTS, url=address)
    assert not Authorisation(url=FACTS.url).permits(listed, NOW)
    assert Authorisation(url=address).permits(listed, NOW)
