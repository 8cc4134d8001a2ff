"""Listings saved side by side, on both databases: what one carries over or loses is nothing to the others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from indexes.brands import Brands
from indexes.errors import NotFound
from service.listings.store import ListingStore
from service.listings.tables import LISTING_IMAGES
from service.listings.writing import BrandsGone, ListingWriter, Rows

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


def listing(listing_id: str, **fields) -> dict:
    row = dict.fromkeys(("seller_id", "title", "url", "gtin", "category", "price_amount", "price_currency"))
    row |= {"marketplace": "default", "listing_id": listing_id, "territories": ["DE"], "listed_at": AT}
    row |= {"decision": "clear", "space": "spc_1", "index_generation": 1, "calibration": "c", "nulls": ""}
    return {**row, "elapsed_ms": 1, "judged_at": AT, **fields}


def image(sha256: str = "a" * 64, *, kept: bool = False) -> dict:
    row = dict.fromkeys(("photo_vectors", "logo_vectors", "regions", "problem"))
    return {**row, "position": 0, "kept": kept, "width": 10, "height": 20, "sha256": sha256}


def match(brand_id: str) -> dict:
    row = dict.fromkeys(("external_id", "suppressed_by", "negative_id"))
    row |= {"image_index": 0, "kind": "stolen_photo", "brand_id": brand_id, "reference_id": "ref_1"}
    row |= {"confidence": 0.9, "score": 0.9, "box": [0, 0, 1, 1], "reference_box": [0, 0, 1, 1], "reasons": ["same"]}
    row |= {"features": {}, "null_shift": 0.0, "decision": "review", "policy_version": 0, "proof_required": False}
    return {**row, "because": []}


@pytest.fixture
def store(database) -> ListingStore:
    return ListingStore(database)


@pytest.fixture
def brand(database) -> str:
    return Brands(database).create("Acme").id


def written(database, *group: tuple, cases=None) -> list:
    """What writing `group` in one transaction gives."""
    rows = [Rows(*entry, *[[]] * (4 - len(entry))) for entry in group]
    with database.write() as connection:
        return ListingWriter(None, cases).write(connection, rows)


def test_what_is_answered_is_what_is_read_later(database, store, brand):
    local = datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
    group = [
        (listing("plain", listed_at=local, title="Cup"), [image()]),
        (listing("matched", decision="review"), [image("b" * 64)], [match(brand)]),
        (listing("bare", listed_at=None), []),
    ]
    for saved, (row, *_) in zip(written(database, *group), group, strict=True):
        assert saved.result == store.get("default", row["listing_id"])
        assert saved.result.as_json() == store.get("default", row["listing_id"]).as_json()


def test_listings_new_and_known_in_one_group_keep_what_is_theirs(database, store, brand):
    first = written(
        database,
        (listing("a"), [image("a" * 64, kept=True)], [match(brand)]),
        (listing("b"), [image("b" * 64)], []),
    )
    again = written(
        database,
        (listing("b", judged_at=AT + timedelta(1)), [image("c" * 64)], [match(brand)]),
        (listing("new"), [image("d" * 64)], []),
        (listing("a", judged_at=AT + timedelta(1)), [image("a" * 64)], [match(brand)]),
    )
    b, new, a = (saved.result for saved in again)
    assert (a.evidence_version, b.evidence_version, new.evidence_version) == (2, 2, 1)
    assert a.matches[0].id == first[0].result.matches[0].id != b.matches[0].id
    assert [saved.dropped for saved in again] == [frozenset(), frozenset(), frozenset({"a" * 64})]
    with database.read() as connection:
        columns = (LISTING_IMAGES.c.sha256, LISTING_IMAGES.c.first_seen_at)
        seen = {row.sha256[0]: row.first_seen_at for row in connection.execute(sa.select(*columns))}
    assert seen == {"a": AT, "c": AT + timedelta(1), "d": AT}


def test_revisions_follow_the_order_of_a_group(database, store):
    written(database, *((listing(name), [image()]) for name in "abc"))
    written(database, *((listing(name), [image()]) for name in "bd"))
    assert [result.listing.listing_id for result in store.list().items] == ["a", "c", "b", "d"]


def test_cases_are_told_of_what_matched_and_of_listings_they_know(database, brand):
    told: list[str] = []

    class Known:
        """Knows a case of one listing."""

        def among(self, _connection, names):
            return {name for name in names if name[1] == "known"}

        def open_for(self, _connection, result):
            told.append(result.listing.listing_id)
            return {found.id: "case_1" for found in result.matches}

    group = [(listing("plain"), [image()]), (listing("known"), [image()]), (listing("hit"), [image()], [match(brand)])]
    *_, hit = written(database, *group, cases=Known())
    assert told == ["known", "hit"]
    assert hit.result.matches[0].case_id == "case_1"


def test_a_clean_listing_costs_its_share_of_few_statements(database):
    statements: list[str] = []
    event.listen(database.engine, "after_cursor_execute", lambda *said: statements.append(said[2]))
    written(database, *((listing(f"n-{number}"), [image()]) for number in range(50)))
    assert len([text for text in statements if text not in ("BEGIN", "BEGIN IMMEDIATE")]) <= 6


def test_a_listing_whose_brand_is_gone_leaves_the_others_alone(store, brand):
    def save(number: int):
        brand_id = "brd_gone" if number % 10 == 3 else brand
        return store.save(listing(f"n-{number}", decision="review"), [image()], [match(brand_id)])

    with ThreadPoolExecutor(16) as callers:
        futures = [callers.submit(save, number) for number in range(60)]
    for number, future in enumerate(futures):
        if number % 10 == 3:
            assert isinstance(future.exception(), BrandsGone)
            with pytest.raises(NotFound):
                store.get("default", f"n-{number}")
        else:
            assert store.get("default", f"n-{number}") == future.result().result


def test_one_listing_sent_many_times_at_once_is_one_listing(store):
    with ThreadPoolExecutor(16) as callers:
        saved = list(callers.map(lambda _: store.save(listing("same"), [image()], []), range(40)))
    assert sorted(entry.result.evidence_version for entry in saved) == list(range(1, 41))
    assert len(store.list().items) == 1
