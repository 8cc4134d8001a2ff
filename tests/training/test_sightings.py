"""References and questions of the logo calibration: real packages and printed marks, never one photo for both."""

from __future__ import annotations

import numpy as np
import pytest

from training.fitting import Labelled
from training.sightings import ASKED, CROPS, TRIED, Sightings, package_brands, without_neighbours
from vision.boxes import Box
from vision.images import DecodeLimits, decode, encode_png
from vision.verification.wording import Word


@pytest.fixture
def photos(tmp_path):
    """Packages of two brands, one of them with too few photos, and garments."""
    rng = np.random.default_rng(4)
    counts = {"groceries/photos/train/Oak-Milk": TRIED + ASKED + 2, "groceries/photos/train/Elm-Milk": 3, "clothing": 6}
    for folder, count in counts.items():
        (tmp_path / folder).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 255, (60, 80, 3), np.uint8)
            (tmp_path / folder / f"{number:02}.jpg").write_bytes(encode_png(pixels))
    (tmp_path / "groceries/products.csv").write_text("product,brand\nOak-Milk,Oak Farm\nElm-Milk,Elm\n")
    return tmp_path


def sightings(root):
    paths = sorted(root.rglob("*.jpg"))
    words = (Word("OAK FARM", 1.0, Box(0.25, 0.4, 0.75, 0.6)),)
    return Sightings(paths, package_brands(root), lambda pixels: words, marks=3, seed=2)


def test_references_are_cut_where_the_name_was_read(photos) -> None:
    enrolled = list(sightings(photos).references())
    crops = [one for one in enrolled if one.brand == "Oak Farm"]
    assert len(crops) == CROPS
    picture = decode(crops[0].data, limits=DecodeLimits(max_bytes=1 << 20, max_pixels=10**6)).pixels
    assert (picture.shape[1], picture.shape[0]) == (50, 32)
    assert len([one for one in enrolled if one.brand.startswith("mark ")]) == 3
    assert not [one for one in enrolled if one.brand == "Elm"]


def test_no_photo_is_both_reference_and_question(photos) -> None:
    seen = sightings(photos)
    cut = {one.name.rpartition("/")[2] for one in seen.references() if one.brand == "Oak Farm"}
    asked = [one for one in seen.sightings() if one.brand == "Oak Farm"]
    assert len(asked) == ASKED
    assert not cut & {one.name.rpartition("/")[2] for one in asked}
    kinds = [one.name.split("/")[0] for one in seen.sightings()]
    assert (kinds.count("mark"), kinds.count("none")) == (3, 3)
    assert all(one.brand is None for one in seen.sightings() if one.name.startswith("none/"))


def test_a_neighbour_on_the_shelf_is_no_wrong_pair() -> None:
    read, unread = {"spelled": 1.0}, {"spelled": 0.0, "firm": 0.2}
    beside = [Labelled(read, False, "package/a", "Oak", "Elm"), Labelled(unread, False, "package/a", "Oak", "Elm")]
    kept = [
        Labelled(read, True, "package/a", "Oak", "Oak"),
        Labelled(unread, False, "package/b", "Oak", "Elm"),
        Labelled(read, False, "none/c", "c", "Elm"),
    ]
    assert without_neighbours([*beside, *kept]) == kept


def test_the_same_seed_draws_the_same_pictures(photos) -> None:
    one, two = ([sighting.draw() for sighting in sightings(photos).sightings()][-4] for _ in range(2))
    assert np.array_equal(one, two)
