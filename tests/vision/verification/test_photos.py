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
    return verifier.verify(verifier.describe(np.ascontiguousarray(query)), verifier.describe(reference))


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


@pytest.mark.parametrize("edit", [compressed, rotated])
def test_edit_still_agrees(edit, cup: Pixels) -> None:
    evidence = checked(edit(cup), cup)
    assert evidence is not None
    assert evidence.agreeing > 0.6


def test_other_photographs_do_not_agree(cat: Pixels, cup: Pixels) -> None:
    for query in (cat, data.astronaut(), data.rocket()):
        evidence = checked(query, cup)
        assert evidence is None or evidence.features()["agreement"] < 0.3


@pytest.mark.parametrize("shape", [(16, 16), (16, 400), (300, 20)])
def test_plain_or_tiny_pictures_give_nothing(shape: tuple[int, int], cup: Pixels) -> None:
    assert checked(np.full((*shape, 3), 127, np.uint8), cup) is None
    assert checked(cup, np.full((*shape, 3), 127, np.uint8)) is None


def test_features_stay_in_range(cup: Pixels) -> None:
    evidence = checked(cup, cup)
    assert evidence is not None
    assert all(0.0 <= value <= 1.0 for value in evidence.features().values())


def test_same_answer_every_time(cup: Pixels) -> None:
    assert checked(pasted(cup), cup) == checked(pasted(cup), cup)
