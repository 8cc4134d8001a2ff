"""Finding the authorisation that lets a listing be, among many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.authorised import Authorisation, ListingFacts
from service.policies.permits import Permits

NOW = datetime(2026, 5, 4, tzinfo=UTC)
OVER = NOW - timedelta(days=1)


def permit(number: int, **named) -> Authorisation:
    return Authorisation(pk=number, id=f"aut_{number}", **named)


PERMITS = Permits(
    [
        permit(1, seller_id="s-1", valid_until=OVER),
        permit(2, gtin="0-4006381333931"),
        permit(3, url="https://Shop.example/a/"),
        permit(4, seller_id="s-1", marketplace="shop"),
        permit(5, seller_id="s-1"),
        permit(6, seller_id="s-2", gtin="4006381333931"),
    ]
)


def found(**facts) -> str | None:
    one = PERMITS.find(ListingFacts(**{"marketplace": "shop", **facts}), NOW)
    return None if one is None else one.id


def test_each_is_found_by_what_it_names():
    assert found(seller_id="s-1") == "aut_4"
    assert found(seller_id="s-1", marketplace="bazaar") == "aut_5"
    assert found(gtin="4006381333931") == "aut_2"
    assert found(url="https://shop.example/a") == "aut_3"


def test_the_oldest_that_holds_is_named():
    assert found(seller_id="s-1", gtin="4006381333931", url="https://shop.example/a") == "aut_2"


def test_everything_that_is_named_has_to_agree():
    assert found(seller_id="s-2") is None
    assert found(seller_id="s-2", gtin="04006381333931") == "aut_2"
    assert found() is None
    assert Permits([]).find(ListingFacts("shop", seller_id="s-1"), NOW) is None
