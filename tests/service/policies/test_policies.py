"""Versions of a policy, the bounds a brand keeps to, and the rulebook read from SQL."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest

from indexes.brands import Brands
from indexes.errors import NotFound
from service.authorised import Authorised, NewAuthorisation
from service.marketplaces import Marketplaces
from service.policies import Bounds, BrandRules, Draft, Policies, ProofRule, Rule
from service.rights import NewRight, Rights
from service.standing import Standings

FIRST = Draft((Rule("logo_use", hold=0.9),), (ProofRule("Shoes", Decimal("50.50"), "EUR"), ProofRule(None, Decimal(9))))
SECOND = Draft((Rule("stolen_photo", "default", None, 0.4, 0.7, 0.95),))


def opened(database, **options) -> Policies:
    return Policies(database, Rights(database), Authorised(database), Standings(database), **options)


@pytest.fixture
def brand_id(database) -> str:
    return Brands(database).create("Acme").id


def test_every_put_is_a_version_and_old_ones_stay(database, brand_id):
    policies = opened(database)
    assert policies.get(brand_id).version == 0
    first = policies.put(brand_id, FIRST, by="key_1")
    second = policies.put(brand_id, SECOND, by="key_2")
    assert (first.version, second.version) == (1, 2)
    assert policies.get(brand_id) == second
    assert policies.get(brand_id, 1) == first
    assert (first.rules, first.proof_required) == (FIRST.rules, FIRST.proof_required)
    for absent in (
        lambda: policies.get(brand_id, 3),
        lambda: policies.get("brd_x"),
        lambda: policies.put("brd_x", FIRST, by="k"),
    ):
        with pytest.raises(NotFound):
            absent()


def test_versions_made_at_once_follow_one_another(database, brand_id):
    policies = opened(database)
    threads = [threading.Thread(target=policies.put, args=(brand_id, FIRST), kwargs={"by": "k"}) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert policies.get(brand_id).version == 5


def test_bounds_are_the_installations_until_an_operator_sets_some(database, brand_id):
    policies = opened(database, bounds=Bounds(0.6, 0.9))
    assert policies.bounds(brand_id) == Bounds(0.6, 0.9)
    assert policies.set_bounds(brand_id, hold=0.7, takedown=None, by="key_1") == Bounds(0.7, 0.9)
    assert policies.set_bounds(brand_id, hold=None, takedown=0.8, by="key_1") == Bounds(0.6, 0.8)
    with pytest.raises(NotFound):
        policies.set_bounds("brd_x", hold=None, takedown=None, by="key_1")


def test_the_rulebook_holds_what_rulings_depend_on(database, brand_id):
    policies = opened(database)
    other = Brands(database).create("Other", "unverified").id
    Marketplaces(database).create("shop", "Shop", territories=["EU"])
    policies.put(brand_id, SECOND, by="key_1")
    made = policies.put(brand_id, FIRST, by="key_1")
    right = Rights(database).add(brand_id, NewRight("trademark", "ACME", "Acme"), created_by="key_1")
    permit = Authorised(database).add(brand_id, NewAuthorisation(seller_id="s-1"), created_by="key_1")
    book = policies.read_book(frozenset({brand_id, other, "brd_gone"}), "shop")
    assert book.brands.keys() == {brand_id, other}
    assert book.brands[brand_id] == BrandRules("verified", made, (right,), (permit,))
    assert (book.brands[other].status, book.brands[other].policy.version) == ("unverified", 0)
    assert book.territories == {"shop": ("EU",)}


def test_policies_go_with_their_brand(database, brand_id):
    policies = opened(database)
    policies.put(brand_id, FIRST, by="key_1")
    policies.set_bounds(brand_id, hold=0.7, takedown=None, by="key_1")
    Brands(database).delete(brand_id)
    with pytest.raises(NotFound):
        policies.get(brand_id)
