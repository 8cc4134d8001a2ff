"""The demo's pictures exist, are what they seem, and leave the reserved marks alone."""

import pytest

from service.demo.pictures import PHOTOGRAPHS, mark, photograph
from service.demo.scenario import BRANDS
from vision.images import decode


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_every_photograph_is_in_its_package(name):
    picture = decode(photograph(name), side=4096)
    assert min(picture.width, picture.height) >= 150
    assert picture.pixels.std() > 10


@pytest.mark.parametrize("slug", [slug for brand in BRANDS for slug in brand.logos])
def test_every_mark_is_drawn_with_a_margin(slug):
    pixels = decode(mark(slug, colour="#000000", side=240)).pixels
    assert pixels.shape == (240, 240, 3)
    dark = (pixels < 128).any(axis=2)
    assert 0.02 < dark.mean() < 0.7
    assert not dark[:15].any()
    assert not dark[:, -15:].any()


def test_a_mark_keeps_its_own_colour_unless_told():
    own, black = (decode(mark("playstation", colour=colour)).pixels for colour in (None, "#000000"))
    assert own.reshape(-1, 3).min(axis=0).tolist() == pytest.approx([0x00, 0x70, 0xD1], abs=2)
    assert black.min() == 0


def test_no_mark_is_one_reserved_for_evaluation():
    reserved = {
        *("adidas", "apple", "bmw", "citroen", "cocacola", "dhl", "fedex", "ferrari", "ford", "google", "heineken"),
        *("hp", "intel", "mcdonalds", "mini", "nbc", "nike", "pepsi", "porsche", "puma", "redbull", "sprite"),
        *("starbucks", "texaco", "unicef", "vodafone", "yahoo"),
    }
    assert not reserved & {slug for brand in BRANDS for slug in brand.logos}
