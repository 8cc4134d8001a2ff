"""Vectors of several spaces side by side: given later, kept apart in the log, passed over when stale, forgotten."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from indexes.brands import Brands
from indexes.catalog import Catalog
from indexes.changes import Change, Changes
from indexes.gallery import Gallery
from tests.indexes.catalogue import SPACE, new_reference, random_regions

OTHER = dataclasses.replace(SPACE, id="other-space", photo_dim=24)


@pytest.fixture
def brand(database):
    return Brands(database).create("Acme")


def test_vectors_of_another_space_move_only_its_own_index(database, brand, tmp_path):
    catalog, rng = Catalog(database), np.random.default_rng(1)
    one = catalog.add(new_reference(brand.id), SPACE, random_regions(rng))
    first, second = (Gallery.open(database, space, tmp_path) for space in (SPACE, OTHER))
    regions = random_regions(rng, space=OTHER)
    assert (catalog.lacking(OTHER), catalog.embed([(one, regions)], OTHER), catalog.lacking(OTHER)) == (1, 1, 0)
    log = Changes(database)
    assert log.since(1) == (2, [Change(brand.pk, one.pk, OTHER.id)])
    assert log.since(1, space=SPACE.id) == (2, [])
    assert log.since(1, space=OTHER.id) == log.since(1)
    assert (first.catch_up(), second.catch_up()) == (2, 2)
    assert (first.vectors["photo"], second.vectors["photo"]) == (2, 2)
    assert second.candidates("photo", regions.vectors, 1)[1][0].similarity == pytest.approx(1.0, abs=1e-3)
    catalog.update(one.id, status="disabled")
    assert first.catch_up() == second.catch_up() == 3
    assert (first.vectors["photo"], second.vectors["photo"]) == (0, 0)


def test_what_changed_since_it_was_read_is_passed_over(database, brand):
    catalog, rng = Catalog(database), np.random.default_rng(2)
    one, two, three = (catalog.add(new_reference(brand.id), SPACE, random_regions(rng)) for _ in range(3))
    catalog.replace_image(
        one.id, sha256="f" * 64, width=9, height=9, media_type="image/png", space=SPACE, regions=random_regions(rng)
    )
    catalog.delete(two.id)
    stale = [(reference, random_regions(rng, space=OTHER)) for reference in (one, two, three)]
    assert catalog.embed(stale, OTHER) == 1
    assert [reference.id for reference in catalog.without_vectors(OTHER, 0, 10)] == [one.id]
    assert catalog.embed(stale[2:], OTHER) == 1, "again does no harm"


def test_a_forgotten_space_leaves_the_others(database, brand):
    catalog, rng = Catalog(database), np.random.default_rng(3)
    made = [catalog.add(new_reference(brand.id), SPACE, random_regions(rng)) for _ in range(3)]
    catalog.embed([(reference, random_regions(rng, space=OTHER)) for reference in made], OTHER)
    assert catalog.forget(OTHER.id) == 3
    assert (catalog.lacking(OTHER), catalog.lacking(SPACE)) == (3, 0)
