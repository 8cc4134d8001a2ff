"""Authorisations on record, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from indexes.brands import Brands
from indexes.errors import NotFound
from service.authorised import Authorised, NewAuthorisation

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHOP = NewAuthorisation(seller_id="s-9", marketplace="default", territories=("EU",), valid_from=NOW, note="our shop")


@pytest.fixture
def brands(database):
    return Brands(database)


@pytest.fixture
def authorised(database):
    return Authorised(database, clock=lambda: NOW)


def test_an_authorisation_is_read_as_it_was_written(database, brands, authorised):
    brand, other = brands.create("A"), brands.create("B")
    made = [authorised.add(brand.id, SHOP, created_by="key_1") for _ in range(3)]
    assert made[0].id.startswith("aut_")
    assert (made[0].territories, made[0].valid_from, made[0].created_by) == (("EU",), NOW, "key_1")
    first = authorised.list(brand.id, limit=2)
    assert first.items + authorised.list(brand.id, cursor=first.next_cursor).items == made
    with database.read() as connection:
        assert authorised.of_brand(connection, brand.id) == made
        assert authorised.of_brands(connection, [other.id, brand.id]) == {other.id: [], brand.id: made}
    with pytest.raises(NotFound):
        authorised.add("brd_nothing", SHOP, created_by="key_1")


def test_only_its_brand_withdraws_one(brands, authorised):
    brand, other = brands.create("A"), brands.create("B")
    made = authorised.add(brand.id, SHOP, created_by="key_1")
    with pytest.raises(NotFound):
        authorised.delete(other.id, made.id)
    authorised.delete(brand.id, made.id)
    assert authorised.list(brand.id).items == []
    with pytest.raises(NotFound):
        authorised.delete(brand.id, made.id)
