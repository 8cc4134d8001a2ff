"""Rights and verifications on record, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from indexes.brands import Brands
from indexes.errors import NotFound
from service.errors import Invalid
from service.rights import NewRight, Rights, Verifications

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MARK = NewRight("trademark", "ACME", "Acme AG", "EUIPO", "018000001", (9, 25), ("26.04.01",), ("EU",))


@pytest.fixture
def brands(database):
    return Brands(database)


@pytest.fixture
def rights(database):
    return Rights(database, clock=lambda: NOW)


@pytest.fixture
def verifications(database, rights):
    return Verifications(database, rights, clock=lambda: NOW)


def test_a_right_is_read_as_it_was_written(brands, rights):
    brand = brands.create("Acme")
    made = rights.add(brand.id, MARK, created_by="key_1", document_sha256="ab" * 32, document_media_type="image/png")
    assert rights.get(brand.id, made.id) == made
    assert made.id.startswith("rgt_")
    assert (made.nice_classes, made.vienna_codes, made.territories) == ((9, 25), ("26.04.01",), ("EU",))
    assert (made.document_media_type, made.created_by, made.created_at) == ("image/png", "key_1", NOW)


def test_rights_belong_to_their_brand(database, brands, rights):
    mine, other = brands.create("A"), brands.create("B")
    made = [rights.add(mine.id, MARK, created_by="k") for _ in range(3)]
    first = rights.list(mine.id, limit=2)
    assert first.items + rights.list(mine.id, cursor=first.next_cursor).items == made
    with database.read() as connection:
        assert rights.of_brand(connection, mine.id) == made
        assert rights.of_brands(connection, [mine.id, other.id]) == {mine.id: made, other.id: []}
    with pytest.raises(NotFound):
        rights.get(other.id, made[0].id)
    with pytest.raises(NotFound):
        rights.add("brd_nothing", MARK, created_by="k")
    brands.delete(mine.id)
    with database.read() as connection:
        assert rights.of_brand(connection, mine.id) == []


def test_a_brand_is_verified_against_a_right_in_force(brands, rights, verifications):
    brand, other = brands.create("Acme", "unverified"), brands.create("Other", "unverified")
    mark = rights.add(brand.id, MARK, created_by="k")
    past = NewRight("copyright", "Photos", "Acme AG", valid_until=NOW - timedelta(seconds=1))
    over = rights.add(brand.id, past, created_by="k")
    for brand_id, right_id in ((brand.id, None), (brand.id, over.id), (other.id, mark.id), (brand.id, "rgt_nothing")):
        with pytest.raises(Invalid):
            verifications.decide(brand_id, "verified", right_id=right_id, reason="r", decided_by="key_1")
    assert brands.get(brand.id).status == "unverified"
    made = verifications.decide(brand.id, "verified", right_id=mark.id, reason="seen", decided_by="key_1")
    assert (made.before, made.status, made.decided_at) == ("unverified", "verified", NOW)
    assert brands.get(brand.id).status == "verified"


def test_every_decision_about_a_brand_stays_on_record(brands, rights, verifications):
    brand = brands.create("Acme", "unverified")
    mark = rights.add(brand.id, MARK, created_by="k")
    verifications.decide(brand.id, "verified", right_id=mark.id, reason="seen", decided_by="key_1")
    verifications.decide(brand.id, "suspended", right_id=None, reason="abuse", decided_by="key_2")
    found = verifications.list(brand.id).items
    assert [(one.before, one.status, one.reason, one.decided_by) for one in found] == [
        ("verified", "suspended", "abuse", "key_2"),
        ("unverified", "verified", "seen", "key_1"),
    ]
    with pytest.raises(NotFound):
        verifications.decide("brd_nothing", "suspended", right_id=None, reason="r", decided_by="k")
