"""Brands: make, read, list in pages, change, remove."""

from __future__ import annotations

import pytest

from indexes.brands import Brands
from indexes.changes import Change, Changes
from indexes.errors import BadCursor, NotFound


def test_a_brand_is_read_back_as_it_was_made(database):
    brands = Brands(database)
    made = brands.create("Acme", status="unverified", contact_email="ip@acme.example")
    assert brands.get(made.id) == made == brands.get_by_pk(made.pk)
    assert (made.name, made.status, made.contact_email) == ("Acme", "unverified", "ip@acme.example")
    assert made.created_at.utcoffset().total_seconds() == 0


def test_pages_hold_every_brand_once_in_order(database):
    brands = Brands(database)
    made = [brands.create(f"Brand {number}") for number in range(5)]
    first = brands.list(limit=2)
    second = brands.list(limit=2, cursor=first.next_cursor)
    third = brands.list(limit=2, cursor=second.next_cursor)
    assert first.items + second.items + third.items == made
    assert third.next_cursor is None
    assert brands.count() == 5
    with pytest.raises(BadCursor):
        brands.list(cursor="nonsense")


def test_changes_are_kept_and_unknown_fields_refused(database):
    brands = Brands(database)
    made = brands.create("Acme")
    assert brands.update(made.id, status="suspended").status == "suspended"
    assert brands.get(made.id).name == "Acme"
    with pytest.raises(ValueError, match="colour"):
        brands.update(made.id, colour="red")


def test_what_is_not_there_is_not_found(database):
    brands = Brands(database)
    for call in (brands.get, brands.update, brands.delete):
        with pytest.raises(NotFound):
            call("brd_none")


def test_removing_a_brand_is_logged_for_the_indexes_and_its_key_is_not_given_out_again(database):
    brands = Brands(database)
    made = brands.create("Acme")
    brands.delete(made.id)
    assert Changes(database).since(0) == (1, [Change(brand_pk=made.pk, reference_pk=None)])
    assert brands.create("Next").pk > made.pk


def test_ids_become_primary_keys_in_one_go(database):
    brands = Brands(database)
    one, two = brands.create("One"), brands.create("Two")
    assert brands.pks(frozenset({one.id, "brd_none"})) == frozenset({one.pk})
    assert brands.by_pks(frozenset({one.pk, two.pk, 99})) == {one.pk: one, two.pk: two}
