"""The catalogue keeps references, their embeddings and the log of changes in step."""

from __future__ import annotations

import concurrent.futures

import numpy as np
import pytest

from indexes.brands import Brands
from indexes.catalog import Catalog
from indexes.changes import Change, Changes
from indexes.embeddings import Embeddings
from indexes.errors import Conflict, NotFound, SpaceMismatch
from tests.indexes.catalogue import SPACE, new_reference, random_regions


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.fixture
def catalog(database):
    return Catalog(database)


@pytest.fixture
def brand(database):
    return Brands(database).create("Acme")


@pytest.fixture
def photos(database):
    return Embeddings(database, SPACE)


def test_a_reference_is_read_back_with_its_vectors(catalog, brand, photos, rng):
    given = random_regions(rng, count=3)
    made = catalog.add(new_reference(brand.id, external_id="SKU-1"), SPACE, given)
    assert catalog.get(made.id) == made == catalog.find_external(brand.id, "photo", "SKU-1")
    assert (made.brand_id, made.brand_pk, made.status) == (brand.id, brand.pk, "active")
    rows = photos.of("photo", [made.pk])
    np.testing.assert_array_equal(rows.vectors, given.vectors)
    assert rows.ids.tolist() == [made.pk * 8, made.pk * 8 + 1, made.pk * 8 + 2]
    assert set(rows.brands) == {brand.pk}


def test_every_change_takes_the_next_generation(catalog, brand, database, rng):
    one = catalog.add(new_reference(brand.id), SPACE, random_regions(rng))
    two = catalog.add(new_reference(brand.id, "logo"), SPACE, random_regions(rng, "logo"))
    catalog.update(one.id, title="only words")  # does not concern the index
    catalog.update(one.id, status="disabled")
    catalog.delete(two.id)
    expected = [Change(brand.pk, pk) for pk in (one.pk, two.pk, one.pk, two.pk)]
    assert Changes(database).since(0) == (4, expected)
    assert Changes(database).since(3) == (4, expected[3:])
    assert Changes(database).generation() == 4


def test_generations_of_concurrent_writers_have_no_gap(catalog, brand, database, rng):
    given = [random_regions(rng) for _ in range(40)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda one: catalog.add(new_reference(brand.id), SPACE, one), given))
    last, logged = Changes(database).since(0)
    assert last == 40
    assert {change.reference_pk for change in logged} == {reference.pk for reference in made}


def test_a_used_external_id_is_a_conflict_that_names_the_reference(catalog, brand, database, rng):
    made = catalog.add(new_reference(brand.id, external_id="SKU-1"), SPACE, random_regions(rng))
    with pytest.raises(Conflict) as caught:
        catalog.add(new_reference(brand.id, external_id="SKU-1"), SPACE, random_regions(rng))
    assert caught.value.existing_id == made.id
    assert catalog.count() == 1
    assert Changes(database).generation() == 1
    catalog.add(new_reference(brand.id, "logo", "SKU-1"), SPACE, random_regions(rng, "logo"))
    other = Brands(database).create("Other")
    catalog.add(new_reference(other.id, external_id="SKU-1"), SPACE, random_regions(rng))
    assert catalog.count() == 3


def test_a_batch_is_added_whole_or_not_at_all(catalog, brand, rng):
    batch = [(new_reference(brand.id, external_id=name), random_regions(rng)) for name in ("a", "b", "c")]
    assert [reference.external_id for reference in catalog.add_many(batch, SPACE)] == ["a", "b", "c"]
    more = [(new_reference(brand.id, external_id=name), random_regions(rng)) for name in ("d", "b")]
    with pytest.raises(Conflict):
        catalog.add_many(more, SPACE)
    twice = [(new_reference(brand.id, external_id="e"), random_regions(rng)) for _ in range(2)]
    with pytest.raises(Conflict):
        catalog.add_many(twice, SPACE)
    assert catalog.count() == 3


def test_vectors_that_do_not_fit_the_space_are_refused(catalog, brand, rng):
    broken = random_regions(rng)
    broken.vectors[0, 0] = np.nan
    for wrong in (random_regions(rng, "logo"), random_regions(rng, count=7), random_regions(rng, count=0), broken):
        with pytest.raises(SpaceMismatch):
            catalog.add(new_reference(brand.id), SPACE, wrong)
    assert catalog.count() == 0


def test_another_picture_replaces_the_vectors(catalog, brand, photos, rng):
    made = catalog.add(new_reference(brand.id), SPACE, random_regions(rng, count=4))
    given = random_regions(rng, count=2)
    changed = catalog.replace_image(
        made.id, sha256="ab" * 32, width=10, height=20, media_type="image/png", space=SPACE, regions=given
    )
    assert (changed.pk, changed.sha256, changed.width, changed.media_type) == (made.pk, "ab" * 32, 10, "image/png")
    np.testing.assert_array_equal(photos.of("photo", [made.pk]).vectors, given.vectors)
    assert catalog.uses("ab" * 32)
    assert not catalog.uses(made.sha256)


