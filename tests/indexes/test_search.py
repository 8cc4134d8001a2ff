"""Search joins candidates to SQL, verifies the few that matter, and never fails for a lost picture."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from skimage import data as photographs

from indexes.background import Background, Limits
from indexes.blobs import BlobStore
from indexes.brands import Brands
from indexes.catalog import Catalog
from indexes.descriptions import Descriptions
from indexes.gallery import Gallery
from indexes.glancing import AROUND
from indexes.monotone import Gate
from indexes.scoring import Calibration, Judgement
from indexes.search import Searcher
from tests.indexes.catalogue import SPACE, new_reference, random_regions, regions, unit
from vision.boxes import WHOLE, Box
from vision.embedding import QueryEmbedding, Regions
from vision.images import DecodeLimits
from vision.verification import LogoVerifier, PhotoVerifier

NOTHING = {
    "photo": Regions((), np.empty((0, 16), np.float32), np.empty(0, np.float32)),
    "logo": Regions((), np.empty((0, 8), np.float32), np.empty(0, np.float32)),
}
QUERY = np.full((32, 32, 3), 100, np.uint8)


@dataclass(frozen=True)
class Agreement:
    """Evidence of the fakes: how close two mean greys are."""

    closeness: float
    query_box: Box = WHOLE
    reference_box: Box = WHOLE

    def features(self):
        return {"closeness": self.closeness}

    def reasons(self):
        return ("the greys agree",)


@dataclass(frozen=True)
class Grey:
    """A picture to the fakes: its mean grey."""

    value: float
    nbytes: int = 1000


class GreyPhotos:
    """Verifies photos by their mean grey and counts its work."""

    def __init__(self):
        self.described = 0
        self.verified = 0

    def describe(self, pixels, pasted=None, unruled=None):
        self.described += 1
        return Grey(float(pixels.mean()))

    def enrol(self, pixels):
        return self.describe(pixels)

    def verify(self, query, reference):
        self.verified += 1
        if abs(query.value - reference.value) > 100:
            return None
        return Agreement(1 - abs(query.value - reference.value) / 255)


class GreyGlances(GreyPhotos):
    """Glances at photos by their mean grey, and keeps where it looked."""

    def __init__(self):
        super().__init__()
        self.places = []

    def compare(self, query, place, reference):
        self.verified += 1
        self.places.append(place)
        return Agreement(1 - abs(query.value - reference.value) / 255)


@dataclass(frozen=True)
class RightGlimpse:
    """A place of a mark to the fakes: the further right, the more it agrees."""

    logos: GreyLogos
    window: Box

    @property
    def strength(self):
        return self.window.x0

    def settle(self):
        self.logos.verified += 1
        return Agreement(self.window.x0, query_box=self.window)


class GreyLogos(GreyPhotos):
    """Glimpses a mark in every window."""

    def __init__(self):
        super().__init__()
        self.glimpsed = 0

    def glimpse(self, scene, window, template):
        self.glimpsed += 1
        return RightGlimpse(self, window)

    def line_up(self, scene, template):
        return None


class Closeness:
    """A calibration whose score is the one feature of the fakes; `floors` by kind, `leads` for both."""

    def __init__(self, *, certain=False, leads=-2.0, first=None, **floors):
        self.floors = floors
        self.leads = leads
        self.trust = 1.0 if certain else 0.5
        self.first = first

    def judge(self, kind, features):
        assert -1 <= features["similarity"] <= 1.001
        return Judgement(score=features["closeness"], confidence=features["closeness"] * self.trust)

    def floor(self, kind):
        return self.floors.get(kind, -1.0)

    def gate(self, kind):
        return 0.2

    def lead(self, kind):
        return self.leads

    def glance(self, kind):
        return self.first


def picture(grey, size=(40, 30)):
    """PNG bytes of a plain picture."""
    file = io.BytesIO()
    Image.new("RGB", size, (grey, grey, grey)).save(file, "PNG")
    return file.getvalue()


class Bench:
    """A catalogue with pictures, and searchers over it."""

    def __init__(self, database, tmp_path):
        self.brands = Brands(database)
        self.catalog = Catalog(database)
        self.blobs = BlobStore((tmp_path / "blobs").as_uri())
        self.gallery = Gallery.open(database, SPACE, tmp_path / "snapshots")
        self.acme = self.brands.create("Acme")
        self.rng = np.random.default_rng(11)
        self.photos, self.logos = GreyPhotos(), GreyLogos()

    def add(self, grey=100, kind="photo", brand=None, given=None):
        data = picture(grey, (40, 30 + self.catalog.count()))
        self.blobs.put(data)
        given = given or random_regions(self.rng, kind)
        reference = self.catalog.add(new_reference((brand or self.acme).id, kind, data=data), SPACE, given)
        self.gallery.catch_up()
        return reference, given

    def searcher(self, calibration=None, **options):
        parts = (self.catalog, self.brands, self.blobs, self.gallery, calibration or Closeness())
        return Searcher(*parts, self.photos, self.logos, **options)


@pytest.fixture
def bench(database, tmp_path):
    return Bench(database, tmp_path)


def asking(photo=None, logo=None):
    """A query embedding."""
    return QueryEmbedding(photo=photo or NOTHING["photo"], logo=logo or NOTHING["logo"])


def test_matches_come_by_falling_score_with_their_rows(bench):
    shared = random_regions(bench.rng)
    near, _ = bench.add(110, given=shared)
    far, _ = bench.add(150, given=shared)
    same, _ = bench.add(100, given=shared)
    result = bench.searcher().search(QUERY, asking(shared))
    assert [match.reference for match in result.matches] == [same, near, far]
    first = result.matches[0]
    assert (first.kind, first.brand, first.score, first.confidence) == ("stolen_photo", bench.acme, 1.0, 0.5)
    assert (first.box, first.reasons) == (WHOLE, ("the greys agree",))
    assert result.generation == 3
    assert set(result.seconds) == {"search", "glances", "photos", "marks", "words", "score"}
    assert result.seconds["photos"] > 0 == result.seconds["marks"]


def background(bench):
    """A background set that leaves every candidate of the fakes open."""
    drawn = {"photo": unit(bench.rng, 3, 16), "logo": unit(bench.rng, 3, 8)}
    return Background(SPACE.id, drawn, drawn, {"photo": Limits(1, 1), "logo": Limits(1, 1)})


def test_only_what_a_first_look_lets_pass_is_verified(bench):
    shared = random_regions(bench.rng)
    near, _ = bench.add(110, given=shared)
    bench.add(180, given=shared)
    glances, calibration = GreyGlances(), Closeness(first=Gate({"closeness": 1.0}, -0.9))
    searcher = bench.searcher(calibration, background=background(bench), glances=glances)
    result = searcher.search(QUERY, asking(shared))
    assert [match.reference for match in result.matches] == [near]
    assert (glances.verified, bench.photos.verified) == (2, 1)
    assert result.seconds["glances"] > 0
    everything = searcher.search(QUERY, asking(shared), per_kind=2)
    assert (len(everything.matches), glances.verified, everything.seconds["glances"]) == (2, 2, 0)


def test_a_second_look_goes_where_the_picture_resembles_the_reference(bench):
    corner = Box(0.5, 0.5, 1, 1)
    _, given = bench.add(180)
    asked = Regions((corner,) * len(given), given.vectors, given.weights)
    glances = GreyGlances()
    searcher = bench.searcher(
        Closeness(first=Gate({"closeness": 1.0}, -0.9)), background=background(bench), glances=glances
    )
    assert searcher.search(QUERY, asking(asked)).matches == ()
    assert glances.places == [WHOLE, corner.padded(AROUND).clipped()]


def test_without_a_background_or_a_gate_nothing_is_looked_at_first(bench):
    shared = random_regions(bench.rng)
    bench.add(180, given=shared)
    glances = GreyGlances()
    for calibration, given in ((Closeness(first=Gate({}, -1.0)), None), (Closeness(), background(bench))):
        searcher = bench.searcher(calibration, background=given, glances=glances)
        assert len(searcher.search(QUERY, asking(shared)).matches) == 1
    assert glances.described == 0


def test_a_candidate_whose_picture_is_gone_does_not_pass_a_first_look(bench):
    shared = random_regions(bench.rng)
    lost, _ = bench.add(100, given=shared)
    bench.blobs.delete(lost.sha256)
    skipped = []
    searcher = bench.searcher(
        Closeness(first=Gate({}, 0.0)), background=background(bench), glances=GreyGlances(), on_skipped=skipped.append
    )
    assert searcher.search(QUERY, asking(shared)).matches == ()
    assert skipped == ["BlobMissing"]


def test_what_verification_does_not_see_is_no_match(bench):
    _, given = bench.add(250)
    assert bench.searcher().search(QUERY, asking(given)).matches == ()
    assert bench.photos.verified == 1


def test_both_kinds_are_searched_and_each_reference_matched_once_per_kind(bench):
    photo, photo_vectors = bench.add(100)
    logo, logo_vectors = bench.add(20, "logo")
    twice = Regions((Box(0.1, 0, 0.4, 1), Box(0.6, 0, 0.9, 1)), logo_vectors.vectors, np.ones(2, np.float32))
    searcher = bench.searcher()
    result = searcher.search(QUERY, asking(photo_vectors, twice))
    assert [(match.kind, match.reference) for match in result.matches] == [("stolen_photo", photo), ("logo_use", logo)]
    assert result.matches[1].box == Box(0.6, 0, 0.9, 1)  # the place where the mark agrees more
    only = searcher.search(QUERY, asking(photo_vectors, twice), kinds=("logo",))
    assert [match.reference for match in only.matches] == [logo]


def test_a_brand_is_never_shown_anothers_references(bench):
    other = bench.brands.create("Other")
    shared = random_regions(bench.rng)
    mine, _ = bench.add(given=shared)
    theirs, _ = bench.add(given=shared, brand=other)
    searcher = bench.searcher()
    asked = {
        brand.id: searcher.search(QUERY, asking(shared), brand_ids=frozenset({brand.id}))
        for brand in (bench.acme, other)
    }
    assert [match.reference for match in asked[bench.acme.id].matches] == [mine]
    assert [match.reference for match in asked[other.id].matches] == [theirs]
    assert searcher.search(QUERY, asking(shared), brand_ids=frozenset({"brd_none"})).matches == ()
    assert {match.reference.id for match in searcher.search(QUERY, asking(shared)).matches} == {mine.id, theirs.id}


def test_one_brand_cannot_crowd_out_another_when_it_asks(bench):
    other = bench.brands.create("Other")
    shared = random_regions(bench.rng)
    for _ in range(40):
        bench.catalog.add(new_reference(other.id), SPACE, shared)
    mine, _ = bench.add(given=shared)
    result = bench.searcher().search(QUERY, asking(shared), brand_ids=frozenset({bench.acme.id}), per_kind=1)
    assert [match.reference for match in result.matches] == [mine]


def test_an_unverified_brand_takes_no_places_of_a_verified_one(bench):
    stranger = bench.brands.create("Stranger", "unverified")
    base = np.eye(16)[0]
    mine, _ = bench.add(110, given=regions([0.98 * base + np.sqrt(1 - 0.98**2) * np.eye(16)[1]]))
    for _ in range(28):
        bench.add(
            100, brand=stranger, given=regions([base])
        )  # more alike than the original, and certain: more of them than rows are read of
    matches = bench.searcher(Closeness(certain=True)).search(QUERY, asking(regions([base]))).matches
    assert mine in [match.reference for match in matches]
    assert sum(match.brand.id == stranger.id for match in matches) == 8


def test_the_index_is_not_believed_over_sql(bench):
    off, given = bench.add()
    gone, more = bench.add()
    suspended = bench.brands.create("Gone", "suspended")
    _, hidden = bench.add(brand=suspended)
    bench.catalog.update(off.id, status="disabled")  # the gallery has not caught up
    bench.catalog.delete(gone.id)
    asked = regions(np.concatenate([given.vectors, more.vectors, hidden.vectors]))
    assert bench.searcher().search(QUERY, asking(asked)).matches == ()
    assert bench.photos.verified == 0


def test_a_lost_or_damaged_picture_is_passed_over_and_reported(bench, caplog, tmp_path):
    shared = random_regions(bench.rng)
    lost, _ = bench.add(given=shared)
    damaged, _ = bench.add(given=shared)
    kept, _ = bench.add(given=shared)
    bench.blobs.delete(lost.sha256)
    (path,) = (tmp_path / "blobs").rglob(damaged.sha256)
    path.write_bytes(b"not what it was")
    skipped = []
    result = bench.searcher(on_skipped=skipped.append).search(QUERY, asking(shared))
    assert [match.reference for match in result.matches] == [kept]
    assert skipped == ["BlobMissing", "BlobMissing"]
    assert lost.id in caplog.text
    assert damaged.id in caplog.text


def test_a_clean_picture_costs_no_verification(bench):
    bench.add(given=regions(np.eye(16)[:2]))
    result = bench.searcher(Closeness(photo=0.5)).search(QUERY, asking(regions(np.eye(16)[8:12])))
    assert result.matches == ()
    assert (bench.photos.described, bench.photos.verified) == (0, 0)


def test_only_the_most_similar_are_verified_and_references_described_once(bench):
    base = np.eye(16)[0]
    made = []
    for step in range(6):
        vector = base + 0.2 * step * np.eye(16)[1]
        made.append(bench.add(given=regions([vector / np.linalg.norm(vector)]))[0])
    searcher = bench.searcher()
    for _ in range(3):
        result = searcher.search(QUERY, asking(regions([base])), per_kind=2)
        assert {match.reference.id for match in result.matches} == {made[0].id, made[1].id}
    assert bench.photos.verified == 6
    assert bench.photos.described == 3 + 2  # each query once, each reference once


def test_without_a_number_few_are_verified_and_a_certain_match_ends_it(bench):
    base = np.eye(16)[0]
    for step in range(12):
        vector = base + 0.2 * step * np.eye(16)[1]
        bench.add(given=regions([vector / np.linalg.norm(vector)]))
    doubtful = bench.searcher().search(QUERY, asking(regions([base])))
    assert len(doubtful.matches) == bench.photos.verified == 8
    certain = bench.searcher(Closeness(certain=True)).search(QUERY, asking(regions([base])))
    assert len(certain.matches) == bench.photos.verified - 8 == 3  # the next is clearly less similar
    assert len(bench.searcher(Closeness(certain=True)).search(QUERY, asking(regions([base])), per_kind=6).matches) == 6


def test_of_many_places_of_marks_the_most_promising_are_looked_at_closely(bench):
    for _ in range(6):
        _, given = bench.add(20, "logo", given=random_regions(bench.rng, "logo"))
    places = tuple(Box(0.5 + step / 20, 0, 0.55 + step / 20, 1) for step in range(8))
    wide = Regions(places, np.repeat(given.vectors[:1], 8, axis=0), np.ones(8, np.float32))
    matches = bench.searcher().search(QUERY, asking(logo=wide)).matches
    assert (bench.logos.glimpsed, bench.logos.verified) == (8, 3)
    assert len(matches) <= 3
    bench.searcher().search(QUERY, asking(logo=wide), per_kind=6)
    assert bench.logos.verified == 3 + 12  # two places of each mark, all looked at


def test_descriptions_are_kept_within_their_bytes(bench):
    references = [bench.add(grey)[0] for grey in (10, 20, 30)]
    kept = Descriptions(bench.blobs, bench.photos.describe, max_bytes=2_000, limits=DecodeLimits())
    for reference in (*references, references[2], references[0]):
        assert kept.of(reference).value == references.index(reference) * 10 + 10
        assert kept.nbytes <= 2_000
    assert bench.photos.described == 4  # the third was still there, the first had left


def test_an_empty_catalogue_matches_nothing(bench):
    result = bench.searcher().search(QUERY, asking(random_regions(bench.rng), random_regions(bench.rng, "logo")))
    assert (result.matches, result.generation) == ((), 0)


def test_real_photographs_verified_for_real(bench):
    """The edited copy is a confident match, another photograph offered as a candidate is not."""
    originals = [photographs.chelsea(), photographs.coffee(), photographs.rocket()]
    shared = random_regions(bench.rng)
    for pixels in originals:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=92)
        bench.blobs.put(file.getvalue())
        bench.catalog.add(new_reference(bench.acme.id, data=file.getvalue()), SPACE, shared)
    bench.gallery.catch_up()
    parts = (bench.catalog, bench.brands, bench.blobs, bench.gallery, Calibration.uncalibrated())
    searcher = Searcher(*parts, PhotoVerifier(), LogoVerifier())
    cropped = np.ascontiguousarray(originals[0][30:, 40:][:, ::-1])
    result = searcher.search(cropped, asking(shared))
    best = result.matches[0]
    assert best.reference.pk == 1
    assert best.confidence > 0.5
    assert all(match.confidence < 0.2 for match in result.matches[1:])
    assert best.reference_box.iou(Box(40 / 451, 30 / 300, 1, 1)) > 0.8


def test_what_is_no_more_similar_than_the_background_is_verified_for_people_only(bench):
    reference, given = bench.add()
    asked = QueryEmbedding(given, NOTHING["logo"])
    near, far = (
        Background(
            SPACE.id,
            {"photo": np.concatenate([vectors, vectors, vectors]), "logo": unit(bench.rng, 3, 8)},
            {"photo": unit(bench.rng, 3, 16), "logo": unit(bench.rng, 3, 8)},
            dict.fromkeys(("photo", "logo"), Limits(0.9, 0.9)),
        )
        for vectors in (given.vectors, -given.vectors)
    )
    everyday, telling = bench.searcher(background=near), bench.searcher(background=far)
    assert everyday.search(QUERY, asked).matches == ()
    assert bench.photos.verified == 0
    assert [match.reference.id for match in telling.search(QUERY, asked).matches] == [reference.id]
    assert [match.reference.id for match in everyday.search(QUERY, asked, per_kind=3).matches] == [reference.id]


def test_where_no_candidate_leads_none_is_verified(bench):
    reference, given = bench.add()
    asked = QueryEmbedding(given, NOTHING["logo"])
    background = Background(
        SPACE.id,
        {"photo": np.concatenate([-given.vectors] * 3), "logo": unit(bench.rng, 3, 8)},
        {"photo": unit(bench.rng, 3, 16), "logo": unit(bench.rng, 3, 8)},
        dict.fromkeys(("photo", "logo"), Limits(0.9, 0.9)),
    )
    behind = bench.searcher(Closeness(leads=2.1), background=background)
    ahead = bench.searcher(Closeness(leads=0.5), background=background)
    assert behind.search(QUERY, asked).matches == ()
    assert bench.photos.verified == 0
    assert [match.reference.id for match in ahead.search(QUERY, asked).matches] == [reference.id]
    assert [match.reference.id for match in behind.search(QUERY, asked, per_kind=3).matches] == [reference.id]
