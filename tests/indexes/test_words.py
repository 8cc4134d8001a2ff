"""Words find a brand's references by what they are called and by what they look like."""

from __future__ import annotations

import numpy as np
import pytest

from indexes.brands import Brands
from indexes.catalog import Catalog, NewReference
from indexes.gallery import Gallery
from indexes.words import WordSearch
from tests.indexes.catalogue import SPACE, regions, unit
from vision.embedding import TextVectors


@pytest.fixture
def shop(database, tmp_path):
    return Shop(database, tmp_path)


class Shop:
    """Two brands' titled references, each with a direction of its own."""

    def __init__(self, database, tmp_path):
        self.brands, self.catalog = Brands(database), Catalog(database)
        self.gallery = Gallery.open(database, SPACE, tmp_path / "snapshots")
        self.acme, self.other = self.brands.create("Acme"), self.brands.create("Other")
        self.words = WordSearch(self.catalog)
        self.rng = np.random.default_rng(5)

    def add(self, title, brand=None, kind="photo", external_id=None, gtin=None):
        brand = brand or self.acme
        new = NewReference(brand.id, kind, external_id, title, gtin, None, "0" * 64, 10, 10, "image/png")
        vectors = unit(self.rng, 1, SPACE.dim(kind))
        self.catalog.add(new, SPACE, regions(vectors))
        self.gallery.catch_up()
        return vectors

    def find(self, text, brand=None, **options):
        return [found.title for found in self.words.find(brand or self.acme, text, **options)]


def test_those_with_the_most_words_come_first_and_another_brand_never(shop):
    for title in ("Red shoe", "Blue shoe", "red SHOE with laces", "Hat"):
        shop.add(title)
    shop.add("Red shoe of another", brand=shop.other)
    assert shop.find("RED shoe") == ["Red shoe", "red SHOE with laces", "Blue shoe"]
    assert shop.find("hat", shop.other) == []
    assert shop.find("red shoe", limit=1) == ["Red shoe"]


def test_ids_and_numbers_are_names_too_and_signs_mean_themselves(shop):
    shop.add("Plain", external_id="SKU_77", gtin="4006381333931")
    shop.add("100% wool")
    assert shop.find("sku_77") == shop.find("4006381333931") == ["Plain"]
    assert shop.find("%") == ["100% wool"]
    assert shop.find("   ") == []


def test_kind_and_status_narrow_the_answer(shop):
    shop.add("Mark", kind="logo")
    shop.add("Mark on a shirt")
    assert shop.find("mark", kind="logo") == ["Mark"]
    assert shop.find("mark", status="disabled") == []


def test_what_looks_like_the_words_joins_what_is_called_so(shop):
    shop.add("Red shoe")
    untitled = shop.add(None)
    mark = shop.add("Swoosh", kind="logo")
    elsewhere = shop.add("Not ours", brand=shop.other)
    asked = TextVectors(untitled, mark)
    options = {"embed": lambda texts: asked, "gallery": shop.gallery}
    assert shop.find("red", **options) == ["Red shoe", None, "Swoosh"]
    assert "Not ours" not in shop.find("red", embed=lambda texts: TextVectors(elsewhere, mark), gallery=shop.gallery)
    assert shop.find("red", embed=lambda texts: None, gallery=shop.gallery) == ["Red shoe"]
    assert shop.find("red", status="disabled", **options) == []


def test_what_only_a_little_looks_like_the_words_stays_out(shop):
    shoe = shop.add(None)
    asked = TextVectors(shoe, unit(shop.rng, 1, SPACE.logo_dim), {"photo": 0.9, "logo": 0.9})
    far = TextVectors(unit(shop.rng, 1, SPACE.photo_dim), asked.logo, asked.floors)
    assert shop.find("boot", embed=lambda texts: asked, gallery=shop.gallery) == [None]
    assert shop.find("boot", embed=lambda texts: far, gallery=shop.gallery) == []
