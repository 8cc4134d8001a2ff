"""Marks are found by their shape, by their local features and by their name; nothing missing counts against them."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from skimage import data as photographs

from indexes.background import Background, Limits
from indexes.blobs import BlobStore
from indexes.brands import Brands
from indexes.catalog import Catalog
from indexes.gallery import Gallery
from indexes.scoring import Calibration
from indexes.search import Searcher
from tests.indexes.catalogue import SPACE, new_reference, regions, unit
from vision.boxes import WHOLE, Box
from vision.embedding import QueryEmbedding, Regions
from vision.images import encode_png
from vision.verification import LogoVerifier, PhotoVerifier
from vision.verification.wording import Word

NEUTRAL = Calibration(
    {kind: replace(model, floor=0.0) for kind, model in Calibration.uncalibrated().kinds.items()}, "any", True
)
SATURATED = Calibration(
    {kind: replace(model, curve=((0.0, 0.0), (0.5, 0.9), (1.0, 0.9))) for kind, model in NEUTRAL.kinds.items()},
    "any",
    True,
)
"""Nothing is surer than 0.9, and much is as sure."""

PLACE = Box(0.3, 0.2, 0.6, 0.5)


def label(text):
    """A label rich in corners."""
    canvas = np.full((220, 220, 3), 250, np.uint8)
    cv2.rectangle(canvas, (6, 6), (213, 213), (10, 40, 90), 6)
    for number, line in enumerate((text, "No 7341", "BREWERY")):
        place = (20, 70 + 55 * number)
        cv2.putText(canvas, line, place, cv2.FONT_HERSHEY_TRIPLEX, 1.1, (10, 40, 90), 2, cv2.LINE_AA)
    return canvas


def bearing(mark, side=150):
    """A photograph with `mark` on it at PLACE."""
    scene = photographs.coffee().copy()
    scene[90 : 90 + side, 190 : 190 + side] = cv2.resize(mark, (side, side), interpolation=cv2.INTER_AREA)
    return scene


def unit_of(vectors):
    return (vectors / np.linalg.norm(vectors)).astype(np.float32)


def backdrop(shop, window):
    """A background set whose ordinary pictures have this window."""
    plain = {"photo": unit(shop.rng, 3, 16), "logo": unit(shop.rng, 3, 8)}
    limits = dict.fromkeys(("photo", "logo"), Limits(0.9, 0.9))
    return Background(SPACE.id, plain | {"logo": np.repeat(window, 3, axis=0)}, plain, limits)


class Shop:
    """A catalogue of marks, and searchers over it."""

    def __init__(self, database, tmp_path):
        self.brands, self.catalog = Brands(database), Catalog(database)
        self.blobs = BlobStore((tmp_path / "blobs").as_uri())
        self.gallery = Gallery.open(database, SPACE, tmp_path / "snapshots")
        self.rng = np.random.default_rng(3)
        self.window = unit(self.rng, 1, 8)

    def add(self, brand, picture, *, near=True):
        """Enrol a mark whose vector is that of the window asked with, or its opposite."""
        data = encode_png(picture)
        self.blobs.put(data)
        given = regions(self.window if near else -self.window)
        reference = self.catalog.add(new_reference(brand.id, "logo", data=data), SPACE, given)
        self.gallery.catch_up()
        return reference

    def ask(self, picture, words=None, *, box=PLACE, more=(), calibration=NEUTRAL, per_kind=None, **options):
        """Matches of a picture whose windows are `box` and `more`; `words` are what the reader reads."""
        read = None if words is None else (lambda pixels: tuple(words))
        searcher = Searcher(
            self.catalog, self.brands, self.blobs, self.gallery, calibration,
            PhotoVerifier(), LogoVerifier(), read=read, **options,
        )  # fmt: skip
        none = Regions((), np.empty((0, 16), np.float32), np.empty(0, np.float32))
        boxes = (box, *more)
        seen = Regions(boxes, np.repeat(self.window, len(boxes), axis=0), np.full(len(boxes), 0.5, np.float32))
        return searcher.search(picture, QueryEmbedding(none, seen), kinds=("logo",), per_kind=per_kind).matches


@pytest.fixture
def shop(database, tmp_path):
    return Shop(database, tmp_path)


def test_a_mark_is_found_far_from_any_window(shop):
    mark = label("OAK&ASH")
    reference = shop.add(shop.brands.create("Oakash"), mark)
    (match,) = shop.ask(bearing(mark), box=Box(0.8, 0.8, 0.95, 0.95))
    assert match.reference == reference
    assert match.features["inliers"] > 0.5
    assert match.box.iou(Box(190 / 600, 90 / 400, 340 / 600, 240 / 400)) > 0.6


def test_what_is_less_like_its_window_than_the_background_is_lined_up_for_people_or_by_its_name(shop):
    mark = label("OAK&ASH")
    shop.add(shop.brands.create("Oakash"), mark)
    other = unit(shop.rng, 1, 8)
    other = unit_of(other - (other @ shop.window.T) * shop.window)
    shop.window = unit_of(0.8 * shop.window + 0.6 * other)  # what is asked with is as alike as 0.8
    near, plain = backdrop(shop, shop.window), backdrop(shop, -shop.window)

    def inliers(background, **options):
        found = shop.ask(bearing(mark), box=Box(0.8, 0.8, 0.95, 0.95), background=background, **options)
        return max((match.features["inliers"] for match in found), default=0.0)

    assert inliers(near) == 0
    assert inliers(plain) > 0.5
    assert inliers(near, per_kind=3) > 0.5
    assert inliers(near, words=(Word("OAKASH", 1.0, WHOLE),)) > 0.5


def test_a_missing_word_counts_against_no_mark(shop):
    mark = label("OAK&ASH")
    shop.add(shop.brands.create("Oakash"), mark)
    scene = bearing(mark)
    scores = [shop.ask(scene, words)[0].score for words in (None, (), (Word("COFFEE", 1.0, WHOLE),))]
    assert scores[0] == scores[1] == scores[2]


def test_a_name_alone_finds_a_mark_whose_vector_is_far(shop):
    shop.add(shop.brands.create("Nearby"), label("ELM"))
    reference = shop.add(shop.brands.create("Oakash"), label("OAK&ASH"), near=False)
    word = Word("oakash", 1.0, Box(0.02, 0.85, 0.2, 0.95))
    best = shop.ask(photographs.coffee(), [word])[0]
    assert (best.reference, best.box) == (reference, word.box)
    assert best.reasons == ("reads \u201coakash\u201d",)
    assert reference not in [match.reference for match in shop.ask(photographs.coffee(), [])]


def test_an_altered_name_is_a_weaker_match_and_says_so(shop):
    shop.add(shop.brands.create("Adidas"), label("adidas"))
    matches = {
        text: shop.ask(photographs.coffee(), [Word(text, 1.0, Box(0.02, 0.85, 0.2, 0.95))])[0]
        for text in ("Adidas", "Adibas")
    }
    assert 0 < matches["Adibas"].confidence < matches["Adidas"].confidence
    assert matches["Adibas"].reasons == ("altered mark: reads \u201cadibas\u201d",)
    assert matches["Adibas"].kind == "logo_use"


def test_a_mark_with_another_name_is_less_sure_however_much_its_shape_agrees(shop):
    mark = label("adidas")
    reference = shop.add(shop.brands.create("Adidas"), mark)
    place = Box(0.33, 0.27, 0.52, 0.36)
    true, altered = (
        shop.ask(bearing(mark), [Word(text, 1.0, place)], calibration=SATURATED)[0] for text in ("adidas", "adibas")
    )
    assert (true.reference, altered.reference) == (reference, reference)
    assert true.confidence == 0.9
    assert altered.confidence == pytest.approx(0.72)
    assert 0 < altered.score < true.score
    assert altered.reasons[-1] == "altered mark: reads \u201cadibas\u201d"


def test_references_of_one_brand_that_agree_support_each_other(shop):
    mark = label("OAK&ASH")
    oak = shop.brands.create("Oakash")
    alone = shop.add(oak, mark)
    scene = bearing(mark)
    assert shop.ask(scene)[0].features["support"] == 0
    shop.add(oak, cv2.GaussianBlur(mark, (0, 0), 1.5))
    shop.add(shop.brands.create("Other"), label("ELM"))
    match = next(match for match in shop.ask(scene) if match.reference == alone)
    assert match.features["support"] > 0.2


def test_a_mark_behind_another_brands_at_its_place_is_less_sure_and_stays(shop):
    mark = label("OAK&ASH")
    other = shop.add(shop.brands.create("Other"), cv2.GaussianBlur(mark, (0, 0), 5))
    (alone,) = shop.ask(bearing(mark))
    own = shop.add(shop.brands.create("Oakash"), mark)
    matches = {match.reference: match for match in shop.ask(bearing(mark))}
    assert set(matches) == {own, other}
    assert alone.features["margin"] == 1.0
    assert matches[own].features["margin"] > 0.5 > matches[other].features["margin"]
    assert matches[other].score < alone.score


def test_what_a_brand_that_is_not_verified_uploads_lowers_nobodys_mark(shop):
    mark = label("OAK&ASH")
    own = shop.add(shop.brands.create("Oakash"), cv2.GaussianBlur(mark, (0, 0), 5))
    (alone,) = shop.ask(bearing(mark))
    pending = shop.add(shop.brands.create("Copycat", status="pending"), mark)
    matches = {match.reference: match for match in shop.ask(bearing(mark))}
    assert set(matches) == {own, pending}
    assert matches[own].score == alone.score
    assert {match.features["margin"] for match in matches.values()} == {1.0}


def test_a_place_is_embedded_again_from_the_original_pixels(shop):
    mark = label("OAK&ASH")
    shop.add(shop.brands.create("Oakash"), mark)
    seen = []

    def embed(crops):
        seen.extend(crops)
        return np.repeat(shop.window, len(crops), axis=0)

    (match,) = shop.ask(bearing(mark), embed_crops=embed)
    assert match.features["likeness"] == pytest.approx(1.0, abs=1e-5)
    window, whole, place = (crop.shape[0] for crop in seen)
    assert window == round(0.3 * 400) * 5 // 3
    assert whole > 400
    assert place == pytest.approx(150 * 5 / 3, abs=12)


def test_a_listing_has_two_windows_and_one_place_embedded_again_and_who_asks_for_more_all(shop):
    mark = label("OAK&ASH")
    shop.add(shop.brands.create("Oakash"), mark)
    more = [Box(0.1 * number, 0.7, 0.1 * number + 0.2, 0.9) for number in range(5)]
    counts = []
    for per_kind in (None, 8):
        shop.ask(bearing(mark), more=more, per_kind=per_kind, embed_crops=lambda crops: _counted(counts, crops, shop))
    assert counts == [2 + 1 + 1, 6 + 1 + 1]


def _counted(counts, crops, shop):
    counts.append(len(crops))
    return np.repeat(shop.window, len(crops), axis=0)


def test_a_picture_that_looks_like_bearing_no_mark_is_not_read(shop):
    mark = label("OAK&ASH")
    shop.add(shop.brands.create("Oakash"), mark)
    read = []
    matches = shop.ask(bearing(mark), logoness=0.9, embed_crops=read.append)
    assert read == []
    assert all(match.features.get("inliers", 0) == 0 for match in matches)
