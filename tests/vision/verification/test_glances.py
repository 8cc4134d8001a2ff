"""A glance tells what may be one photograph from what cannot, for a part of what verification costs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data as photographs

from vision.boxes import WHOLE, Box
from vision.verification import PhotoGlances

GLANCES = PhotoGlances()
CAT, CUP = photographs.chelsea(), photographs.coffee()


def likeness(query, reference, place=WHOLE):
    return GLANCES.compare(GLANCES.describe(query), place, GLANCES.enrol(reference))


def cut(pixels):
    height, width = pixels.shape[:2]
    return np.ascontiguousarray(pixels[height // 5 : -height // 6, width // 4 : -width // 6])


def turned(pixels):
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 20, 0.9)
    return cv2.warpAffine(pixels, matrix, (width, height))


def striped(pixels):
    canvas = pixels.copy()
    for start in range(0, pixels.shape[1], 40):
        cv2.line(canvas, (start, 0), (start + 60, pixels.shape[0]), (250, 20, 20), 4)
    return canvas


@pytest.mark.parametrize("edit", [np.fliplr, cut, turned, striped], ids=lambda edit: edit.__name__)
def test_an_edited_copy_agrees_and_another_photograph_does_not(edit):
    copy = np.ascontiguousarray(edit(CAT))
    own, other = likeness(copy, CAT).features(), likeness(copy, CUP).features()
    assert own["agreeing"] > 0.5 > other["agreeing"]
    assert own["cells"] > 1.5 * other["cells"]


def test_a_part_is_looked_at_in_its_own_size():
    canvas = cv2.resize(CUP, (600, 400))
    canvas[40:160, 60:240] = cv2.resize(CAT, (180, 120), interpolation=cv2.INTER_AREA)
    place = Box(60 / 600, 40 / 400, 240 / 600, 160 / 400)
    assert likeness(canvas, CAT, place).cells > likeness(canvas, CAT).cells
    assert likeness(canvas, CAT, place).agreeing > 0.5


@pytest.mark.parametrize(
    "picture",
    [np.full((8, 8, 3), 7, np.uint8), np.zeros((3, 900, 3), np.uint8), np.zeros((1, 1, 3), np.uint8)],
    ids=["8 px", "a line", "1 px"],
)
def test_a_picture_without_features_agrees_with_nothing(picture):
    assert likeness(picture, CAT).features() == {"cells": 0.0, "enough_cells": 0.0, "agreeing": 0.0, "blocks": 0.0}
    assert likeness(CAT, picture).cells == 0


def test_a_kept_reference_is_small_and_says_how_small():
    kept = GLANCES.enrol(cv2.resize(CAT, (1600, 1000)))
    assert 1_000 < kept.nbytes < 40_000


def test_features_lie_within_their_range_and_the_same_pair_gives_the_same():
    one, two = likeness(striped(CAT), CAT), likeness(striped(CAT), CAT)
    assert one == two
    assert all(0 <= value <= 1 for value in one.features().values())
