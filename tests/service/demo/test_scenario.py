"""The demo's plan: what is uploaded, what is sent and what must come of it agree with one another."""

import csv
import io
import zipfile

import pytest

from service.demo.scenario import BRANDS, catalogue, listings, logo_id, photo_id
from vision.errors import ImageError
from vision.images import decode


@pytest.fixture(scope="module")
def sent():
    return listings()


def test_there_is_enough_of_everything(sent):
    assert len(BRANDS) == 2
    assert sum(len(brand.photos) for brand in BRANDS) >= 12
    assert sum(len(brand.logos) for brand in BRANDS) >= 8
    assert len(sent) >= 16
    assert len({listing.listing_id for listing in sent}) == len(sent)


@pytest.mark.parametrize("brand", BRANDS, ids=lambda brand: brand.name)
def test_a_catalogue_is_a_zip_whose_manifest_names_every_picture(brand):
    with zipfile.ZipFile(io.BytesIO(catalogue(brand))) as archive:
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open("manifest.csv"), "utf-8")))
        for row in rows:
            decode(archive.read(row["file"]))
        assert {row["file"] for row in rows} == set(archive.namelist()) - {"manifest.csv"}
    assert sum(row["kind"] == "photo" for row in rows) == len(brand.photos)
    assert sum(row["kind"] == "logo" for row in rows) == len(brand.logos)


def test_every_expectation_names_a_reference_of_its_brand(sent):
    owned = {(brand.name, "stolen_photo", photo_id(name)) for brand in BRANDS for name in brand.photos}
    owned |= {(brand.name, "logo_use", logo_id(slug)) for brand in BRANDS for slug in brand.logos}
    expected = [listing.expected for listing in sent if listing.expected]
    assert {(e.brand, e.kind, e.external_id) for e in expected} <= owned
    assert {e.kind for e in expected} == {"stolen_photo", "logo_use"}
    assert {e.brand for e in expected} == {brand.name for brand in BRANDS}


def test_exactly_the_broken_pictures_cannot_be_read(sent):
    for listing in sent:
        for index, data in enumerate(listing.pictures):
            if index in listing.broken:
                with pytest.raises(ImageError):
                    decode(data)
            else:
                decode(data)


def test_the_same_listings_are_made_every_time(sent):
    assert [listing.pictures for listing in listings()] == [listing.pictures for listing in sent]