def test_only_active_references_have_vectors_for_the_index(catalog, brand, photos, rng):
    kept, disabled, deleted = (
        catalog.add(new_reference(brand.id), SPACE, random_regions(rng, count=2)) for _ in range(3)
    )
    catalog.update(disabled.id, status="disabled")
    catalog.delete(deleted.id)
    assert photos.count("photo") == 2
    assert [rows.ids.tolist() for rows in photos.stream("photo")] == [[kept.pk * 8, kept.pk * 8 + 1]]
    assert catalog.count(status="active") == 1
    with pytest.raises(NotFound):
        catalog.get(deleted.id)


def test_active_pictures_come_by_their_keys_a_few_at_a_time(catalog, brand, rng):
    made = [catalog.add(new_reference(brand.id), SPACE, random_regions(rng)) for _ in range(2)]
    made.append(catalog.add(new_reference(brand.id, "logo"), SPACE, random_regions(rng, "logo")))
    last = catalog.add(new_reference(brand.id), SPACE, random_regions(rng))
    catalog.update(made[1].id, status="disabled")
    first, mark = made[0], made[2]
    assert catalog.pictures(0, 2) == [(first.pk, "photo", first.sha256), (mark.pk, "logo", mark.sha256)]
    assert catalog.pictures(mark.pk, 2) == [(last.pk, "photo", last.sha256)]
    assert catalog.pictures(last.pk, 2) == []


def test_references_of_another_space_are_counted_as_missing(catalog, brand, database, rng):
    catalog.add(new_reference(brand.id), SPACE, random_regions(rng))
    other = type(SPACE)(id="other", model="other", photo_dim=16, logo_dim=8)
    assert Embeddings(database, SPACE).missing() == 0
    assert Embeddings(database, other).missing() == 1
    assert Embeddings(database, other).count("photo") == 0


def test_streaming_in_small_chunks_gives_every_vector_once(catalog, brand, photos, rng):
    made = catalog.add_many([(new_reference(brand.id), random_regions(rng)) for _ in range(7)], SPACE)
    ids = np.concatenate([rows.ids for rows in photos.stream("photo", chunk=3)])
    assert ids.tolist() == [reference.pk * 8 + ordinal for reference in made for ordinal in range(2)]


def test_what_a_replacing_import_did_not_name_is_disabled(catalog, brand, database, rng):
    other = Brands(database).create("Other")
    kept, missed = (catalog.add(new_reference(brand.id), SPACE, random_regions(rng)) for _ in range(2))
    logo = catalog.add(new_reference(brand.id, "logo"), SPACE, random_regions(rng, "logo"))
    foreign = catalog.add(new_reference(other.id), SPACE, random_regions(rng))
    assert catalog.disable_missing(brand.id, {kept.id}, kinds=("photo",)) == 1
    states = [catalog.get(reference.id).status for reference in (kept, missed, logo, foreign)]
    assert states == ["active", "disabled", "active", "active"]


def test_pages_and_counts_are_of_one_brand(catalog, brand, database, rng):
    other = Brands(database).create("Other")
    mine = [catalog.add(new_reference(brand.id), SPACE, random_regions(rng)) for _ in range(3)]
    catalog.add(new_reference(other.id), SPACE, random_regions(rng))
    first = catalog.list(brand.id, limit=2)
    second = catalog.list(brand.id, limit=2, cursor=first.next_cursor)
    assert first.items + second.items == mine
    assert second.next_cursor is None
    newest = catalog.list(brand.id, limit=2, newest_first=True)
    rest = catalog.list(brand.id, limit=2, cursor=newest.next_cursor, newest_first=True)
    assert newest.items + rest.items == mine[::-1]
    assert rest.next_cursor is None
    assert (catalog.count(), catalog.count(brand.id), catalog.count(brand.id, kind="logo")) == (4, 3, 0)


def test_matchable_leaves_out_disabled_suspended_and_foreign(catalog, brand, database, rng):
    brands = Brands(database)
    other, suspended = brands.create("Other", "unverified"), brands.create("Gone", "suspended")
    mine, off, theirs, hidden = (
        catalog.add(new_reference(owner.id), SPACE, random_regions(rng)) for owner in (brand, brand, other, suspended)
    )
    off = catalog.update(off.id, status="quarantined")
    pks = [reference.pk for reference in (mine, off, theirs, hidden)]
    assert catalog.matchable(pks) == {mine.pk: (mine, brand), theirs.pk: (theirs, other)}
    assert catalog.matchable(pks, [brand.pk]) == {mine.pk: (mine, brand)}


def test_removing_a_brand_removes_its_references_and_vectors(catalog, brand, database, photos, rng):
    made = catalog.add(new_reference(brand.id), SPACE, random_regions(rng))
    Brands(database).delete(brand.id)
    with pytest.raises(NotFound):
        catalog.get(made.id)
    assert photos.count("photo") == 0
    with pytest.raises(NotFound):
        catalog.add(new_reference(brand.id), SPACE, random_regions(rng))
    assert Changes(database).generation() == 2


def test_a_trimmed_log_says_that_it_does_not_reach_back(catalog, brand, database, rng):
    for _ in range(4):
        catalog.add(new_reference(brand.id), SPACE, random_regions(rng))
    log = Changes(database)
    assert log.trim(2) == 2
    assert log.floor() == 2
    assert log.since(1) is None
    assert log.since(2)[0] == 4
    assert log.trim(1) == 0
    assert log.floor() == 2


def test_a_database_keeps_its_identity(database):
    number = Changes(database).catalogue()
    assert number > 0
    assert Changes(database).catalogue() == number
