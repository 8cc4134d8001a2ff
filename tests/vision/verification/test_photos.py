"""The same photograph is recognised through edits, and another photograph is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from vision.boxes import Box
from vision.embedding import Pixels
from vision.verification import PhotoEvidence, PhotoVerifier


@pytest.fixture(scope="module")
def cat() -> Pixels:
    return data.chelsea()


@pytest.fixture(scope="module")
def cup() -> Pixels:
    return data.coffee()


def checked(query: Pixels, reference: Pixels) -> PhotoEvidence | None:
    verifier = PhotoVerifier()
    return verifier.verify(verifier.describe(np.ascontiguousarray(query)), verifier.enrol(reference))


def cropped(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    return pixels[height // 4 : height * 3 // 4, width // 4 : width * 3 // 4]


def pasted(pixels: Pixels) -> Pixels:
    canvas = cv2.resize(data.astronaut(), (800, 640))
    small = cv2.resize(pixels, (320, 213), interpolation=cv2.INTER_AREA)
    canvas[200:413, 100:420] = small
    return canvas


def compressed(pixels: Pixels) -> Pixels:
    small = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 15])[1], cv2.IMREAD_COLOR)


def page(seed: int) -> Pixels:
    """Dark lines of random words on white, nothing else."""
    rng = np.random.default_rng(seed)
    sheet = np.full((480, 360, 3), 255, np.uint8)
    for line in range(30, 470, 26):
        words = "".join(chr(rng.integers(97, 123)) if rng.random() > 0.2 else " " for _ in range(24))
        cv2.putText(sheet, words, (12, line), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (20, 20, 20), 1, cv2.LINE_AA)
    return sheet


def shown_small(pixels: Pixels) -> Pixels:
    """A third as wide as a tall screen with other things on it."""
    screen = np.full((900, 480, 3), 250, np.uint8)
    screen[560:900] = page(3)[:340].repeat(2, axis=1)[:, :480]
    screen[120:232, 40:208] = cv2.resize(pixels, (168, 112), interpolation=cv2.INTER_AREA)
    screen[120:280, 260:440] = cv2.resize(data.astronaut(), (180, 160), interpolation=cv2.INTER_AREA)
    return screen


def hidden(pixels: Pixels) -> Pixels:
    """A third of the picture under a piece of another."""
    covered = pixels.copy()
    height, width = pixels.shape[:2]
    covered[height // 3 : height * 2 // 3] = cv2.resize(data.rocket(), (width, height * 2 // 3 - height // 3))
    return covered


def reshot(pixels: Pixels) -> Pixels:
    """Much the same view, but nothing stays where it was: each part moves by a few pixels of its own."""
    height, width = pixels.shape[:2]
    rng = np.random.default_rng(2)
    drift = [cv2.resize(rng.normal(0, 7, (9, 9)).astype(np.float32), (width, height), interpolation=3) for _ in "xy"]
    across, down = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(pixels, across + drift[0], down + drift[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def rotated(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    return cv2.warpAffine(pixels, cv2.getRotationMatrix2D((width / 2, height / 2), 20, 1.0), (width, height))


def test_crop_is_found_where_it_was_cut(cup: Pixels) -> None:
    evidence = checked(cropped(cup), cup)
    assert evidence is not None
    assert evidence.agreeing > 0.8
    assert evidence.reference_box.iou(Box(0.25, 0.25, 0.75, 0.75)) > 0.85


def test_mirror_is_named(cup: Pixels) -> None:
    evidence = checked(cup[:, ::-1], cup)
    assert evidence is not None
    assert evidence.mirrored
    assert evidence.agreeing > 0.8
    assert "mirrored" in evidence.reasons()


def test_pasted_copy_is_boxed(cup: Pixels) -> None:
    evidence = checked(pasted(cup), cup)
    assert evidence is not None
    assert evidence.agreeing > 0.7
    assert evidence.query_box.iou(Box(100 / 800, 200 / 640, 420 / 800, 413 / 640)) > 0.8


@pytest.mark.parametrize("edit", [compressed, rotated, shown_small])
def test_edit_still_agrees(edit, cup: Pixels) -> None:
    evidence = checked(edit(cup), cup)
    assert evidence is not None
    assert evidence.agreeing > 0.6


@pytest.mark.parametrize("edit", [cropped, rotated, pasted, hidden, shown_small])
def test_a_copy_lies_on_its_reference_within_a_fraction_of_a_pixel(edit, cat: Pixels) -> None:
    evidence = checked(edit(cat), cat)
    assert evidence is not None
    assert evidence.anchors >= 16
    assert evidence.exact > 0.4


def test_a_copy_ends_where_the_reference_does(cat: Pixels) -> None:
    for edit in (cropped, rotated, pasted, hidden, shown_small):
        evidence = checked(edit(cat), cat)
        assert evidence is not None
        assert evidence.beyond == 0
        assert evidence.uneven < 3


def test_a_view_of_the_same_place_goes_on_beyond_the_edge(cup: Pixels) -> None:
    width = cup.shape[1]
    left, right = (np.ascontiguousarray(part) for part in (cup[:, : width * 3 // 4], cup[:, width // 4 :]))
    evidence = checked(left, right)
    assert evidence is not None
    assert evidence.agreeing > 0.9
    assert evidence.beyond >= 4
    assert any("beyond" in reason for reason in evidence.reasons())


def test_a_rim_that_mirrors_the_picture_is_not_more_of_it(cat: Pixels) -> None:
    framed = cv2.copyMakeBorder(cat, 60, 60, 60, 60, cv2.BORDER_REFLECT)
    evidence = checked(framed, cat)
    assert evidence is not None
    assert evidence.beyond <= 2


def test_other_light_makes_it_uneven(cat: Pixels) -> None:
    ramp = np.linspace(0.6, 1.3, cat.shape[1])[None, :, None]
    lit = np.clip(cat * ramp, 0, 255).astype(np.uint8)
    evidence, plain = checked(lit, cat), checked(compressed(cat), cat)
    assert evidence is not None
    assert plain is not None
    assert evidence.uneven > 6 > plain.uneven
    assert evidence.features()["even"] < plain.features()["even"]


def test_what_is_covered_does_not_make_the_rest_less_precise(cat: Pixels) -> None:
    evidence, whole = checked(hidden(cat), cat), checked(cat, cat)
    assert evidence is not None
    assert whole is not None
    assert evidence.agreeing < 0.8
    assert evidence.precise > 0.6 > evidence.exact


def test_a_ruled_copy_agrees_better_without_its_lines(cup: Pixels) -> None:
    ruled = cup.copy()
    for column in range(-400, cup.shape[1], 34):
        cv2.line(ruled, (column, 0), (column + 250, cup.shape[0]), (20, 160, 60), 5)
    verifier = PhotoVerifier()
    reference = verifier.enrol(cup)
    as_it_is = verifier.verify(verifier.describe(ruled, ()), reference)
    cleaned = verifier.verify(verifier.describe(ruled), reference)
    assert as_it_is is not None
    assert cleaned is not None
    assert cleaned.exact + cleaned.close > as_it_is.exact + as_it_is.close + 0.1


def test_a_view_that_moved_does_not_lie_exactly(cup: Pixels) -> None:
    evidence = checked(reshot(cup), cup)
    assert evidence is not None
    assert evidence.exact < 0.2
    assert evidence.exact < checked(compressed(cup), cup).exact


def test_two_pages_of_text_are_not_one_photograph() -> None:
    evidence = checked(page(1), page(2))
    assert evidence is None or (evidence.exact < 0.1 and evidence.anchors < 4 and evidence.whole < 0.2)
    same = checked(page(1), page(1))
    assert same is not None
    assert same.exact > 0.8


def test_other_photographs_do_not_agree(cat: Pixels, cup: Pixels) -> None:
    for query in (cat, data.astronaut(), data.rocket()):
        evidence = checked(query, cup)
        assert evidence is None or evidence.features()["agreement"] < 0.3


@pytest.mark.parametrize("shape", [(16, 16), (16, 400), (300, 20), (300, 8)])
def test_plain_or_tiny_pictures_give_nothing(shape: tuple[int, int], cup: Pixels) -> None:
    assert checked(np.full((*shape, 3), 127, np.uint8), cup) is None
    assert checked(cup, np.full((*shape, 3), 127, np.uint8)) is None


@pytest.mark.parametrize("width", [8, 20])
def test_narrow_pictures_are_compared_without_failing(width: int, cup: Pixels) -> None:
    strip = np.ascontiguousarray(cup[:, 200 : 200 + width])
    for query, reference in ((strip, cup), (cup, strip), (strip, strip)):
        evidence = checked(query, reference)
        assert evidence is None or all(0.0 <= value <= 1.0 for value in evidence.features().values())


def test_features_stay_in_range(cup: Pixels) -> None:
    evidence = checked(cup, cup)
    assert evidence is not None
    assert all(0.0 <= value <= 1.0 for value in evidence.features().values())


def test_same_answer_every_time(cup: Pixels) -> None:
    assert checked(pasted(cup), cup) == checked(pasted(cup), cup)
